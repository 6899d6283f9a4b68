#!/usr/bin/env bash
# tarnd inside a memory cgroup of its own, with a limit that is real: what it takes for itself, what it refuses, and that more than it can hold does not kill it.
. "$(dirname "$0")/lib.sh"

limit=$((128 << 20))
if [ -w /sys/fs/cgroup/cgroup.subtree_control ] && grep -qw memory /sys/fs/cgroup/cgroup.subtree_control; then
    group=/sys/fs/cgroup/tarn-e2e-$$ file=memory.max peak=memory.peak
elif [ -d /sys/fs/cgroup/memory ]; then
    group=/sys/fs/cgroup/memory/tarn-e2e-$$ file=memory.limit_in_bytes peak=memory.max_usage_in_bytes
fi
if [ -z "${group:-}" ] || ! mkdir -p "$group/inner" 2>"$W/why" || ! echo $limit 2>"$W/why" >"$group/$file"; then
    echo "SKIPPED: tarnd in a memory cgroup: none can be made here: $(head -n 1 "$W/why" 2>/dev/null || echo no memory controller)"
    ok
    exit
fi
leave() {
    finish_processes=$(cat "$group/inner/cgroup.procs" 2>/dev/null)
    for p in $finish_processes; do kill -9 "$p" 2>/dev/null; done
    for _ in $(seq 50); do rmdir "$group/inner" "$group" 2>/dev/null && break; sleep 0.1; done
    finish
}
trap leave EXIT
# The limit stands one above the process, as a pod's does.
inside() { bash -c 'echo $$ >"$0/inner/cgroup.procs" && exec "$@"' "$group" "$@"; }

start_sim --generate pods=15000,nodes=3
check "by itself a realm's budget is at most 40 % of the limit" test "$(inside "$BIN/tarnd" --server "$url" --resource pods --print-config | sed -n 's/^budget: \([0-9]*\).*/\1/p')" -le $((limit / 10 * 4))
check_refused "a larger budget than the limit is refused" "more than the 128 MiB this process may use" inside "$BIN/tarnd" --server "$url" --resource pods --budget 256MiB --check-config
check_refused "so is one that old generations would make too large" "oldGenerations 2" inside "$BIN/tarnd" --server "$url" --resource pods --budget 64MiB --old-generations 2 --check-config
start agent bash -c 'echo $$ >"$0/inner/cgroup.procs" && exec "$@"' "$group" "$BIN/tarnd" --runtime-dir "$W/run" --server "$url" --resource pods --resource nodes --budget 48MiB
agent=$started
eventually "nodes are synced" synced nodes
full() { [ "$(tarn status -o json | jq '.agent.resources[] | select(.name == "pods") | .times_full')" -ge 1 ]; }
eventually "more pods than the region holds: it is full, and says so" full
check "it lives" kill -0 "$agent"
check "within the limit" test "$(cat "$group/$peak" 2>/dev/null || echo 0)" -le $limit
check "what fits is served" test "$(tarn get nodes -o name | wc -l)" = 3
says_why() { tarn get pods -A 2>&1 | grep -q "is full.*Raise its budget"; }
eventually "of the other readers hear why it is not there" says_why
check "the region breaks no rule" tarn verify

#!/usr/bin/env bash
# Every command that README and docs show is run as it stands there, page by page, in a world made for it: a simulated API server, an agent
# that mirrors it, a kubeconfig in the home folder, the programs on the path, the tree around. A page is one shell, so what a block exports
# holds for the next; blocks that no machine can run say why (```sh skip: REASON). Usage: test_commands.sh FOLDER-OF-PROGRAMS [PAGE...]
. "$(dirname "$0")/../e2e/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
build=$(cd "$BIN/.." && pwd)
shift
cd "$source" || exit 1
[ $# -gt 0 ] || set -- README.md $(ls docs/*.md docs/clients/*.md docs/man/*.md client/python/*.md 2>/dev/null)
for tool in jq curl; do command -v $tool >/dev/null || { echo "SKIPPED: $tool is not installed"; ok; exit 0; }; done
if nm -D "$build/lib/libtarn.so" | grep -qE '__asan_|__tsan_|__ubsan_'; then
    echo "SKIPPED: pages compile against the library, and a plain compiler cannot link a sanitizer's; the plain build runs them"
    ok
    exit 0
fi

# The tree as a reader has it, with this build as its build/.
tree=$W/tree
mkdir -p "$tree" "$W/home/.kube" "$W/run"
for f in "$source"/* "$source"/.ci; do case ${f##*/} in build*) ;; *) ln -s "$f" "$tree/" ;; esac; done
ln -s "$build" "$tree/build"

start_sim --generate pods=200,nodes=10,services=20,configmaps=10,deployments=5 --churn 20 --seed 7
cat >"$W/home/.kube/config" <<CONFIG
apiVersion: v1
kind: Config
current-context: demo
contexts: [{name: demo, context: {cluster: demo, user: demo}}]
clusters: [{name: demo, cluster: {server: "$url"}}]
users: [{name: demo, user: {}}]
CONFIG
start_agent --server "$url" --resource pods --resource nodes --resource services --resource endpointslices.discovery.k8s.io
eventually "the agent syncs" tarn status --synced || exit 1

# run_page PAGE: its script in a session of its own, which is ended whole
run_page() {
    local page=$1 script=$W/page.sh out=$W/page.out pid end
    if ! awk -f "$here/blocks.awk" "$page" >"$script" 2>"$W/complaints"; then
        while read -r line; do bad "$line"; done <"$W/complaints"
    fi
    grep -q '^echo .@' "$script" || return 0
    rm -rf "$W/home/.tarn" "$W/home/try"
    local socket=TARN_SOCKET=$TARN_SOCKET # a page that starts an agent of its own has none: tarnd would take it for its own socket
    ! grep -qE '(^|/)tarnd --' "$script" || socket=PAGE=$page
    (cd "$tree" && exec setsid env -u TARN_SOCKET HOME="$W/home" PATH="$BIN:$PATH" URL="$url" TMPDIR="$W" "$socket" \
        bash -eu "$script") >"$out" 2>"$W/page.err" </dev/null &
    pid=$!
    pids+=("-$pid")
    end=$((SECONDS + 60))
    while kill -0 $pid 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.1; done
    if kill -0 $pid 2>/dev/null; then
        bad "$page: not ended after 60 s; it stands at line $(awk '/^@block/ { l = $2 } END { print l }' "$out")"
    elif ! wait $pid; then
        bad "$page: a command of the block at line $(awk '/^@block/ { l = $2 } END { print l }' "$out") failed: $(tail -n 4 "$W/page.err")"
    fi
    kill -TERM -- -$pid 2>/dev/null
    for _ in $(seq 20); do kill -0 -- -$pid 2>/dev/null || break; sleep 0.1; done
    kill -KILL -- -$pid 2>/dev/null
    passed=$((passed + $(grep -c '^@done' "$out")))
    awk -v page="$page" '/^@skipped/ { print "note: " page ":" $2 " is not run; the page says why" }' "$out"
}
for page in "$@"; do
    t0=$SECONDS
    run_page "$page"
    [ $((SECONDS - t0)) -lt 10 ] || echo "note: $page took $((SECONDS - t0)) s"
done

# The checker itself: it finds what lies.
lies() { printf '%b' "$1" >"$W/lie.md"; awk -f "$here/blocks.awk" "$W/lie.md" >/dev/null 2>&1; }
for lie in '```sh skip:\nx\n```\n' '```bash\nls\n```\n' '    tarn get pods\n' '```sh\nls\n'; do lies "$lie" && bad "not found: $lie" || ok; done
lies 'text\n```sh\ntrue\n```\n```text\ntarn get\n```\n' && ok || bad "an honest page is refused"
printf '```sh\ntarn get nothing-of-the-kind\n```\n' >"$W/lie.md"
before=$failed
run_page "$W/lie.md" >/dev/null
if [ "$failed" -gt "$before" ]; then failed=$before; ok; else bad "a command that fails is not noticed"; fi

#!/usr/bin/env bash
# A region that breaks its format: readers get an error and no object, and say so to the agent, which tells it, once for each of them.
. "$(dirname "$0")/lib.sh"

start_sim --generate pods=20,nodes=3
start_agent --server "$url" --resource pods --resource nodes
eventually "all syncs" all_synced pods nodes
check "nobody has complained" test "$(tarn status -o json | jq .agent.agent.corrupt_reports)" = 0

# the reference of the table, in the agent's own mapping of the region
/usr/bin/python3 - "$agent" >"$W/wreck.log" 2>&1 <<'PY'
import re, struct, sys
pid = sys.argv[1]
for line in open(f"/proc/{pid}/maps"):
    m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw-s 0+ .*memfd:tarn", line)
    if not m:
        continue
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as mem:
        mem.seek(int(m[1], 16) + 256)
        mem.write(struct.pack("<I", 0xfffffff1))
    print("wrecked", line.strip())
PY
if ! grep -q wrecked "$W/wreck.log"; then
    echo "SKIPPED: a broken region: the agent's memory cannot be written from here: $(tail -n 1 "$W/wreck.log")"
    exit
fi
check_refused "a reader gets an error" "breaks its format" tarn get pods -A
check "and no object" test -z "$(tarn get pods -A -o name 2>/dev/null)"
eventually "the agent tells who has seen it" logged "a client says that the region breaks its format"
check "with the program" grep -q 'breaks its format.* realm=cluster generation=[0-9]* commit=[0-9]* program=tarn pid=[0-9]* uid=' "$W/agent.log"
check "the agent goes on" kill -0 "$agent"

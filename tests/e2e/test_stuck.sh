#!/usr/bin/env bash
# A reader that holds a snapshot for ever, and memory that runs short for it: the ladder asks for a new generation, the reader keeps what it has,
# everyone else goes on; when it lets go, the old generation goes.
. "$(dirname "$0")/lib.sh"

realm() { tarn status -o json 2>/dev/null | jq -r ".agent.realms[] | select(.name == \"cluster\") | $1"; }
is() { [ "$("${@:2}")" = "$1" ]; }
at_least() { local v; v=$("${@:2}") && [ "$v" -ge "$1" ]; }

cat >"$W/c.yaml" <<'YAML'
realms:
  - name: cluster
    budget: 16MiB
    resources: [{name: configmaps, drop: []}, {name: nodes}]
hugePages: false
YAML
write() { # rounds: 40 configmaps of 40 KB, made once and changed in each round
    python3 - "$url" "$1" <<'PY'
import json, sys, http.client
host = sys.argv[1].split("//")[1]
c = http.client.HTTPConnection(host)
def ask(method, path, body):
    c.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    r = c.getresponse()
    r.read()
    return r.status
for n in range(int(sys.argv[2])):
    for i in range(40):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{i}"}, "data": {"x": f"{n:05d}" * 8000}}
        if n == 0:
            ask("POST", "/api/v1/namespaces/default/configmaps", body)
        else:
            assert ask("PUT", f"/api/v1/namespaces/default/configmaps/c{i}", body) == 200
PY
}
start_sim --generate nodes=3
write 1
start_agent --config "$W/c.yaml" --server "$url"
eventually "all is there" status_says "^configmaps +40 +yes +yes"
first=$(realm .generation)
start replayer "$BIN/e2e-replayer" configmaps
replayer=$started
eventually "an informer follows" grep -q "^synced" "$W/replayer.log"
start holder "$BIN/e2e-holder" configmaps
holder=$started
eventually "a reader holds a snapshot" grep -q "^holding 40" "$W/holder.log"

write 12 # twelve times 1.6 MB: more than the region has, if the snapshot's versions are to stay
eventually "a new generation, because readers hold memory" at_least 1 realm .handovers_stuck
check "the number went up" at_least $((first + 1)) realm .generation
check "no pin was revoked for it" is 0 realm .memory.revoked_lease
newest() { tarn get configmaps c39 -n default -o json | jq -r '.data.x[0:5]' | grep -qx 00011; }
eventually "writes go on" newest
eventually "what it holds is kept" at_least 1 realm .old_generations
check "the region breaks no rule" tarn verify
kill -USR1 "$holder"
eventually "the holder reads what it read at first" grep -q "^same 40" "$W/holder.log"
kill "$holder"
eventually "the old generation goes with it" is 0 realm .old_generations
kill -STOP "$sim"
kill -USR1 "$replayer"
eventually "the informer lost and repeated nothing" grep -q "^equal 40 " "$W/replayer.log"
kill -CONT "$sim"

#!/usr/bin/env bash
# Room enough, but in pieces: small objects that went leave holes between those that stay, and a large one finds no place. The realm moves to a
# new generation where what lives lies together; a follower goes over without losing or repeating an event (a burst that overran its log it compares).
. "$(dirname "$0")/lib.sh"

realm() { tarn status -o json 2>/dev/null | jq -r ".agent.realms[] | select(.name == \"cluster\") | $1"; }
at_least() { local v; v=$("${@:2}") && [ "$v" -ge "$1" ]; }
create() { # prefix, from, to, bytes
    python3 - "$url" "$@" <<'PY'
import json, sys, http.client
url, prefix, first, last, size = sys.argv[1:]
c = http.client.HTTPConnection(url.split("//")[1])
for i in range(int(first), int(last)):
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{prefix}{i}"}, "data": {"x": "y" * int(size)}})
    c.request("POST", "/api/v1/namespaces/default/configmaps", body, {"Content-Type": "application/json"})
    r = c.getresponse()
    r.read()
    assert r.status == 201, r.status
PY
}
cat >"$W/c.yaml" <<'YAML'
realms:
  - name: cluster
    budget: 16MiB
    resources: [{name: configmaps, drop: []}]
hugePages: false
YAML
start_sim --generate nodes=1
create small 0 4000 2000
start_agent --config "$W/c.yaml" --server "$url"
eventually "the small ones are there" status_says "^configmaps +4000 +yes +yes"
start replayer "$BIN/e2e-replayer" configmaps
replayer=$started
eventually "a reader follows" grep -q "^synced" "$W/replayer.log"
for i in $(seq 0 3999); do
    [ $((i % 10)) = 0 ] || printf 'url = "%s/api/v1/namespaces/default/configmaps/small%s"\noutput = /dev/null\n' "$url" "$i"
done >"$W/gone"
curl -fsS -X DELETE -K "$W/gone"
eventually "every tenth stays" status_says "^configmaps +400 +yes +yes"
create large 0 100 100000
eventually "the large ones find room" status_says "^configmaps +500 +yes +yes"
check "by a compaction" at_least 1 realm .handovers_compact
check "which is in the log" logged "why=compaction"
same_maps() { same configmaps /api/v1/configmaps; }
eventually "the mirror is equal to the server" same_maps
no_old_generation() { [ "$(realm .old_generations)" = 0 ]; }
eventually "the old generation is gone" no_old_generation
check "the region breaks no rule" tarn verify
kill -USR1 "$replayer"
eventually "the reader's events make what a snapshot holds, none came twice" grep -q "^equal 500 generation 2 " "$W/replayer.log"

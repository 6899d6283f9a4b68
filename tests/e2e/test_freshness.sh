#!/usr/bin/env bash
# How fresh is what a reader sees: lag and age, reading one's own writes, waits that say why they are in vain, lists for safety,
# and a server that was restored from a backup, which no watch tells (R-20, R-26, section 15).
. "$(dirname "$0")/lib.sh"
waiter() { "$BIN/e2e-waiter" "$@"; }

start_sim --generate pods=50,nodes=3,services=5,configmaps=5
cat >"$W/c.yaml" <<'YAML'
resources:
  - {name: pods, drop: []}
  - {name: services, drop: [], relistPeriod: 1s}
  - {name: configmaps, drop: [], poll: 5s}
budget: 32MiB
probeAfter: 2s
YAML
start_agent --config "$W/c.yaml" --server "$url"
eventually "all sync" all_synced pods services configmaps
seen() { tarn status --timeout 2000 -o json 2>/dev/null | jq -r --arg n "$1" '.resources[] | select(.name == $n) | '"$2"; }
lag_is() { [ "$(seen "$1" .lagMs)" "$2" "$3" ]; }

# ---- read your own writes
create() { # name: prints the resourceVersion of the write
    curl -fsS -X POST "$url/api/v1/namespaces/default/pods" -H 'Content-Type: application/json' \
        -d "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"$1\",\"namespace\":\"default\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}" |
        jq -r .metadata.resourceVersion
}
for i in $(seq 20); do
    rv=$(create "own-$i")
    check "the write at $rv is read" waiter rv pods "$rv" "default/own-$i"
done
check_refused "a version that does not come is a timeout that tells both" "not yet at 99999999" env WAIT_MS=300 "$BIN/e2e-waiter" rv pods 99999999
check_refused "what is no number is refused" "is not a number" waiter rv pods abc
WAIT_MS=3000 waiter rv pods 99999999 >/dev/null 2>"$W/slept"
check "the wait sleeps until the doorbell, it does not ask again and again" test "$(awk '{print $2}' "$W/slept")" -lt 100
(WAIT_MS=60000 waiter rv pods "$((rv + 1))" default/late) &
waiting=$!
pids+=("$waiting")
create late >/dev/null
check "a wait that began before the write ends with it" wait "$waiting"

# ---- lag and age
check "what is watched does not lag" lag_is pods -eq 0
polled_lags() { [ "$(seen configmaps .live)" = true ] && lag_is configmaps -ge 1000 && lag_is configmaps -lt 60000; }
eventually "what is polled lags since its last list, though all is well" polled_lags
fault '[{"kind":"status","resource":"pods","verb":"watch","code":503},{"kind":"status","resource":"pods","verb":"list","code":503}]'
curl -fsS -X POST "$url/sim/drop-watches" -d '{"resource":"pods","how":"cut"}' >/dev/null
eventually "without a watch it lags" lag_is pods -ge 300
check "and its age is told" test "$(seen pods .lastEventAgeMs)" -ge 300
heal
eventually "and no longer when it is back" lag_is pods -eq 0

# ---- a list for safety, although the watch is up
n=$(resource services .relists)
eventually "services are listed again and again" resource_says services .relists $((n + 2))
check "pods are not" test "$(resource pods .lists)" -lt 6

# ---- a change that no watch tells: the safety list finds it
fault '{"kind":"lost-event","resource":"services","count":1}'
curl -fsS -X PATCH "$url/api/v1/namespaces/$(tarn get services -A -o json | jq -r '.items[0].metadata | .namespace + "/services/" + .name')" \
    -H 'Content-Type: application/merge-patch+json' -d '{"metadata":{"labels":{"lost":"yes"}}}' >/dev/null
lost() { [ -n "$(tarn get services -A -l lost=yes -o name)" ]; }
eventually "a lost event is made good" lost
heal

# ---- the server goes back to an older state; watches from its future are silent
curl -fsS -X POST "$url/sim/change" -d '{"count":40}' >/dev/null
rv=$(create will-be-forgotten)
check "its last write is there" waiter rv pods "$rv" default/will-be-forgotten
curl -fsS -X POST "$url/sim/rewind" -d '{"by":30}' >/dev/null
eventually "that it went back is counted" resource_says pods .rv_rewinds 1
told() { [ "$(seen pods .rvRewinds)" -ge 1 ]; }
eventually "and told to readers" told
forgotten() { ! tarn get pods will-be-forgotten -n default -o name; }
eventually "what the server forgot is gone" forgotten
eventually "equal again, object by object" same pods /api/v1/pods
check "the log says why" logged "was it restored?"

# ---- a wait for what cannot come says so, with resource and verb
for code in 401 403 404; do
    kill -TERM "$agent"
    wait "$agent"
    fault "[{\"kind\":\"status\",\"resource\":\"pods\",\"verb\":\"list\",\"code\":$code},{\"kind\":\"status\",\"resource\":\"pods\",\"verb\":\"watch\",\"code\":$code}]"
    start_agent --config "$W/c.yaml" --server "$url" --streaming-lists=false
    eventually "$code: the agent is there" status_says '^pods '
    waiter synced pods >"$W/why" 2>/dev/null
    check "$code: the wait ends" test $? = 1
    check "$code: with the API's Status, the resource and the verb" grep -qE "^TARN_E_STATUS pods cannot sync: .*list pods.*\($code " "$W/why"
    heal
done
check_refused "a resource that is not mirrored" "TARN_E_RESOURCE" waiter synced gadgets
eventually "once it may, the wait succeeds" waiter synced pods

# ---- a whole other server under the same address, with lower versions
stop_hard "$sim"
eventually "a server that is gone: not live" status_says "^pods +[0-9]+ +yes +NO"
check "readers keep the last state" tarn get pods -A
sim_port=$port start_sim --generate pods=23,services=4,configmaps=3
eventually "after a restart with other objects: equal again" same pods /api/v1/pods
eventually "services, too" same services /api/v1/services
eventually "configmaps, too" same configmaps /api/v1/configmaps
check "the region breaks no rule" tarn verify

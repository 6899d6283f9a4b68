#!/usr/bin/env bash
# What the API server is spared, counted at the server: LISTs at a time, requests a second, one watch a resource whatever readers there are.
. "$(dirname "$0")/lib.sh"

start_sim --generate pods=60,nodes=3,services=5,configmaps=5,deployments=5,replicasets=5,endpointslices=5,namespaces=3
stat_of() { curl -fsS "$url/sim/stats" | jq ".$1"; }
resources=(pods nodes services configmaps deployments.apps replicasets.apps endpointslices.discovery.k8s.io namespaces)
args=()
for r in "${resources[@]}"; do args+=(--resource "$r"); done

# ---- LISTs at a time: each one hangs, so no more than allowed ever begin (paged lists, then streaming ones)
for streaming in false true; do
    verb=$([ $streaming = true ] && echo watch || echo list)
    fault "{\"kind\":\"stall\",\"verb\":\"$verb\"}"
    counter=$([ $streaming = true ] && echo watches || echo lists)
    before=$(stat_of $counter)
    start_agent --server "$url" "${args[@]}" --max-lists 3 --streaming-lists=$streaming
    three() { [ $(($(stat_of $counter) - before)) = 3 ]; }
    all_found() { [ "$(tarn status -o json | jq '[.agent.resources[] | select(.found)] | length')" = ${#resources[@]} ]; }
    eventually "three lists begin (streaming $streaming)" three
    eventually "all resources are found" all_found
    waits() { [ "$(tarn status -o json | jq .agent.agent.transfers_waiting)" = $((${#resources[@]} - 3)) ]; }
    eventually "the others wait in the agent" waits
    check "still three" three
    kill -TERM "$agent"
    wait "$agent"
    heal
done

# ---- a streaming list gives its place free when it has become a watch
start_agent --server "$url" "${args[@]}" --max-lists 1
eventually "all sync one after the other" tarn status --synced
eventually "and all are watched" test "$(stat_of openWatches)" = ${#resources[@]}

# ---- one watch a resource, however many readers
readers=()
for i in $(seq 8); do
    "$BIN/tarn" events pods -A >"$W/reader-$i.out" 2>&1 &
    readers+=($!)
    pids+=($!)
done
attached() { [ "$(tarn status -o json | jq '.agent.clients | length')" -ge 8 ]; }
eventually "eight readers are attached" attached
requests=$(stat_of requests)
curl -fsS -X POST "$url/sim/change" -d '{"count":50}' >/dev/null
all_told() { for i in $(seq 8); do [ -s "$W/reader-$i.out" ] || return 1; done; }
eventually "each reader is told of changes" all_told
check "the server has one watch a resource" test "$(stat_of openWatches)" = ${#resources[@]}
check "and heard of no reader (these questions of the test aside)" test $(($(stat_of requests) - requests)) -le 6
for p in "${readers[@]}"; do kill "$p"; done
kill -TERM "$agent"
wait "$agent"

# ---- requests a second: never more than the burst and what the time since allows
requests=$(stat_of requests) begin=$(date +%s%N) asked=0
start_agent --server "$url" "${args[@]}" --requests-per-second 5 --request-burst 3
within() {
    local n allowed
    n=$(stat_of requests) asked=$((asked + 1))
    allowed=$((3 + 5 * ($(date +%s%N) - begin) / 1000000000 + asked))
    [ $((n - requests)) -le "$allowed" ] || bad "$((n - requests)) requests; at most $allowed were allowed"
}
synced_slowly() {
    within
    tarn status --synced
}
eventually "all sync, slowly" synced_slowly
within
check "the bucket has not lost a request" resource_says pods .watches 1

#!/usr/bin/env bash
# Watches that end, stall, expire and lie, while everything changes: in the end the mirror equals the server,
# object by object, with nothing dropped (R-13, R-15, R-20 to R-25, W-1 to W-7).
. "$(dirname "$0")/lib.sh"

run_faults() {
    local f
    curl -fsS -X POST "$url/sim/churn" -d '{"perSecond":200}' >/dev/null
    for f in \
        '{"kind":"watch-error","code":410,"events":5,"count":3}' \
        '{"kind":"status","verb":"watch","code":410,"count":2}' \
        '{"kind":"short-watch","ms":20,"count":6}' \
        '{"kind":"truncate","verb":"watch","bytes":3000,"count":4}' \
        '{"kind":"garble","verb":"watch","bytes":700,"count":2}' \
        '{"kind":"close","count":4}' \
        '{"kind":"expire-continue","count":3}' \
        '{"kind":"no-end-bookmark","count":1}' \
        '{"kind":"watch-error","code":500,"events":2,"count":2}' \
        '{"kind":"watch-error","code":429,"events":2,"count":2}' \
        '{"kind":"old-event","resource":"pods","by":3,"count":2}'; do
        fault "$f" || bad "the simulator does not take $f"
        curl -fsS -X POST "$url/sim/drop-watches" -d '{"resource":"pods","how":"cut"}' >/dev/null
        curl -fsS -X POST "$url/sim/drop-watches" -d '{"resource":"deployments.apps","how":"end"}' >/dev/null
        sleep 0.4
    done
    # what a lying event left behind only a list can mend: make the version the agent has too old
    curl -fsS -X POST "$url/sim/drop-watches" -d '{"how":"cut"}' >/dev/null
    curl -fsS -X POST "$url/sim/change" -d '{"count":100}' >/dev/null
    curl -fsS -X POST "$url/sim/compact" -d '{"resource":"pods"}' >/dev/null
    heal
    curl -fsS -X POST "$url/sim/quiesce" >/dev/null
}

for streaming in true false; do
    cat >"$W/c.yaml" <<YAML
resources:
  - {name: pods, drop: [], indexes: [spec.nodeName, "label:app", labels, owner]}
  - {name: nodes, drop: []}
  - {name: services, drop: []}
  - {name: endpointslices, drop: []}
  - {name: deployments.apps, drop: []}
streamingLists: $streaming
pageSize: 50
YAML
    start_sim --generate pods=300,nodes=20,services=40 --churn 100
    start_agent --config "$W/c.yaml" --server "$url"
    eventually "streaming=$streaming: everything syncs" all_synced pods nodes services endpointslices.discovery.k8s.io deployments.apps
    if [ $streaming = true ]; then
        check "streaming lists were used" resource_says pods .streaming_lists 1
    else
        check "plain lists were used" resource_says pods .list_pages 1
    fi
    run_faults
    for r in pods:/api/v1/pods nodes:/api/v1/nodes services:/api/v1/services \
        endpointslices.discovery.k8s.io:/apis/discovery.k8s.io/v1/endpointslices deployments.apps:/apis/apps/v1/deployments; do
        WAIT=120 eventually "streaming=$streaming: ${r%%:*} equal the server's after faults and churn" same "${r%%:*}" "${r#*:}"
    done
    check "streaming=$streaming: relists happened" resource_says pods .expired 1
    check "streaming=$streaming: the region breaks no rule" tarn verify
    check "streaming=$streaming: the indexes agree with the list" index_sums
    kill -TERM "$agent"
    wait "$agent"
    stop_hard "$sim"
done

#!/usr/bin/env bash
# Several namespaces of a resource: one LIST and one WATCH each, one resource to readers (R-16, L-3).
. "$(dirname "$0")/lib.sh"

start_sim --generate pods=120,nodes=5,services=20
ns_list=$(curl -fsS "$url/api/v1/pods" | jq -r '[.items[].metadata.namespace] | unique | .[]')
mapfile -t ns <<<"$ns_list"
check "the simulator has several namespaces" test "${#ns[@]}" -ge 3
cat >"$W/c.yaml" <<YAML
resources:
  - {name: pods, namespaces: [${ns[0]}, ${ns[1]}], drop: []}
  - {name: services, drop: []}
streamingLists: false
budget: 32MiB
YAML
start_agent --config "$W/c.yaml" --server "$url"
eventually "both namespaces sync" all_synced pods services

of_server() { for n in "$@"; do curl -fsS "$url/api/v1/namespaces/$n/pods" | jq -c '.items[]'; done | jq -S -s 'map(del(.apiVersion, .kind)) | sort_by(.metadata.namespace, .metadata.name)'; }
of_mirror() { tarn get pods -A -o json | jq -S '[.items[] | del(.apiVersion, .kind)] | sort_by(.metadata.namespace, .metadata.name)'; }
two_equal() { [ "$(of_server "${ns[0]}" "${ns[1]}")" = "$(of_mirror)" ]; }
eventually "the mirror is both namespaces, object by object" two_equal
check "and nothing of a third" test -z "$(tarn get pods -n "${ns[2]}" -o name 2>/dev/null)"
check "by the namespace's index too" test "$(tarn get pods -n "${ns[1]}" -o name | wc -l)" = "$(curl -fsS "$url/api/v1/namespaces/${ns[1]}/pods" | jq '.items | length')"

# ---- changes in both come in
curl -fsS -X POST "$url/sim/change" -d '{"count":300}' >/dev/null
eventually "changes in both arrive" two_equal
check "status tells of each namespace" test "$(resource pods '[.namespaces[] | select(.synced and .live) | .namespace] | join(" ")')" = "${ns[0]} ${ns[1]}"

# ---- a relist of one leaves the other alone: only its watch is told that it is too old
count_lists() { resource pods .lists; }
before=$(count_lists)
fault "{\"kind\":\"watch-error\",\"resource\":\"pods\",\"code\":410,\"events\":0,\"count\":1}"
curl -fsS -X POST "$url/sim/drop-watches" -d '{"resource":"pods","how":"end"}' >/dev/null
more_lists() { [ "$(count_lists)" -gt "$before" ]; }
eventually "one namespace is listed again" more_lists
heal
eventually "all live again" synced pods
eventually "nothing of the other namespace was lost" two_equal

# ---- what went while nothing was watched is deleted by its own namespace's list
fault '{"kind":"status","resource":"pods","verb":"watch","code":500}'
curl -fsS -X POST "$url/sim/drop-watches" -d '{"resource":"pods","how":"cut"}' >/dev/null
victim=$(curl -fsS "$url/api/v1/namespaces/${ns[0]}/pods" | jq -r '.items[0].metadata.name')
curl -fsS -X DELETE "$url/api/v1/namespaces/${ns[0]}/pods/$victim?gracePeriodSeconds=0" >/dev/null
heal
eventually "a delete that no watch told" two_equal
check "it is gone" test -z "$(tarn get pods -n "${ns[0]}" -o name | grep "/$victim\$")"

# ---- refused in one namespace: synced only when all have; the reason is there, and the other is served
kill -TERM "$agent"
wait "$agent"
cat >"$W/c2.yaml" <<YAML
resources:
  - {name: pods, namespaces: [${ns[0]}, no-such-namespace-yet], drop: []}
  - {name: nodes, namespaces: [a]}
budget: 32MiB
YAML
fault "{\"kind\":\"status\",\"resource\":\"pods\",\"verb\":\"list\",\"code\":403,\"count\":1}"
fault "{\"kind\":\"status\",\"resource\":\"pods\",\"verb\":\"watch\",\"code\":403,\"count\":1}"
start_agent --config "$W/c2.yaml" --server "$url"
eventually "an empty namespace syncs as empty, when the refused one has" synced pods
heal
check "the log names the namespace" grep -qE "namespace=(${ns[0]}|no-such-namespace-yet)" "$W/agent.log"
eventually "namespaces of a cluster-scoped resource are refused in words" status_says '^nodes .*nodes have no namespaces'
check "the region breaks no rule" tarn verify

#!/usr/bin/env bash
# What a resource is asked for and what of it is kept: selectors with the environment's variables, metadata only, projections,
# ready indexes, polling in place of a watch (L-3, R-2, P-1 ... P-9).
. "$(dirname "$0")/lib.sh"

start_sim --generate pods=80,nodes=4,services=10,configmaps=10
post() { curl -fsS -X POST "$url$1" -H 'Content-Type: application/json' -d "$2" >/dev/null; }
put_pod() { # name, node, status as JSON
    post /api/v1/namespaces/default/pods "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"$1\",\"namespace\":\"default\",\"labels\":{\"app\":\"shape\"},
      \"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"rs\",\"uid\":\"owner-1\"}]},
      \"spec\":{\"nodeName\":\"$2\",\"containers\":[{\"name\":\"a\",\"image\":\"img-a\",\"env\":[{\"name\":\"X\",\"value\":\"1\"}]},{\"name\":\"b\",\"image\":\"img-b\"}]},\"status\":$3}"
}
put_pod marked node-x '{"phase":"Running","podIP":"10.9.8.7","podIPs":[{"ip":"10.9.8.7"},{"ip":"fd00::7"}],"containerStatuses":[{"name":"a","containerID":"containerd://0a1b2c"},{"name":"b","containerID":"containerd://3d4e5f"}],"initContainerStatuses":[{"name":"i","containerID":"containerd://6a7b"}]}'

# ---- this node's pods; every ready index
cat >"$W/c.yaml" <<'YAML'
resources:
  - name: pods
    fieldSelector: spec.nodeName=$(SHAPE_NODE)
    indexes: [node, owner, podIP, containerID, labels, "label:app", "spec.containers[*].image"]
budget: 32MiB
YAML
unset SHAPE_NODE
check_refused "a variable that is not set stops the start, with its place" "c.yaml:3:20: environment variable SHAPE_NODE is not set" \
    "$BIN/tarnd" --config "$W/c.yaml" --server "$url" --check-config
SHAPE_NODE=node-x start_agent --config "$W/c.yaml" --server "$url"
eventually "this node's pods sync" synced pods
check "they are its own" test "$(tarn get pods -A -o name)" = pod/marked
finds() { [ "$(tarn get pods -A --index "$1" -o name)" = pod/marked ]; }
for value in node=node-x owner=owner-1 podIP=10.9.8.7 podIP=fd00::7 containerID=containerd://0a1b2c containerID=0a1b2c containerID=3d4e5f containerID=6a7b \
    labels=app=shape label:app=shape 'spec.containers[*].image=img-b'; do
    check "found by $value" finds "$value"
done
check "and not by another" test -z "$(tarn get pods -A --index containerID=0a1b -o name 2>/dev/null)"
put_pod second node-x '{"phase":"Pending"}'
put_pod other node-y '{"phase":"Pending"}'
two() { [ "$(tarn get pods -A -o name | sort | tr '\n' ' ')" = "pod/marked pod/second " ]; }
eventually "a pod that comes to the node comes, one of another node does not" two
patch() { curl -fsS -X PATCH "$url/api/v1/namespaces/default/pods/marked$1" -H 'Content-Type: application/merge-patch+json' -d "$2" >/dev/null; }
patch /status '{"status":{"podIP":"10.9.8.8","podIPs":[{"ip":"10.9.8.8"}]}}'
eventually "its new address finds it" finds podIP=10.9.8.8
check "its old ones do not" test -z "$(tarn get pods -A --index podIP=fd00::7 -o name 2>/dev/null)$(tarn get pods -A --index podIP=10.9.8.7 -o name 2>/dev/null)"
by_label() { [ "$(tarn get pods -A --index "label:app=$1" -o name)" = pod/marked ]; }
next_agent() {
    kill -TERM "$agent"
    wait "$agent"
    start_agent --config "$W/c.yaml" --server "$url"
}

# ---- metadata only, by LIST and by streaming list; projections with wildcards
for streaming in false true; do
    cat >"$W/c.yaml" <<YAML
resources:
  - {name: pods, metadataOnly: true, indexes: [owner, "label:app"]}
  - {name: services, metadataOnly: true, drop: []}
  - {name: nodes, keep: [metadata.labels, "status.addresses[*].address"]}
  - {name: configmaps, drop: [data]}
streamingLists: $streaming
budget: 32MiB
YAML
    next_agent
    eventually "all sync (streaming lists $streaming)" all_synced pods services nodes configmaps
    tarn get pods -A -o json >"$W/pods.json"
    check "metadata and nothing else" test "$(jq -c '[.items[] | keys] | unique' "$W/pods.json")" = '[["apiVersion","kind","metadata"]]'
    check "by what the API calls it" test "$(jq -r '[.items[] | .kind + .apiVersion] | unique[]' "$W/pods.json")" = PartialObjectMetadatameta.k8s.io/v1
    check "no managedFields" test "$(jq '[.items[].metadata | select(.managedFields)] | length' "$W/pods.json")" = 0
    check "all of them" test "$(jq '.items | length' "$W/pods.json")" = "$(curl -fsS "$url/api/v1/pods" | jq '.items | length')"
    check "metadata equals the server's" test "$(jq -S '[.items[].metadata] | sort_by(.uid)' <(tarn get services -A -o json) | md5sum)" = \
        "$(curl -fsS "$url/api/v1/services" | jq -S '[.items[].metadata] | sort_by(.uid)' | md5sum)"
    check "found by owner" test "$(tarn get pods -A --index owner=owner-1 -o name | wc -l)" -ge 1
    patch '' "{\"metadata\":{\"labels\":{\"app\":\"changed-$streaming\"}}}"
    eventually "its watch brings metadata, too" by_label "changed-$streaming"
    tarn get nodes -o json >"$W/nodes.json"
    check "only what is kept" test "$(jq -c '[.items[] | keys - ["apiVersion", "kind", "metadata", "status"]] | unique' "$W/nodes.json")" = '[[]]'
    check "of each element of a list" test "$(jq -c '[.items[].status.addresses[] | keys] | unique' "$W/nodes.json")" = '[["address"]]'
    check "a dropped path is gone" test "$(tarn get configmaps -A -o json | jq '[.items[] | select(.data)] | length')" = 0
    check "no event was of another type" test "$(resource pods .mismatches)" = 0
done

# ---- drop inside every element of a list
cat >"$W/c.yaml" <<'YAML'
resources:
  - {name: pods, drop: ["spec.containers[*].env", "spec.containers[1].image", "metadata.annotations"]}
budget: 32MiB
YAML
next_agent
eventually "pods sync" synced pods
tarn get pods marked -n default -o json >"$W/marked.json"
check "no container has its env" test "$(tarn get pods -A -o json | jq '[.items[].spec.containers[] | select(.env)] | length')" = 0
check "the rest of it is there" test "$(jq -c '[.spec.containers[] | [.name, .image]]' "$W/marked.json")" = '[["a","img-a"],["b",null]]'

# ---- polling: the server has no watch, or none is wanted
fault '{"kind":"no-watch","resource":"services"}'
cat >"$W/c.yaml" <<'YAML'
resources:
  - {name: services, drop: []}
  - {name: configmaps, drop: [], poll: 1s}
  - {name: nodes, drop: [], poll: 1s, labelSelector: "no=such"}
budget: 32MiB
pageSize: 3
YAML
next_agent
eventually "what cannot be watched is listed" all_synced services configmaps nodes
check "every 30 s where nothing else is said" test "$(resource services .poll_ms)" = 30000
check "status tells the period" test "$(resource configmaps .poll_ms)" = 1000
check "no watch was asked for" test "$(resource services .watches)$(resource configmaps .watches)" = 00
eventually "equal, object by object" same services /api/v1/services
eventually "equal, object by object: configmaps" same configmaps /api/v1/configmaps
polls() { resource configmaps .lists; }
commits() { tarn status -o json | jq '.agent.realms[0].puts + .agent.realms[0].deletes'; }
n=$(polls) before=$(commits)
eventually "it is polled again and again" resource_says configmaps .lists $((n + 3))
check "polls that bring nothing new change nothing" test "$(commits)" = "$before"
post /api/v1/namespaces/default/configmaps '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"polled","namespace":"default"},"data":{"a":"1"}}'
has_polled() { tarn get configmaps polled -n default -o name; }
eventually "a new object comes with a poll" has_polled
check "it was one change" test "$(commits)" = $((before + 1))
curl -fsS -X DELETE "$url/api/v1/namespaces/default/configmaps/polled" >/dev/null
gone() { ! has_polled; }
eventually "a deleted one goes" gone
check "pages were asked for" resource_says configmaps .list_pages 6
fault '{"kind":"status","resource":"configmaps","verb":"list","code":503}'
eventually "a poll that fails is told of" status_says '^configmaps .*NO .*failed to list configmaps'
check "what it had stays" test "$(tarn get configmaps -A -o name | wc -l)" -ge 10
heal
eventually "and heals" synced configmaps
check "the region breaks no rule" tarn verify

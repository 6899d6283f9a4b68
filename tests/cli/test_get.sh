#!/usr/bin/env bash
# tarn get: what the server would give, object by object; kubectl's dialect; every bad input told.
. "$(dirname "$0")/lib.sh"
up 300 0

# The server's list with the type of each item put back, sorted by key.
server_list() { # PATH APIVERSION KIND
    curl -sf "$url$1" | jq -S --arg v "$2" --arg k "$3" \
        '[.items[] | {apiVersion: $v, kind: $k} + .] | sort_by(.metadata.namespace, .metadata.name)'
}
mirror_list() { "$bin/tarn" get "$1" -A -o json | jq -S '.items | sort_by(.metadata.namespace, .metadata.name)'; }

for row in "pods /api/v1/pods v1 Pod" "nodes /api/v1/nodes v1 Node" "services /api/v1/services v1 Service" \
    "endpointslices.discovery.k8s.io /apis/discovery.k8s.io/v1/endpointslices discovery.k8s.io/v1 EndpointSlice"; do
    # shellcheck disable=SC2086
    set -- $row
    server_list "$2" "$3" "$4" >"$run/server.json"
    mirror_list "$1" >"$run/mirror.json"
    if [ "$(jq length "$run/server.json")" -gt 0 ] && cmp -s "$run/server.json" "$run/mirror.json"; then
        ok
    else
        bad "$1: the mirror differs from the server: $(diff "$run/server.json" "$run/mirror.json" | head -n 5)"
    fi
done

pod=$("$bin/tarn" get pods -A --no-headers | head -n 1)
read -r ns name _ <<<"$pod"
check "number of pods" 300 "$("$bin/tarn" get pods -A --no-headers | wc -l)"
check "by short name" 300 "$("$bin/tarn" get po -A --no-headers | wc -l)"
check "by kind" 20 "$("$bin/tarn" get Node --no-headers | wc -l)"
check "without its group" 30 "$("$bin/tarn" get endpointslices -A --no-headers | wc -l)"
check "sorted by key" "" "$("$bin/tarn" get pods -A --no-headers | awk '{print $1 "/" $2}' | LC_ALL=C sort -c 2>&1)"
check "one by name" "$name" "$("$bin/tarn" get pod "$name" -n "$ns" --no-headers | awk '{print $1}')"
check "RESOURCE/NAME" "pod/$name" "$("$bin/tarn" get "pod/$name" -n "$ns" -o name)"
check "one as JSON is the object itself" "$name" "$("$bin/tarn" get pod "$name" -n "$ns" -o json | jq -r .metadata.name)"
check "columns" "NAME READY STATUS RESTARTS AGE" "$("$bin/tarn" get pods -n "$ns" | head -n 1 | xargs)"
check "wide columns" "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES" \
    "$("$bin/tarn" get pods -n "$ns" -o wide | head -n 1 | xargs)"
check "node columns" "NAME STATUS ROLES AGE VERSION" "$("$bin/tarn" get nodes | head -n 1 | xargs)"
check "labels" "$("$bin/tarn" get pod "$name" -n "$ns" -o json | jq -r '.metadata.labels | to_entries | map("\(.key)=\(.value)") | join(",")')" \
    "$("$bin/tarn" get pod "$name" -n "$ns" --show-labels --no-headers | awk '{print $NF}')"
# Anything that reads YAML reads the object: kubectl turns it into JSON again.
if command -v kubectl >/dev/null; then
    "$bin/tarn" get pod "$name" -n "$ns" -o json | jq -S 'del(.metadata.managedFields)' >"$run/as.json" # kubectl drops them
    "$bin/tarn" get pod "$name" -n "$ns" -o yaml | kubectl create --dry-run=client --validate=false --server "$url" -o json -f - 2>"$run/err" | jq -S . >"$run/as.yaml"
    cmp -s "$run/as.json" "$run/as.yaml" && ok || bad "YAML reads as another object: $(diff "$run/as.json" "$run/as.yaml" | head -n 8; cat "$run/err")"
fi

# Selectors and indexes give the same objects as filtering the whole list.
all=$run/all.json
"$bin/tarn" get pods -A -o json >"$all"
node=$(jq -r '.items[0].spec.nodeName' "$all")
app=$(jq -r '.items[0].metadata.labels.app' "$all")
names() { jq -r "$1" "$all" | LC_ALL=C sort; }
got() { "$bin/tarn" get pods -A "$@" -o json | jq -r '.items[].metadata.name' | LC_ALL=C sort; }
check "by index" "$(names ".items[] | select(.spec.nodeName == \"$node\") | .metadata.name")" "$(got --index "spec.nodeName=$node")"
check "by field" "$(names ".items[] | select(.spec.nodeName == \"$node\") | .metadata.name")" "$(got --field-selector "spec.nodeName=$node")"
check "by label" "$(names ".items[] | select(.metadata.labels.app == \"$app\") | .metadata.name")" "$(got -l "app=$app")"
check "by label, negated" "$(names ".items[] | select(.metadata.labels.app != \"$app\") | .metadata.name")" "$(got -l "app!=$app")"
check "index and label" "$(names ".items[] | select(.spec.nodeName == \"$node\" and .metadata.labels.app == \"$app\") | .metadata.name")" \
    "$(got --index "spec.nodeName=$node" -l "app in ($app)")"
check "keys of an index value" "$(got --index "spec.nodeName=$node" | wc -l)" "$("$bin/tarn" index pods "spec.nodeName=$node" | wc -l)"
check "values of an index" "$(names '.items[].spec.nodeName // empty' | uniq)" "$("$bin/tarn" index pods spec.nodeName --no-headers | awk '{print $1}')"
check "copying mode" "$(cat "$all")" "$(TARN_COPY=1 "$bin/tarn" get pods -A -o json)"

# kubectl sees the same names in the server as tarn in the region.
if command -v kubectl >/dev/null; then
    check "kubectl get pods -o name" "$(kubectl --server "$url" get pods -A -o name 2>/dev/null | LC_ALL=C sort)" \
        "$("$bin/tarn" get pods -A -o name | LC_ALL=C sort)"
fi

# Bad input.
fails 1 "'secrets' is not mirrored here; the agent mirrors: .*pods" "$bin/tarn" get secrets
fails 1 'pods "default/no-such" not found' "$bin/tarn" get pods no-such
fails 1 "cannot be the name" "$bin/tarn" get pods a/b
fails 1 "have no index 'spec.x'; indexes: .*spec.nodeName" "$bin/tarn" get pods -A --index spec.x=1
fails 1 "." "$bin/tarn" get pods -A -l 'a in b'
fails 1 "." "$bin/tarn" get pods -A --field-selector 'status.phase'
fails 2 "which resource.*tarn get pods" "$bin/tarn" get
fails 2 "which resource.*tarn events pods" "$bin/tarn" events
fails 2 "which resource.*tarn index pods" "$bin/tarn" index
fails 2 "unexpected argument 'more'" "$bin/tarn" index pods namespace more
fails 2 "^tarn get: .*--nope" "$bin/tarn" get pods --nope
fails 2 "options come after the verb" "$bin/tarn" -n default get pods
check "tarn help VERB is tarn VERB --help" "$("$bin/tarn" get --help)" "$("$bin/tarn" help get)"
fails 2 "NAME=VALUE" "$bin/tarn" get pods --index spec.nodeName
fails 2 "unknown output format 'xml'" "$bin/tarn" get pods -o xml
fails 2 "do not go together" "$bin/tarn" get pods x -l a=b
fails 2 "use -n, not -A" "$bin/tarn" get pods x -A
fails 2 "each has to name its resource" "$bin/tarn" get pods/a b
fails 2 "to watch is to watch one resource" "$bin/tarn" get pods,nodes --watch
fails 2 "sort-by does not go with --watch" "$bin/tarn" get pods --watch --sort-by .metadata.name
fails 2 "unrecognized option" "$bin/tarn" get pods --colour
fails 2 "not a number of seconds" "$bin/tarn" get pods --timeout soon
fails 2 "unknown verb 'gte'" "$bin/tarn" gte pods
fails 3 "no such socket" "$bin/tarn" get pods --socket "$run/nobody"
fails 3 "socket is empty" "$bin/tarn" get pods --socket ''
fails 3 "nothing listens" "$bin/tarn" get pods --socket "$run/tarn.yaml"
fails 3 "realm" "$bin/tarn" get pods --realm nowhere
fails 0 "No resources found in namespace nowhere" "$bin/tarn" get pods -n nowhere
finish

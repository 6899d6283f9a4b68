#!/usr/bin/env bash
# kubectl on tarn's read API beside kubectl on the API server that tarn mirrors: the same commands must print the same (ages aside).
#
#   kubectl_reads.sh SERVER-KUBECONFIG TARN-KUBECONFIG [KUBECTL]      prints "N passed, N failed"
#
# Both must hold pods (some labelled app=web or on a node of their own), nodes, services, configmaps, namespaces, endpointslices and a custom resource
# widgets.lab.example.com; tarn mirrors these with nothing dropped. The server's kubeconfig may write.
set -u
dir=$(mktemp -d)
watcher=
trap 'kill $watcher 2>/dev/null; wait; rm -rf "$dir"' EXIT
server=$1 tarn=$2 kubectl=${3:-kubectl} passed=0 failed=0
export HOME=$dir
unset KUBECONFIG

on() { timeout 60 "$kubectl" --kubeconfig "$1" "${@:2}"; }
judge() { # WHAT GOOD WHY
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: %s\n' "$1" "$(head -c 1500 <<<"$3")"
    fi
}
expect() { # WHAT REGEX ARGUMENTS...: tarn's answer succeeds and matches
    local out rc
    out=$(on "$tarn" "${@:3}" 2>&1)
    rc=$?
    [ $rc = 0 ] && grep -Eq -- "$2" <<<"$out"
    judge "$1" $? "exit $rc: $out"
}
refuse() { # WHAT REGEX ARGUMENTS...: tarn refuses and says why
    local out rc
    out=$(on "$tarn" "${@:3}" 2>&1)
    rc=$?
    [ $rc != 0 ] && grep -Eq -- "$2" <<<"$out"
    judge "$1" $? "exit $rc: $out"
}
ageless() { sed -E 's/(^| )[0-9]+[smhd]([0-9]+[smh])?( ago)?( |$)/ AGE\4/g; s/<unknown>/AGE/; s/ +/ /g'; }
alike() { # ARGUMENTS...: both print the same
    on "$server" "$@" 2>&1 | ageless >"$dir/server"
    on "$tarn" "$@" 2>&1 | ageless >"$dir/tarn"
    [ -s "$dir/tarn" ] && cmp -s "$dir/server" "$dir/tarn"
    judge "$*" $? "$(diff "$dir/server" "$dir/tarn" | head -n 20)"
}
eventually() { # WHAT COMMAND...
    local end=$((SECONDS + 100))
    until "${@:2}" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { judge "$1" 1 "$(tail -n 5 "$dir/watch")"; return; }
        sleep 0.1
    done
    judge "$1" 0 ''
}

first='jsonpath={.items[0].metadata.namespace} {.items[0].metadata.name} {.items[0].spec.nodeName}'
read -r ns pod node < <(on "$server" get pods -A -o "$first")

expect version 'Server Version: .*v?1' version
expect api-resources 'pods +po +v1 +true +Pod' api-resources
expect 'api-resources, custom' 'widgets .*lab.example.com/v1 +true +Widget' api-resources
expect 'api-resources, names' '^endpointslices.discovery.k8s.io$' api-resources -o name
while read -r what; do
    # shellcheck disable=SC2086
    alike get $what
done <<END
pods -A
pods -A -o wide
pods -A -o json
pods -A -o name
pods -A -l app=web
pods -A -l app!=web,app
pods -A --field-selector spec.nodeName=$node -o wide
pods -A --field-selector metadata.namespace=$ns,status.phase!=Failed
pods -A --field-selector spec.hostname=x
pods -A --chunk-size=7
pods -A --chunk-size=7 -o json
pods -A --sort-by=.metadata.uid
pods -A --show-labels
pods -A -L app --no-headers
pods -A -o custom-columns=N:.metadata.name,I:.status.podIP
pod $pod -n $ns
pod $pod -n $ns -o yaml
pod $pod -n $ns -o wide
pod nobody -n $ns
pods -n nowhere
nodes
nodes -o wide
services -A -o wide
configmaps -A
configmap cm-0 -n proto -o json
endpointslices -A
namespaces
widgets -n proto
widgets -A -o json
widget w0 -n proto
pods,services -A
END
expect get-raw '"kind": ?"PodList"' get --raw "/api/v1/namespaces/$ns/pods?limit=1"
# Events are not mirrored here: they are not shown, and hinder nothing.
expect describe-pod "^Name: +$pod" describe pod "$pod" -n "$ns"
expect describe-node 'Non-terminated Pods' describe nodes
expect describe-service 'Selector: +' describe services -A
expect describe-custom 'API Version: +lab.example.com/v1' describe widget w0 -n proto
refuse label 'MethodNotAllowed|does not allow|Method' label pod "$pod" -n "$ns" x=y
refuse delete 'MethodNotAllowed|does not allow|Method' delete pod "$pod" -n "$ns" --wait=false

# A watch tells what is done at the server meanwhile.
timeout 300 "$kubectl" --kubeconfig "$tarn" get configmaps -n proto -w --output-watch-events --no-headers >"$dir/watch" 2>&1 &
watcher=$!
eventually 'the watch tells what is there' grep -q 'ADDED *cm-0 ' "$dir/watch"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: watched, namespace: proto}\n' >"$dir/new.yaml"
on "$server" create --validate=false -f "$dir/new.yaml" >/dev/null
eventually 'the watch tells a new object' grep -q 'ADDED *watched ' "$dir/watch"
on "$server" label configmap watched -n proto q=r >/dev/null
eventually 'the watch tells a change' grep -q 'MODIFIED *watched ' "$dir/watch"
on "$server" delete configmap watched -n proto >/dev/null
eventually 'the watch tells a delete' grep -q 'DELETED *watched ' "$dir/watch"
echo "$passed passed, $failed failed"
[ $failed = 0 ]

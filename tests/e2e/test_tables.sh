#!/usr/bin/env bash
# Tables of the read API and of the CLI: the forms that kubectl asks for, watched too, and custom resources with the columns of their definition.
. "$(dirname "$0")/lib.sh"

group=lab.example.com crds=apis/apiextensions.k8s.io/v1/customresourcedefinitions
definition() { # columns
    jq -n --argjson columns "$1" --arg group $group '{apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition",
        metadata: {name: "widgets.\($group)"}, spec: {group: $group, scope: "Namespaced",
        names: {plural: "widgets", singular: "widget", kind: "Widget"}, versions: [{name: "v1", served: true, storage: true,
        schema: {openAPIV3Schema: {type: "object", "x-kubernetes-preserve-unknown-fields": true}}, additionalPrinterColumns: $columns}]}}'
}
send() { curl -fsS -X "$1" "$url/$2" -H "Content-Type: application/${3:-json}" -d @- >/dev/null; }
start_sim --generate pods=20,nodes=3,configmaps=2 --churn 0
definition '[{"name":"Size","type":"integer","jsonPath":".spec.size"},
    {"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"whether it is","priority":1}]' | send POST $crds
widget() { jq -n --arg n "$1" --argjson size "$2" '{apiVersion: "lab.example.com/v1", kind: "Widget", metadata: {name: $n}, spec: {size: $size},
    status: {conditions: [{type: "Ready", status: "True"}]}}'; }
widget one 7 | send POST apis/$group/v1/namespaces/default/widgets
start_agent --server "$url" --resource pods --resource nodes --resource configmaps --resource "widgets.$group" \
    --resource customresourcedefinitions.apiextensions.k8s.io --api-socket "$W/api.sock"
eventually "the agent syncs" all_synced pods nodes configmaps "widgets.$group"

table() { curl -fsS -A test --unix-socket "$W/api.sock" -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io' "http://localhost/$1"; }
eventually "the read API answers" table api/v1/nodes
is() { # what, wanted, PATH, jq-program
    local got
    got=$(table "$3" | jq -c "$4")
    [ "$got" = "$2" ] && ok || bad "$1: $got instead of $2"
}
is "a list is a Table" '["Table","meta.k8s.io/v1",20,9]' api/v1/pods '[.kind, .apiVersion, (.rows | length), (.columnDefinitions | length)]'
is "its version is the list's" true api/v1/pods '.metadata.resourceVersion | test("^[0-9]+$")'
is "a page has its continue token" '[5,true]' 'api/v1/pods?limit=5' '[(.rows | length), (.metadata.continue | length > 0)]'
is "rows carry metadata" '"PartialObjectMetadata"' api/v1/pods '.rows[0].object.kind'
is "or nothing" null 'api/v1/pods?includeObject=None' '.rows[0].object'
is "or the object" '["Pod","v1",true]' 'api/v1/pods?includeObject=Object' '.rows[0].object | [.kind, .apiVersion, has("spec")]'
is "numbers are numbers" '"number"' api/v1/configmaps '.rows[0].cells[1] | type'
is "one object is a Table of one row" '[1,"node-0001"]' api/v1/nodes/node-0001 '[(.rows | length), .rows[0].cells[0]]'
is "columns of a custom resource are its definition's" '[["Name","string",0],["Size","integer",0],["Ready","string",1]]' \
    apis/$group/v1/widgets '[.columnDefinitions[] | [.name, .type, .priority]]'
is "with its description" '"whether it is"' apis/$group/v1/widgets '.columnDefinitions[2].description'
is "and cells by its paths" '["one",7,"True"]' apis/$group/v1/widgets '.rows[0].cells'
check "tarn get shows them" test "$(tarn get widgets -n default | xargs)" = "NAME SIZE one 7"
check "the wide ones with -o wide" test "$(tarn get widgets -n default -o wide | xargs)" = "NAME SIZE READY one 7 True"

# A watch: one row an event, the columns with the first only.
start watch curl -sN -A test --unix-socket "$W/api.sock" -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io' \
    "http://localhost/apis/$group/v1/widgets?watch=true&timeoutSeconds=120"
eventually "a watch begins with what is there" test -s "$W/watch.log"
widget two 8 | send POST apis/$group/v1/namespaces/default/widgets
seen() { [ "$(wc -l <"$W/watch.log")" -ge "$1" ]; }
eventually "and goes on with what comes" seen 2
check "each event is a Table of one row" test "$(jq -c '[.type, .object.kind, .object.rows[0].cells]' "$W/watch.log" | xargs)" = \
    '[ADDED,Table,[one,7,True]] [ADDED,Table,[two,8,True]]'
check "columns are told once" test "$(jq -c '.object.columnDefinitions | length' "$W/watch.log" | xargs)" = "3 0"
check "its version is the object's" test "$(sed -n 2p "$W/watch.log" | jq '.object.metadata.resourceVersion == .object.rows[0].object.metadata.resourceVersion')" = true

# The definition changes: who asks from then on has the new columns.
definition '[{"name":"Big","type":"string","jsonPath":".spec.size"}]' | jq '{spec: .spec}' | send PATCH "$crds/widgets.$group" merge-patch+json
columns_are() { [ "$(table apis/$group/v1/widgets | jq -c '[.columnDefinitions[].name]')" = "$1" ]; }
eventually "a definition's change changes the table" columns_are '["Name","Big"]'
is "its cells as well" '"7"' apis/$group/v1/widgets '.rows[0].cells[1]'
definition '[]' | jq '{spec: .spec}' | send PATCH "$crds/widgets.$group" merge-patch+json
eventually "without columns there are name and age" columns_are '["Name","Age"]'
check "so it is for tarn get" test "$(tarn get widgets -n default --no-headers -o wide | awk '{ print NF }' | sort -u)" = 2

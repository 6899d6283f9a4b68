#!/usr/bin/env bash
# Resources by any of their names; a definition that comes later, goes, and comes back in another version.
. "$(dirname "$0")/lib.sh"

start_sim --generate pods=20,services=5,nodes=3
crd() { # version
    curl -fsS -X POST "$url/apis/apiextensions.k8s.io/v1/customresourcedefinitions" -H 'Content-Type: application/json' -d "{
      \"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"widgets.lab.example.com\"},
      \"spec\":{\"group\":\"lab.example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"widgets\",\"singular\":\"widget\",\"kind\":\"Widget\",\"shortNames\":[\"wd\"]},
      \"versions\":[{\"name\":\"$1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}" >/dev/null
}
widget() { # version, name
    curl -fsS -X POST "$url/apis/lab.example.com/$1/namespaces/default/widgets" -H 'Content-Type: application/json' \
        -d "{\"apiVersion\":\"lab.example.com/$1\",\"kind\":\"Widget\",\"metadata\":{\"name\":\"$2\"},\"spec\":{\"size\":1}}" >/dev/null
}
remove_crd() { curl -fsS -X DELETE "$url/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.lab.example.com" >/dev/null; }
is_version() { [ "$(resource widgets.lab.example.com .api_version)" = "lab.example.com/$1" ]; }

cat >"$W/c.yaml" <<YAML
server: "$url"
resources: [{name: nodes.v1, drop: []}]
YAML
start_agent --config "$W/c.yaml" --resource po --resource Service --resource deploy.apps --resource endpointslices.v1.discovery.k8s.io --resource wd
eventually "short name, kind, version and group: each is found" all_synced pods services nodes deployments.apps endpointslices.discovery.k8s.io
eventually "one that is not there says so" status_says "^wd .*no such resource"

crd v1
widget v1 one
widget v1 two
WAIT=90 eventually "a definition that is installed later begins to work" status_says "^widgets.lab.example.com +2 +yes +yes"
check "and is read by its short name" tarn get wd one -n default

remove_crd
eventually "when it is removed its objects go, as the server says" status_says "^widgets.lab.example.com +0 +yes +NO"
eventually "and the status says why" status_says "^widgets.lab.example.com .*404"
check "the others stay live" synced pods

crd v2
widget v2 three
WAIT=90 eventually "served again in another version, it is found anew" status_says "^widgets.lab.example.com +1 +yes +yes"
check "in that version" is_version v2
check "its object is the new one" tarn get widgets.lab.example.com three -n default
eventually "the log tells of it" logged "another form now"

# ---- another server that never knew it, so that no watch tells of deletes: after three answers that there is no such resource its objects go
stop_hard "$sim"
sim_port=$port start_sim --generate pods=20,services=5,nodes=3
eventually "the others are live again" all_synced nodes pods
check "at first its objects stay: a server that starts may not know its definitions yet" tarn get widgets.lab.example.com three -n default
gone() { ! tarn get wd three -n default && status_says "^wd .*no such resource"; }
WAIT=120 eventually "then they are gone, and the status says why" gone
check "so does the log" logged "the server has no such resource any more: its objects go"
crd v1
widget v1 four
WAIT=90 eventually "installed again it works again" status_says "^widgets.lab.example.com +1 +yes +yes"
check "the region breaks no rule" tarn verify

#!/usr/bin/env bash
# Every recipe of docs/recipes.md starts and syncs against a server; this node's pods and the log agent's do what the page says.
. "$(dirname "$0")/lib.sh"
docs=$(dirname "$0")/../../docs/recipes.md

awk -v dir="$W" '/^```yaml$/ {on = 1; file = sprintf("%s/recipe-%02d.yaml", dir, ++n); next} /^```$/ {on = 0} on {print > file}' "$docs"
recipes=("$W"/recipe-*.yaml)
check "the page has its recipes" test "${#recipes[@]}" -ge 8

start_sim --generate pods=100,nodes=5,services=10,endpointslices=10,configmaps=5,replicasets=5
# an aggregated API that cannot be watched, as metrics.k8s.io
curl -fsS -X POST "$url/apis/apiextensions.k8s.io/v1/customresourcedefinitions" -H 'Content-Type: application/json' -d '{
  "apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"nodes.metrics.k8s.io"},
  "spec":{"group":"metrics.k8s.io","scope":"Cluster","names":{"plural":"nodes","singular":"node","kind":"NodeMetrics"},
  "versions":[{"name":"v1beta1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}' >/dev/null
fault '{"kind":"no-watch","resource":"nodes.metrics.k8s.io"}'
NODE_NAME=$(curl -fsS "$url/api/v1/pods?limit=1" | jq -r '.items[0].spec.nodeName')
export NODE_NAME
everything_synced() { tarn status --synced; }
for recipe in "${recipes[@]}"; do
    name=$(sed -n '1s/^# //p' "$recipe")
    check "$name: is a good configuration" "$BIN/tarnd" --config "$recipe" --server "$url" --check-config
    start agent "$BIN/tarnd" --runtime-dir "$W/run" --config "$recipe" --server "$url" --start-spread 1s
    agent=$started
    eventually "$name: all of it syncs" everything_synced
    case "$name" in
    "this node's pods")
        check "$name: its own, and only those" test "$(tarn get pods -A -o name | wc -l)" = \
            "$(curl -fsS "$url/api/v1/pods?fieldSelector=spec.nodeName=$NODE_NAME" | jq '.items | length')"
        ;;
    "who has which address")
        check "$name: an address finds its pod" test "$(tarn get pods -A --index "podIP=$(tarn get pods -A -o json | jq -r '[.items[].status.podIP | select(.)][0]')" -o name | wc -l)" -ge 1
        ;;
    "a gateway's certificates")
        check "$name: Secrets are not in realm cluster" test "$(tarn get secrets -A -o name 2>/dev/null | wc -l)" = 0
        eventually "$name: the realm of their own syncs" tarn status --synced --realm secret
        ;;
    esac
    check "$name: the region breaks no rule" tarn verify
    kill -TERM "$agent"
    wait "$agent"
done

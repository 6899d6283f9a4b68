#!/usr/bin/env bash
# An API server that is away, refuses, or sends what it should not: the last good state stays, the error is visible in
# `tarn status`, and all heals by itself (issue 3, "Bad input"; R-13, R-15, R-16, R-19, R-22, R-24, R-30).
. "$(dirname "$0")/lib.sh"

# ---- down at the start, then up
sim_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$sim_port
printf 'resources:\n  - {name: pods, drop: [], indexes: [spec.nodeName]}\n  - {name: services, drop: []}\n  - {name: widgets.lab.example.com, drop: []}\npageSize: 20\nbudget: 32MiB\nstreamingLists: false\n' >"$W/c.yaml"
start_agent --config "$W/c.yaml" --server "$url"
eventually "the agent is ready without a server" logged "tarnd ready"
eventually "status says that the server refuses connections" status_says "^pods .*NO .*(refused|connect)"
start_sim --generate pods=100,services=20
eventually "when it comes up, all syncs" all_synced pods services
eventually "status names the resource that is not there" status_says "^widgets.lab.example.com .*no such resource"
tarn get widgets.lab.example.com >"$W/none.log" 2>&1
check "tarn get does not pass it off as an empty list" test $? = 4
check "and says why" grep -q "have not synced yet: .*no such resource" "$W/none.log"

# A fresh agent for each case, so that no case waits for the backoff of the one before.
again() {
    kill -TERM "$agent"
    wait "$agent"
    start_agent --config "$W/c.yaml" --server "$url"
    eventually "$1: synced at first" synced pods
}
drop() { curl -fsS -X POST "$url/sim/drop-watches" -d "{\"resource\":\"$1\",\"how\":\"cut\"}" >/dev/null; }
all_there() { [ "$(tarn get pods -A -o name | wc -l)" = 100 ]; }

# ---- refusals: seen in status, state kept, healed when they end
for code in 401 403 404 429 500 503 410; do
    again "HTTP $code"
    fault "{\"kind\":\"status\",\"resource\":\"pods\",\"code\":$code}"
    drop pods
    eventually "HTTP $code: pods are not live, with the reason" status_says "^pods +100 +yes +NO .*pods"
    check "HTTP $code: the objects stay readable" all_there
    heal
    eventually "HTTP $code: healed" synced pods
done

# ---- broken JSON in a page (a watch that is too old leads to a list) and in a watch line
for kind in garble truncate; do
    again "$kind in a page"
    fault "{\"kind\":\"$kind\",\"resource\":\"pods\",\"verb\":\"list\",\"bytes\":20000}"
    curl -fsS -X POST "$url/sim/change" -d '{"count":50}' >/dev/null
    curl -fsS -X POST "$url/sim/compact" -d '{"resource":"pods"}' >/dev/null
    fault '{"kind":"status","resource":"pods","verb":"watch","code":410}'
    drop pods
    eventually "$kind in a page: the error is in status" status_says "^pods .*failed to list pods"
    check "$kind in a page: the objects stay" test "$(tarn get pods -A -o name | wc -l)" -gt 50
    heal
    eventually "$kind in a page: healed" synced pods
done
again "a broken watch line"
fault '{"kind":"garble","resource":"pods","verb":"watch","bytes":300,"count":1}'
drop pods
for i in 1 2 3; do
    curl -fsS -X POST "$url/sim/change" -d '{"count":50}' >/dev/null
    sleep 0.3
done
eventually "a broken watch line is counted" resource_says pods .watch_errors 1
eventually "a broken watch line is in the log" logged "pods: watch:"
heal
eventually "a broken watch line: healed" synced pods

curl -fsS -X POST "$url/sim/quiesce" >/dev/null
eventually "in the end pods are equal, object by object" same pods /api/v1/pods
eventually "in the end services are equal, object by object" same services /api/v1/services
check "the region breaks no rule" tarn verify

# ---- the resource appears
if curl -fsS -X POST "$url/apis/apiextensions.k8s.io/v1/customresourcedefinitions" -H 'Content-Type: application/json' -d '{
  "apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.lab.example.com"},
  "spec":{"group":"lab.example.com","scope":"Namespaced","names":{"plural":"widgets","singular":"widget","kind":"Widget","shortNames":["wd"]},
  "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}' >/dev/null; then
curl -fsS -X POST "$url/apis/lab.example.com/v1/namespaces/default/widgets" -H 'Content-Type: application/json' \
    -d '{"apiVersion":"lab.example.com/v1","kind":"Widget","metadata":{"name":"w1"},"spec":{"size":18446744073709551615}}' >/dev/null
WAIT=90 eventually "a resource that appears later is mirrored" status_says "^widgets.lab.example.com +1 +yes +yes"
check "and read by its short name" tarn get wd w1 -n default
else
    bad "the simulator takes no CustomResourceDefinition"
fi

# ---- the server goes (test_freshness.sh has what happens when it comes back with other objects and lower versions)
again "a server restart"
stop_hard "$sim"
eventually "a server that is gone: not live" status_says "^pods +[0-9]+ +yes +NO"
check "readers keep the last state" tarn get pods -A

#!/usr/bin/env bash
# server.http2 against a real HTTP/2 server (Go's, before the simulator): lists, watches under churn, cut streams, all on one connection.
. "$(dirname "$0")/lib.sh"

if ! command -v go >/dev/null; then
    echo "SKIPPED: HTTP/2: go is not installed, and no other HTTP/2 server is at hand"
    ok
    exit
fi
if ! (cd "$(dirname "$0")/../interop/h2front" && GOFLAGS=-mod=mod GO111MODULE=off go build -o "$W/h2front" main.go) >"$W/build.log" 2>&1; then
    bad "h2front does not build: $(tail -n 3 "$W/build.log")"
    exit
fi
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "$W/key.pem" -out "$W/cert.pem" -subj /CN=127.0.0.1 \
    -addext "subjectAltName=IP:127.0.0.1" >/dev/null 2>&1
start_sim --generate pods=400,nodes=20,services=50
start front "$W/h2front" "$W/cert.pem" "$W/key.pem" "$url" "$W/front.port" "$W/front.lines"
eventually "the front listens" test -s "$W/front.port"
cat >"$W/c.yaml" <<YAML
server: {url: "https://127.0.0.1:$(cat "$W/front.port")", caFile: "$W/cert.pem", http2: true}
resources: [{name: pods, drop: []}, {name: nodes, drop: []}, {name: services, drop: []}]
budget: 64MiB
YAML
start_agent --config "$W/c.yaml"
eventually "all syncs over HTTP/2" all_synced pods nodes services
equal() { same pods /api/v1/pods && same nodes /api/v1/nodes && same services /api/v1/services; }
check "and equals the server's" equal
check "by HTTP/2 alone" test "$(cut -d' ' -f1 "$W/front.lines" | sort -u)" = HTTP/2.0
check "on one connection" test "$(cut -d' ' -f2 "$W/front.lines" | sort -u | wc -l)" = 1
curl -fsS -X POST "$url/sim/change" -d '{"count":3000}' >/dev/null
eventually "changes come" equal
for how in end cut; do
    curl -fsS -X POST "$url/sim/drop-watches" -d "{\"resource\":\"pods\",\"how\":\"$how\"}" >/dev/null
    curl -fsS -X POST "$url/sim/change" -d '{"count":300}' >/dev/null
    eventually "after a watch's $how it goes on" equal
done
fault '{"kind":"status","resource":"pods","verb":"list","code":503,"count":2}'
curl -fsS -X POST "$url/sim/compact" -d '{"resource":"pods"}' >/dev/null
curl -fsS -X POST "$url/sim/drop-watches" -d '{"resource":"pods","how":"cut"}' >/dev/null
curl -fsS -X POST "$url/sim/change" -d '{"count":300}' >/dev/null
eventually "a lost history is listed anew" equal
eventually "all is live" all_synced pods nodes services
check "the region breaks no rule" tarn verify

#!/usr/bin/env bash
# The agent's HTTP server: metrics (checked by promtool's rules), health, the JSON behind the status page, who may ask, a port that is taken.
. "$(dirname "$0")/lib.sh"

here=$(dirname "$0")
http_port() { sed -n 's/.*http server listening.* port=\([0-9]*\).*/\1/p' "$W/agent.log" | tail -n 1; }
listening() { [ -n "$(http_port)" ]; }
get() { curl -sS --max-time 20 "http://127.0.0.1:$hp$1"; }
code() { curl -sS --max-time 20 -o /dev/null -w '%{http_code}' "$@"; }
codes() { # want, curl arguments
    local want=$1 got
    shift
    got=$(code "$@")
    [ "$got" = "$want" ] || { echo "HTTP $got, not $want: $*"; return 1; }
}
metric() { get /metrics | awk -v m="$1" '$1 == m { print $2 }'; }
at_least() { # series, number
    local v
    v=$(metric "$1")
    [ -n "$v" ] && awk -v v="$v" -v n="$2" 'BEGIN { exit !(v >= n) }'
}

start_sim --generate pods=40,nodes=3
start_agent --server "$url" --resource pods --resource nodes --http-listen 127.0.0.1:0 --http-socket "$W/run/http.sock"
eventually "the server listens" listening
hp=$(http_port)
eventually "pods and nodes are synced" all_synced pods nodes

# metrics
check "metrics have the format's content type" grep -qi '^content-type: text/plain; version=0.0.4' <(curl -sSi "http://127.0.0.1:$hp/metrics")
get /metrics >"$W/first.txt"
curl -fsS -X POST "$url/sim/churn" -d '{"perSecond":200}' >/dev/null
eventually "events are counted" at_least 'tarn_watch_events_total{realm="cluster",resource="pods",type="modified"}' 1
get /metrics >"$W/second.txt"
if out=$("$here/check_metrics.py" "$W/second.txt" "$W/first.txt"); then ok; else bad "metrics keep the rules: $out"; fi
echo "$out" | grep '^SKIPPED' || true
if command -v promtool >/dev/null; then
    if out=$(promtool check metrics <"$W/second.txt" 2>&1) && [ -z "$out" ]; then ok; else bad "promtool check metrics: $out"; fi
else
    echo "SKIPPED: promtool check metrics: Debian's package prometheus is not installed"
fi
check "pods are counted" at_least 'tarn_resource_objects{realm="cluster",resource="pods"}' 20
check "a list's duration is in its histogram" at_least 'tarn_list_seconds_count{realm="cluster",resource="pods"}' 1
check "commits are in theirs" at_least 'tarn_commit_seconds_count{realm="cluster"}' 1
check "turns are in theirs" at_least tarn_loop_turn_seconds_count 1
check "event lags are in theirs" at_least tarn_event_lag_seconds_count 1
"$BIN/tarn" get pods -A --watch >/dev/null 2>&1 &
watcher=$!
pids+=("$watcher")
eventually "a client is counted" at_least 'tarn_clients{realm="cluster"}' 1
kill "$watcher" 2>/dev/null

# health
check "alive" test "$(get /livez)" = ok
check "healthz is the same" test "$(get /healthz)" = ok
check "ready" test "$(get /readyz)" = ok
check "ready, with reasons" grep -qx '\[+\]resource/cluster/pods ok' <(get '/readyz?verbose')
check "and a summary" grep -qx 'readyz check passed' <(get '/readyz?verbose')
check "livez tells of both threads" test "$(get '/livez?verbose')" = "$(printf '[+]ingest ok\n[+]attach ok\nlivez check passed')"

# what is not there, and who may not ask
check "another path is not found" codes 404 "http://127.0.0.1:$hp/nothing"
check "only GET and HEAD" codes 405 -X POST -d x "http://127.0.0.1:$hp/metrics"
check "HEAD" codes 200 -I "http://127.0.0.1:$hp/metrics"
check "a name that leads here is refused" codes 403 -H 'Host: evil.example' "http://127.0.0.1:$hp/metrics"
check "localhost is us" codes 200 -H 'Host: localhost:1' "http://127.0.0.1:$hp/metrics"
check "the Unix socket serves it too" codes 200 --unix-socket "$W/run/http.sock" http://any/metrics
check "a page comes" grep -qi '<title>tarn' <(get /)
check "and may load nothing from elsewhere" grep -qi "^content-security-policy: default-src 'none'" <(curl -sSi "http://127.0.0.1:$hp/")
check "no outside address in the page" test "$(get / | grep -cE 'https?://[a-z]' | tr -d ' ')" = 0
has_curves() { [ "$(get /history.json | jq '.events | length')" -ge 1 ]; }
eventually "curves" has_curves
curl -fsS -X POST "$url/sim/quiesce" >/dev/null
same_json() { [ "$(get /status.json | jq -r '.resources[] | select(.name == "pods") | .events')" = "$(resource pods .events)" ]; }
eventually "the same JSON as tarn status" same_json

# who is told what: by the Unix socket the kernel says who asks; over TCP nobody is known
stop_hard "$agent"
cat >"$W/realms.yaml" <<YAML
server: {url: "$url"}
budget: 16MiB
resources: [pods]
realms:
  - {name: hidden, readers: {users: [65534]}, resources: [nodes, widgets.lab.example]}
http: {listen: "127.0.0.1:0", socket: "$W/run/http.sock"}
YAML
rm -f "$W/agent.log"
start_agent --config "$W/realms.yaml"
eventually "it listens" listening
hp=$(http_port)
eventually "its pods are synced" all_synced pods
TARN_REALM=hidden eventually "and its nodes" all_synced nodes
start held "$BIN/tarn" get pods -A --watch
eventually "a client is attached" at_least 'tarn_clients{realm="cluster"}' 1
sees() { jq -r '[.realms[].name, .resources[].name, (.clients[] | .comm)] | unique | join(" ")' "$1"; }
get /status.json >"$W/tcp.json"
check "over TCP: the default realm, and not who reads it" test "$(sees "$W/tcp.json")" = "cluster pods"
check "but how many" test "$(jq .realms[0].clients "$W/tcp.json")" -ge 1
curl -fsS --unix-socket "$W/run/http.sock" http://any/status.json >"$W/unix.json"
check "who may read all is told of all" test "$(sees "$W/unix.json")" = "cluster hidden nodes pods tarn widgets.lab.example"
check "the numbers of the other realm are metrics" at_least 'tarn_resource_objects{realm="hidden",resource="nodes"}' 3
check "it is not ready" codes 503 "http://127.0.0.1:$hp/readyz"
check "why is not told over TCP" grep -qx '\[-\]resource/hidden/widgets.lab.example failed: not found at the API server yet' <(get /readyz)
check "but to whom may read it" grep -q 'widgets.lab.example failed: not found at the API server yet: .*404' <(curl -sS --unix-socket "$W/run/http.sock" http://any/readyz)
if [ "$(id -u)" = 0 ]; then
    chmod o+x "$W" "$W/run"
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups curl -fsS --unix-socket "$W/run/http.sock" http://any/status.json; }
    as_nobody >"$W/nobody.json"
    check "a reader of one realm is told of that one" test "$(sees "$W/nobody.json")" = "hidden nodes widgets.lab.example"
else
    echo "SKIPPED: another user's view: not root here"
fi
stop_hard "$agent"
rm -f "$W/agent.log"
start_agent --server "$url" --resource pods --resource nodes --http-listen 127.0.0.1:0 --http-socket "$W/run/http.sock"
eventually "as before" listening
hp=$(http_port)
eventually "with both" all_synced pods nodes

# many at once: more than the server takes wait, none is lost
declare -A jobs_
for _ in $(seq 80); do curl -sS --max-time 60 -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$hp/metrics" & jobs_[$!]=1; done >"$W/codes"
for p in "${!jobs_[@]}"; do wait "$p"; done
check "80 requests at once are all answered" test "$(grep -c 200 "$W/codes")" = 80
# connections that say nothing do not keep others out of the Unix socket, nor the agent from its work
check "still ready" test "$(get /readyz)" = ok

# the API server goes away: alive, ready (the state is there), but a resource is not live
stop_hard "$sim"
not_live() { [ "$(metric 'tarn_resource_state{realm="cluster",resource="pods",state="live"}')" = 0 ]; }
eventually "not live" not_live
check "alive without the API server" test "$(get /livez)" = ok
check "ready with what there is" test "$(get /readyz)" = ok

# an agent that has nothing yet is alive and not ready, and says why
stop_hard "$agent"
rm -f "$W/agent.log"
start_agent --server "http://127.0.0.1:1" --resource pods --http-listen 127.0.0.1:0
eventually "it listens again" listening
hp=$(http_port)
check "alive" test "$(get /livez)" = ok
check "not ready" codes 503 "http://127.0.0.1:$hp/readyz"
says_why() { get /readyz | grep -q '^\[-\]resource/cluster/pods failed: not found at the API server yet: .*onnect'; }
eventually "and says why" says_why

# a port that is taken: the agent says so and goes on; when it is free, it is taken
start taken "$BIN/tarnd" --runtime-dir "$W/run2" --socket "$W/run2/tarn.sock" --budget 8MiB --server http://127.0.0.1:1 --resource pods --http-listen "127.0.0.1:$hp"
eventually "the port in use is named" grep -q "cannot listen on 127.0.0.1:$hp: Address already in use" "$W/taken.log"
eventually "and the service goes on" grep -q 'tarnd ready' "$W/taken.log"
kill "$agent"
wait "$agent" 2>/dev/null
eventually "the freed port is taken" grep -q "http server listening" "$W/taken.log"
check "and serves" test "$(get /livez)" = ok

# configuration
check_refused "only loopback" "not a loopback address" "$BIN/tarnd" --server "$url" --resource pods --http-listen 0.0.0.0:80 --check-config
check_refused "a port" "no port from 0 to 65535" "$BIN/tarnd" --server "$url" --resource pods --http-listen 127.0.0.1 --check-config
check_refused "an address" "not an address" "$BIN/tarnd" --server "$url" --resource pods --http-listen some.name:80 --check-config
check_refused "two sockets" "http.socket contradicts socket" "$BIN/tarnd" --server "$url" --resource pods --http-socket "$W/x" --socket "$W/x" --check-config

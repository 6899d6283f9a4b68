#!/usr/bin/env bash
# Clients of others on tarn's read API, unmodified: kubectl over TLS with a token, curl on the Unix socket, and every recorded exchange of a real
# server that reads (tests/interop/exchanges.py); beside the simulator that tarnd mirrors.
. "$(dirname "$0")/lib.sh"
tests=$(cd "$(dirname "$0")/.." && pwd)

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
api_port=$(free_port)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "$W/api.key" -out "$W/api.crt" -subj /CN=tarn \
    -addext subjectAltName=IP:127.0.0.1 >"$W/openssl.log" 2>&1
cat >"$W/c.yaml" <<YAML
resources:
  - {name: pods, drop: [], indexes: [spec.nodeName]}
  - {name: nodes, drop: []}
  - {name: services, drop: []}
  - {name: configmaps, drop: []}
  - {name: namespaces, drop: []}
  - {name: deployments.apps, drop: []}
  - {name: endpointslices, drop: []}
  - {name: widgets.lab.example.com, drop: []}
api:
  socket: $W/api.sock
  listen: 127.0.0.1:$api_port
  certFile: $W/api.crt
  keyFile: $W/api.key
  gzip: true
YAML
echo secret-of-the-simulator >"$W/token"
start_sim --generate pods=120,nodes=6,services=10,configmaps=10,deployments=auto --load "$tests/data/protocol/crd.json" --token "$(cat "$W/token")"
cat >"$W/agent.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "$url"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
users: [{name: u, user: {tokenFile: $W/token}}]
YAML
start_agent --config "$W/c.yaml" --kubeconfig "$W/agent.kubeconfig"
eventually "everything syncs" all_synced pods nodes services configmaps namespaces deployments.apps

socket_curl() { curl -fsS --max-time 30 --unix-socket "$W/api.sock" "http://localhost$1"; }
eventually "the Unix socket answers" socket_curl /version

counted() { # COMMAND...: adds up what it counted; false: it did not get to the end
    local counts
    "$@" >"$W/counted.log" 2>&1
    grep -A2 FAILED "$W/counted.log" | cut -c1-2000
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$W/counted.log")
    [ -n "$counts" ] || { tail -n 5 "$W/counted.log"; return 1; }
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
}
counted python3 "$tests/interop/exchanges.py" "$tests/data/api/exchanges.jsonl" "$tests/data/api/objects.json" "$url,token=$W/token" "unix:$W/api.sock" ||
    bad "the recorded exchanges were not replayed"

# ---- kubectl, which sends its token over TLS only ----------------------------------------------------------

kubeconfig() { # HTTPS-ADDRESS
    cat <<YAML
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://$1", certificate-authority: $W/api.crt}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
users: [{name: u, user: {tokenFile: $W/token}}]
YAML
}
if command -v kubectl >/dev/null; then
    start front python3 "$tests/e2e/relay.py" front "$W/front.port" "$W/front.log" --to "127.0.0.1:$port" --cert "$W/api.crt" --key "$W/api.key"
    eventually "the simulator's front listens" test -s "$W/front.port"
    kubeconfig "127.0.0.1:$(cat "$W/front.port")" >"$W/server.kubeconfig"
    kubeconfig "127.0.0.1:$api_port" >"$W/tarn.kubeconfig"
    counted "$tests/interop/kubectl_reads.sh" "$W/server.kubeconfig" "$W/tarn.kubeconfig" || bad "kubectl was not run to its end"
else
    echo "SKIPPED: no kubectl on this machine"
fi
kill -TERM "$agent"
wait "$agent"
check "the agent ends at SIGTERM" test $? = 0

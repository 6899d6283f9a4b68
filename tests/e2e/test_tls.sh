#!/usr/bin/env bash
# HTTPS: verified by default; each failure says which; tokens and client certificates.
. "$(dirname "$0")/lib.sh"

cert() { # name, CN, subjectAltName
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "$W/$1.key" -out "$W/$1.pem" \
        -subj "/CN=$2" -addext "subjectAltName=$3" >/dev/null 2>&1
}
cert server 127.0.0.1 "IP:127.0.0.1,DNS:api.example.com"
cert other other "DNS:other"
echo "made-up-token" >"$W/token"
echo "wrong-token" >"$W/wrong"

start_sim --generate pods=5
plain=$port
start_sim --generate pods=30 --tls-cert "$W/server.pem" --tls-key "$W/server.key" --token made-up-token
https=https://127.0.0.1:$port

try() { # what, pattern in status, arguments of tarnd
    local what=$1 pattern=$2
    shift 2
    start_agent --resource pods "$@"
    eventually "$what" status_says "$pattern"
    kill -TERM "$agent"
    wait "$agent"
}
try "an unknown authority" "^pods .*(certificate|SSL).*--ca-file" --server "$https" --token-file "$W/token"
try "the wrong authority" "^pods .*(certificate|SSL).*--ca-file" --server "$https" --ca-file "$W/other.pem" --token-file "$W/token"
try "the wrong name" "^pods .*(subject name|certificate|SSL).*right server" --server "$https" --ca-file "$W/server.pem" --tls-server-name wrong.example.com --token-file "$W/token"
try "HTTP where HTTPS is spoken" "^pods .*NO" --server "http://127.0.0.1:$port" --token-file "$W/token"
try "HTTPS where HTTP is spoken" "^pods .*does the server speak HTTPS there" --server "https://127.0.0.1:$plain" --token-file "$W/token"
try "no token: anonymous is refused" "^pods .*(401|403)" --server "$https" --ca-file "$W/server.pem"
try "a wrong token: 401 is seen" "^pods .*(401|nauthorized)" --server "$https" --ca-file "$W/server.pem" --token-file "$W/wrong"
try "verified, with a token" "^pods +30 +yes +yes" --server "$https" --ca-file "$W/server.pem" --token-file "$W/token"
try "another name in the certificate" "^pods +30 +yes +yes" --server "$https" --ca-file "$W/server.pem" --tls-server-name api.example.com --token-file "$W/token"
try "unverified when told so" "^pods +30 +yes +yes" --server "$https" --insecure-skip-tls-verify --token-file "$W/token"

# ---- a token that becomes right while the agent runs
cp "$W/wrong" "$W/rotating"
start_agent --resource pods --server "$https" --ca-file "$W/server.pem" --token-file "$W/rotating"
eventually "401 first" status_says "^pods .*(401|nauthorized)"
cp "$W/token" "$W/rotating"
eventually "the rotated token is used" synced pods
kill -TERM "$agent"
wait "$agent"

# ---- the same by a kubeconfig
cat >"$W/kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: lab
clusters: [{name: lab, cluster: {server: "$https", certificate-authority: server.pem}}]
users: [{name: lab, user: {tokenFile: token}}]
contexts: [{name: lab, context: {cluster: lab, user: lab}}]
YAML
start_agent --resource pods --kubeconfig "$W/kubeconfig"
eventually "a kubeconfig with relative paths" synced pods
check "no token in the logs" bash -c "! grep -q 'made-up-token\|wrong-token' '$W'/*.log"

#!/usr/bin/env bash
# The read API end to end: who may read what, on the Unix socket and over TCP, plain and with a certificate; reload, limits, bad input, the end.
. "$(dirname "$0")/lib.sh"
chmod 755 "$W"
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs)

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "$W/api.key" -out "$W/api.pem" \
    -subj "/CN=tarn" -addext "subjectAltName=IP:127.0.0.1" >/dev/null 2>&1
cat >"$W/access.yaml" <<'YAML'
users:
- {token: agents-token, name: tarnd}
- {token: alices-token, name: alice}
- {token: bobs-token, name: bob}
rules:
- {users: [tarnd], verbs: [list, watch], apiGroups: ["", apps], resources: [pods, nodes, secrets, deployments]}
- {users: [tarnd], verbs: [create], apiGroups: [authentication.k8s.io, authorization.k8s.io], resources: [tokenreviews, subjectaccessreviews]}
- {users: [alice], verbs: [get, list, watch], apiGroups: [""], resources: [pods]}
YAML
echo agents-token >"$W/token"
configure() { # further lines
    cat >"$W/tarn.yaml" <<YAML
server: {url: "$url", tokenFile: $W/token}
http: {listen: "127.0.0.1:0"}
api: {socket: $W/run/api.sock, listen: "127.0.0.1:0", certFile: $W/api.pem, keyFile: $W/api.key, maxConnections: 40, gzip: true}
$1
YAML
}
cat >"$W/secret.yaml" <<'YAML'
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: default}
data: {key: c2VjcmV0}
YAML
start_sim --generate pods=200,nodes=4,services=3,deployments=2 --load "$W/secret.yaml" --access "$W/access.yaml"
configure 'realms:
  - {name: cluster, resources: [{name: pods, drop: []}, nodes, deployments.apps], readers: {users: [65534]}}
  - {name: vault, resources: [secrets]}'
start_agent --config "$W/tarn.yaml"
api_port() { sed -n 's/.*read API listening.* port=\([0-9]*\).*/\1/p' "$W/agent.log" | tail -n 1; }
eventually "the agent is ready" logged "tarnd ready"
eventually "all is mirrored" all_synced pods nodes deployments.apps
eventually "and the secret" logged "resource synced resource=secrets"
https=https://127.0.0.1:$(api_port)
sock() { curl -sS --max-time 30 --unix-socket "$W/run/api.sock" "$@"; }
as_nobody() { "${nobody[@]}" curl -sS --max-time 30 --unix-socket "$W/run/api.sock" "$@"; }
tcp() { # TOKEN PATH [curl arguments]
    local token=$1 path=$2
    shift 2
    curl -sS --max-time 30 --cacert "$W/api.pem" ${token:+-H "Authorization: Bearer $token"} "$@" "$https$path"
}
code() { "$@" -o /dev/null -w '%{http_code}'; }
is() { # CODE command...: the HTTP code is that
    local want=$1 got
    shift
    got=$(code "$@")
    [ "$got" = "$want" ] || { echo "HTTP $got, not $want: $*"; return 1; }
}
reason_is() { [ "$("${@:2}" | jq -r 'select(.kind == "Status" and .status == "Failure") | .reason')" = "$1" ]; }

# ---- the Unix socket: the kernel says who asks
items() { jq -S '[.items[]] | sort_by(.metadata.namespace, .metadata.name)'; }
sock http://x/api/v1/pods | items >"$W/mine.json"
curl -fsS -H 'Authorization: Bearer alices-token' "$url/api/v1/pods" | items >"$W/theirs.json"
check "200 pods" test "$(jq length "$W/mine.json")" = 200
check "the same list as the server's" cmp "$W/mine.json" "$W/theirs.json"
check "named readers may read" is 200 as_nobody http://x/api/v1/pods
check "but not the realm of secrets" is 403 as_nobody http://x/api/v1/secrets
check "with a Status" reason_is Forbidden as_nobody http://x/api/v1/secrets
check "nor see it in discovery" test "$(as_nobody http://x/api/v1 | jq -r '[.resources[].name] | sort | join(",")')" = nodes,pods
check "root may" is 200 sock http://x/api/v1/secrets
check "and sees it" test "$(sock http://x/api/v1 | jq -r '[.resources[].name] | sort | join(",")')" = nodes,pods,secrets
check "a token is not looked at there" is 403 as_nobody http://x/api/v1/secrets -H "Authorization: Bearer alices-token"
check "what is not mirrored" reason_is NotFound sock http://x/api/v1/services
check "a group of its own" is 200 sock http://x/apis/apps/v1/deployments
check "writes say where to write" reason_is MethodNotAllowed sock -X POST -d '{}' http://x/api/v1/namespaces/default/pods
check "healthy" test "$(sock http://x/readyz)" = ok
check "any name leads to a Unix socket" is 200 sock -H 'Host: evil.example' http://x/version

# ---- TCP: the API server says who asks
check "no token" is 401 tcp "" /api/v1/pods
check "a token that is none" is 401 tcp made-up /api/v1/pods
check "alice may" is 200 tcp alices-token /api/v1/pods
check "as a list" test "$(tcp alices-token '/api/v1/pods?limit=7' | jq '.items | length')" = 7
check "but not nodes" reason_is Forbidden tcp alices-token /api/v1/nodes
check "bob may not" is 403 tcp bobs-token /api/v1/pods
check "discovery is for everybody with a token" is 200 tcp bobs-token /api
check "compressed, and the same" cmp <(tcp alices-token /api/v1/pods --compressed | items) <(tcp alices-token /api/v1/pods | items)
gzipped() { sock -D - -o /dev/null --compressed "$1" | grep -qi '^content-encoding: gzip'; }
check "compressed where it is long" gzipped http://x/api/v1/pods
check "not where it is short" eval '! gzipped http://x/api/v1/nodes'
check "plain HTTP is not understood there" eval "! curl -sS --max-time 5 -o /dev/null http://127.0.0.1:$(api_port)/api"

check "its thread's pulse is told" test "$(curl -sS "http://127.0.0.1:$(sed -n 's/.*http server listening.* port=\([0-9]*\).*/\1/p' "$W/agent.log" | tail -n 1)/livez?verbose" | grep -cx '\[+\]api ok')" = 1

# ---- watches: what comes, and a reload that takes the right away
start watcher bash -c "exec \"\$@\" >\"$W/watcher.events\"" _ "${nobody[@]}" curl -sSN --unix-socket "$W/run/api.sock" 'http://x/api/v1/pods?watch=1&resourceVersion=0&allowWatchBookmarks=1'
watcher=$started
start alice bash -c "exec \"\$@\" >\"$W/alice.events\"" _ curl -sSN --cacert "$W/api.pem" -H 'Authorization: Bearer alices-token' "$https/api/v1/pods?watch=1"
alice=$started
events_of() { grep -c "^{\"type\":\"$1\"" "$W/$2.events"; }
at_least() { [ "$(events_of "$1" "$2")" -ge "$3" ]; }
eventually "the watch begins with what is there" at_least ADDED watcher 200
curl -fsS -X POST "$url/sim/change" -d '{"count":50}' >/dev/null
eventually "changes come" at_least MODIFIED watcher 20
eventually "to both" at_least MODIFIED alice 20
metric() { curl -sS "http://127.0.0.1:$(sed -n 's/.*http server listening.* port=\([0-9]*\).*/\1/p' "$W/agent.log" | tail -n 1)/metrics" | awk -v m="$1" '$1 == m { print $2 }'; }
check "two watches are counted" test "$(metric tarn_read_api_watches)" = 2
check "and their events" test "$(metric tarn_read_api_events_total)" -ge 440
check "and refusals" test "$(metric 'tarn_read_api_refused_total{reason="unauthorized"}')" -ge 2
configure 'realms:
  - {name: cluster, resources: [{name: pods, drop: []}, nodes, deployments.apps]}
  - {name: vault, resources: [secrets]}
  - {name: later, resources: [{name: services}], readers: {users: [65534]}}'
sed -i 's/resources: \[pods, nodes, secrets, deployments\]/resources: [pods, nodes, secrets, deployments, services]/' "$W/access.yaml"
python3 -c 'import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)' "$W/access.yaml" >"$W/access.json"
curl -fsS -X POST -H 'Authorization: Bearer agents-token' "$url/sim/access" --data-binary @"$W/access.json" >/dev/null
kill -HUP "$agent"
gone() { ! kill -0 "$1" 2>/dev/null; }
eventually "who may not read any more is sent away" gone "$watcher"
check "and gets no new answer" is 403 as_nobody http://x/api/v1/pods
check "alice watches on" kill -0 "$alice"
eventually "a realm that is new is read" is 200 as_nobody http://x/api/v1/services

# ---- limits and bad input: told by a Status, and the agent goes on
head -c 27000 /dev/zero | tr '\0' h >"$W/huge"
check "huge headers" is 431 sock -H @<(echo "X-Huge: $(cat "$W/huge")") http://x/api/v1/pods
head -c 4000000 /dev/zero | tr '\0' b >"$W/body"
check "a huge body" reason_is RequestEntityTooLarge sock -X POST --data-binary @"$W/body" -H 'Expect:' http://x/api/v1/namespaces/default/pods
check "a bad parameter" reason_is BadRequest sock 'http://x/api/v1/pods?labelSelector=a%20b%20c'
check "a forged continue token" is 400 sock 'http://x/api/v1/pods?limit=5&continue=Zm9yZ2Vk'
check "no path of ours" is 404 sock http://x/elsewhere
check "a path that leads up" is 404 sock --path-as-is http://x/api/v1/../../etc/passwd
check "HEAD is refused as by the server" is 405 sock -I http://x/api/v1/pods
declare -A jobs_
for _ in $(seq 100); do sock --max-time 60 -o /dev/null -w '%{http_code}\n' http://x/api/v1/nodes & jobs_[$!]=1; done >"$W/codes"
for p in "${!jobs_[@]}"; do wait "$p"; done
check "100 at once, of which 40 fit: all are answered" test "$(grep -c 200 "$W/codes")" = 100

# ---- kubectl, unmodified: a token over TLS
if command -v kubectl >/dev/null; then
    mkdir -p "$W/home"
    kube() { HOME=$W/home kubectl --server "$https" --certificate-authority "$W/api.pem" --token alices-token "$@"; }
    check "kubectl get pods" test "$(kube get pods -A --no-headers 2>/dev/null | wc -l)" = 200
    check_refused "kubectl get nodes" 'User "alice" cannot list resource "nodes"' kube get nodes
else
    echo "SKIPPED: kubectl: it is not on this machine"
fi

# ---- a port that is taken; certificates that are none
start taken "$BIN/tarnd" --runtime-dir "$W/run2" --socket "$W/run2/tarn.sock" --budget 8MiB --server "$url" --resource pods --api-listen "127.0.0.1:$(api_port)"
eventually "a port in use is named" grep -q "cannot listen on 127.0.0.1:.*Address already in use; .api.listen. names another" "$W/taken.log"
eventually "and the agent goes on" grep -q 'tarnd ready' "$W/taken.log"
kill "$started"
start nopem "$BIN/tarnd" --runtime-dir "$W/run3" --socket "$W/run3/tarn.sock" --budget 8MiB --server "$url" --resource pods --api-listen 0.0.0.0:0 \
    --api-cert-file "$W/none.pem" --api-key-file "$W/api.key"
eventually "a certificate that is not there is named" grep -q "api.certFile: cannot read $W/none.pem" "$W/nopem.log"
kill "$started"
start wrongkey "$BIN/tarnd" --runtime-dir "$W/run4" --socket "$W/run4/tarn.sock" --budget 8MiB --server "$url" --resource pods --api-listen 127.0.0.1:0 \
    --api-cert-file "$W/api.pem" --api-key-file "$W/access.yaml"
eventually "a key that is none is named" grep -q "does not start: are certificate and key good PEM" "$W/wrongkey.log"
kill "$started"
check_refused "without a certificate only loopback" "not a loopback address" "$BIN/tarnd" --server "$url" --resource pods --api-listen 0.0.0.0:80 --check-config
check_refused "a certificate has a key" "needs both certFile and keyFile" "$BIN/tarnd" --server "$url" --resource pods --api-cert-file x --check-config
check_refused "two sockets" "api.socket contradicts socket" "$BIN/tarnd" --server "$url" --resource pods --api-socket "$W/x" --socket "$W/x" --check-config

# ---- the end, with a watch open
kill "$agent"
wait "$agent"
check "it ends by itself" test $? = 0
eventually "the watch ends" gone "$alice"
check "the socket is gone" test ! -e "$W/run/api.sock"
check "no token in the logs" eval "! grep -q 'alices-token\|agents-token' '$W/agent.log'"

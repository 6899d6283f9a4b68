#!/usr/bin/env bash
# Who may read through the read API (docs/access.md): peers of the Unix socket by uid and group, callers by TCP by token and the server's word; and what
# is passed on to the server with the caller's own token, never with the agent's.
. "$(dirname "$0")/lib.sh"

people() { # rules of readers
    cat <<JSON
{"users": [{"token": "made-up-agent", "name": "tarnd"}, {"token": "made-up-reader", "name": "reader", "groups": ["readers"]},
           {"token": "made-up-writer", "name": "writer"}${2:-}],
 "rules": [{"users": ["tarnd"], "verbs": ["list", "watch"], "apiGroups": [""], "resources": ["pods", "secrets", "nodes"]},
           {"users": ["tarnd"], "verbs": ["create"], "apiGroups": ["authentication.k8s.io", "authorization.k8s.io"], "resources": ["tokenreviews", "subjectaccessreviews"]},
           {"users": ["writer"], "verbs": ["*"], "apiGroups": [""], "resources": ["pods", "pods/log", "configmaps"]}$1]}
JSON
}
reads=', {"groups": ["readers"], "verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods"]}'
people "$reads" >"$W/people.json"
start_sim --generate pods=20,nodes=2 --access "$W/people.json"
sim_port=$port
as_server() { curl -fsS -H "Authorization: Bearer made-up-writer" "$@"; }
ns=$(as_server "$url/api/v1/pods" | jq -r '.items[0].metadata.namespace')
pod=$(as_server "$url/api/v1/pods" | jq -r '.items[0].metadata.name')
set_people() { people "$@" | curl -fsS -X POST "$url/sim/access" -d @- >/dev/null; }

echo made-up-agent >"$W/token"
cat >"$W/tarn.yaml" <<YAML
server: {url: "$url", tokenFile: $W/token}
realms:
  - name: cluster
    readers: {groups: [7301]}
    resources: [pods]
  - name: nodes
    readers: {users: [7405]}
    resources: [nodes]
  - name: secret
    resources: [secrets]
budget: 16MiB
api: {socket: $W/run/api.sock, listen: "127.0.0.1:0"}
YAML
chmod 755 "$W"
begin() { # arguments of tarnd
    : >"$W/agent.log"
    start agent "$BIN/tarnd" --config "$W/tarn.yaml" --runtime-dir "$W/run" "$@"
    agent=$started
    eventually "the agent mirrors" all_synced pods || exit 1
    eventually "the read API listens" logged "read API listening address" || exit 1
    api=http://127.0.0.1:$(sed -n 's/.*read API listening.* port=\([0-9]*\).*/\1/p' "$W/agent.log" | tail -n 1)
}
# call TOKEN PATH [CURL-ARGUMENTS]: the status code; the body in $W/body. TOKEN "": none.
call() {
    local token=$1 path=$2
    shift 2
    curl -sS -o "$W/body" -w '%{http_code}' ${token:+-H "Authorization: Bearer $token"} "$@" "$api$path"
}
answers() { # CODE TOKEN PATH ...
    local code=$1
    shift
    [ "$(call "$@")" = "$code" ]
}
says() { jq -e "$1" "$W/body" >/dev/null; }

begin

# ---- by TCP: the server's word
check "who has a token that may list, lists" answers 200 made-up-reader /api/v1/pods
check "it is the mirror that answers: all pods" says '.kind == "PodList" and (.items | length) == 20'
check "nobody is 401" answers 401 "" /api/v1/pods
check "as a Status" says '.kind == "Status" and .code == 401 and .reason == "Unauthorized" and .message == "Unauthorized"'
check "a token that nobody has is 401" answers 401 made-up-nobody /api/v1/pods
check "a token that may something else is 403" answers 403 made-up-reader /api/v1/nodes
check "in the server's words" says '.message == "nodes is forbidden: User \"reader\" cannot list resource \"nodes\" in API group \"\" at the cluster scope" and .details.kind == "nodes"'
check "Secrets are mirrored, and not for who may not read them at the server" answers 403 made-up-reader /api/v1/secrets
check "discovery is for who has a token" answers 200 made-up-reader /api/v1
check "of the mirror" says '[.resources[].name] | index("configmaps") == null'
check "and for nobody else" answers 401 "" /apis
check "a name of another host is refused" answers 403 made-up-reader /api/v1/pods -H "Host: evil.example"
check "nobody reads as somebody else" answers 403 made-up-reader /api/v1/pods -H "Impersonate-User: writer"
check "a token in the URL is none" answers 401 "" "/api/v1/pods?token=made-up-reader"

# ---- by the Unix socket: the kernel's word, no token
local_call() { # [AS...] -- PATH: the status code
    local as=()
    while [ "$1" != -- ]; do as+=("$1"); shift; done
    "${as[@]}" curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$W/run/api.sock" "http://localhost$2"
}
local_answers() { [ "$(local_call "${@:2}")" = "$1" ]; }
check "the agent's own user reads all realms" local_answers 200 -- /api/v1/secrets
if [ "$(id -u)" = 0 ]; then
    member=(setpriv --reuid=7401 --regid=7401 --groups=7301) stranger=(setpriv --reuid=7402 --regid=7402 --clear-groups) user=(setpriv --reuid=7405 --regid=7405 --clear-groups)
    check "a member of the realm's group reads it" local_answers 200 "${member[@]}" -- /api/v1/pods
    check "and no other realm" local_answers 403 "${member[@]}" -- /api/v1/nodes
    check "Secrets least of all" local_answers 403 "${member[@]}" -- /api/v1/secrets
    check "a realm's user reads it" local_answers 200 "${user[@]}" -- /api/v1/nodes
    check "a stranger reads nothing" local_answers 403 "${stranger[@]}" -- /api/v1/pods
    check "a token does not help him there" test "$("${stranger[@]}" curl -sS -o /dev/null -w '%{http_code}' -H "Authorization: Bearer made-up-reader" --unix-socket "$W/run/api.sock" http://localhost/api/v1/pods)" = 403
else
    echo "SKIPPED: other users of the socket: needs root"
fi

# ---- not passed on: where to write
check "a write is 405 and says where to" answers 405 made-up-writer /api/v1/namespaces/$ns/pods -X POST -H 'Content-Type: application/json' -d '{}'
check "namely at the server" says ".reason == \"MethodNotAllowed\" and (.message | contains(\"$url\"))"
check "a log is not mirrored" answers 404 made-up-writer /api/v1/namespaces/$ns/pods/$pod/log
check "exec is refused as what it is" answers 501 made-up-writer /api/v1/namespaces/$ns/pods/$pod/exec -H "Connection: Upgrade" -H "Upgrade: SPDY/3.1"

# ---- revoked and granted, while the agent runs
set_people ""
eventually "a role that is gone is noticed" answers 403 made-up-reader /api/v1/pods
set_people "$reads" ', {"token": "made-up-new", "name": "new", "groups": ["readers"]}'
eventually "a new token is let in" answers 200 made-up-new /api/v1/pods
set_people "$reads"
eventually "and refused when it is revoked" answers 401 made-up-new /api/v1/pods
check "who still may still reads" answers 200 made-up-reader /api/v1/pods

# ---- without the server: nobody new, the known to their end
stop_hard "$sim"
check "what was allowed just now is allowed" answers 200 made-up-reader /api/v1/pods
check "whoever is not known is refused" answers 503 made-up-writer /api/v1/pods
check "and told to come again" says '.reason == "ServiceUnavailable" and .details.retryAfterSeconds == 1'
eventually "what was allowed once ends" answers 503 made-up-reader /api/v1/pods
check "the socket needs no server" local_answers 200 -- /api/v1/pods
check "the log says why" logged "a caller of the read API cannot be checked"
sim_port=$sim_port start_sim --generate pods=20,nodes=2 --access "$W/people.json"
eventually "the server is back, and so is the reader" answers 200 made-up-reader /api/v1/pods
kill -TERM "$agent"
wait "$agent"
check "it ended well" test $? = 0

# ---- passed on, with the caller's own token
sed -i 's/^api: {/api: {passThrough: true, /' "$W/tarn.yaml"
begin
body='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"made-here"},"data":{"a":"1"}}'
json=(-H 'Content-Type: application/json')
check "a create goes through" answers 201 made-up-writer "/api/v1/namespaces/$ns/configmaps" "${json[@]}" -d "$body"
check "the server has it" as_server "$url/api/v1/namespaces/$ns/configmaps/made-here"
check "what is not mirrored is read at the server" answers 200 made-up-writer "/api/v1/namespaces/$ns/configmaps/made-here"
check "a patch" answers 200 made-up-writer "/api/v1/namespaces/$ns/configmaps/made-here" -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"data":{"a":"2"}}'
check "is what it says" says '.data.a == "2"'
check "a delete" answers 200 made-up-writer "/api/v1/namespaces/$ns/configmaps/made-here" -X DELETE
check "and then it is gone" answers 404 made-up-writer "/api/v1/namespaces/$ns/configmaps/made-here"
check "who may not write is told by the server" answers 403 made-up-reader "/api/v1/namespaces/$ns/configmaps" "${json[@]}" -d "$body"
check "under the caller's name" says '.message | contains("User \"reader\" cannot create resource \"configmaps\"")'
check "the agent's token is lent to nobody" answers 403 "" "/api/v1/namespaces/$ns/configmaps" "${json[@]}" -d "$body"
check "not even on the socket" says '.message | contains("system:anonymous")'
check "discovery is the server's, so that clients find what is not mirrored" answers 200 made-up-writer /api/v1
check "all of it" says '[.resources[].name] | (index("configmaps") and index("pods")) != null'
check "on the socket, without credentials, it is the mirror's" test "$(curl -sS --unix-socket "$W/run/api.sock" http://localhost/api/v1 | jq -c '[.resources[].name] | sort | map(select(contains("/") | not))')" = '["nodes","pods","secrets"]'
check "reviews go through, too" answers 201 made-up-reader /apis/authorization.k8s.io/v1/selfsubjectaccessreviews "${json[@]}" \
    -d '{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{"resourceAttributes":{"verb":"list","resource":"pods"}}}'
check "and are the server's" says '.status.allowed == true'
check "a log" answers 200 made-up-writer "/api/v1/namespaces/$ns/pods/$pod/log"
check "comes whole" test "$(wc -l <"$W/body")" = 20
curl -sSN -H "Authorization: Bearer made-up-writer" "$api/api/v1/namespaces/$ns/pods/$pod/log?follow=true" >"$W/followed" 2>/dev/null &
follower=$!
pids+=("$follower")
eventually "a log that is followed comes line by line" grep -q "line 30" "$W/followed"
kill "$follower"
wait "$follower" 2>/dev/null
check "exec is still refused" answers 501 made-up-writer /api/v1/namespaces/$ns/pods/$pod/exec -H "Connection: Upgrade" -H "Upgrade: SPDY/3.1"
check "what is mirrored is still read here" answers 200 made-up-reader /api/v1/pods
served=$(curl -fsS "$url/sim/stats" | jq .lists)
check "again" answers 200 made-up-reader /api/v1/pods
check "the server had no list of it" test "$(curl -fsS "$url/sim/stats" | jq .lists)" = "$served"
stop_hard "$sim"
check "without the server a write is 503" answers 503 made-up-writer "/api/v1/namespaces/$ns/configmaps" "${json[@]}" -d "$body"
kill -TERM "$agent"
wait "$agent"
check "it ended well again" test $? = 0
check "no token in any log" bash -c "! grep -q 'made-up-' '$W'/*.log"

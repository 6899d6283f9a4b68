# read_api.sh - tarnd's read API under the clients of others, beside the real server: one function for each check of tools/interop.
#
# The agent here is another one than the rest of the run has ("reader", in a folder of its own), under a user of its own: the audit log tells
# what its callers cost the server. The callers are a service account with a token, over TLS; nobody else.
# shellcheck shell=bash

read_port=$(port) streamed_port=$(port) listed_port=$(port) script_port=$(port)

# Its certificate, the callers' kubeconfig, and the objects of the recorded exchanges; then the agent.
read_api_agent() {
    certificate ca-1 reader /CN=reader >>"$run/openssl.log" 2>&1
    certificate ca-1 read-api /CN=tarn $server_names >>"$run/openssl.log" 2>&1
    allow reader '{"apiGroups":["*"],"resources":["*"],"verbs":["get","list","watch"]},
        {"apiGroups":["authentication.k8s.io","authorization.k8s.io"],"resources":["tokenreviews","subjectaccessreviews"],"verbs":["create"]}' '{"kind":"User","name":"reader"}'
    service_account alpha caller "$run/caller.token"
    allow caller '{"apiGroups":["*"],"resources":["*"],"verbs":["get","list","watch"]}' '{"kind":"ServiceAccount","name":"caller","namespace":"alpha"}'
    api_port=$read_port kubeconfig "token: $(cat "$run/caller.token")" >"$run/caller.kubeconfig"
    client load -pods 60 -list "$root/tests/data/protocol/pods.json"
    start_reader
    eventually caller /version
}
start_reader() {
    mkdir -p "$run/reader/state"
    start_other reader "client-certificate: $run/reader.crt, client-key: $run/reader.key" "$(for r in pods nodes services endpointslices configmaps namespaces deployments.apps customresourcedefinitions \
        things.tarn.test widgets.lab.example.com; do echo "  - {name: $r, drop: []}"; done)
stateDir: $run/reader/state
checkpoint: {interval: 1s}
api: {listen: '127.0.0.1:$read_port', certFile: $run/read-api.crt, keyFile: $run/read-api.key, gzip: true}"
}
caller() { curl -sf --max-time 10 --cacert "$run/ca.crt" -H "Authorization: Bearer $(cat "$run/caller.token")" "https://127.0.0.1:$read_port$1"; }

counted() { # COMMAND...: it counts what it checks; FAILED lines tell what is wrong
    "$@" | cut -c1-1500
    [ "${PIPESTATUS[0]}" = 0 ]
}
same_exchanges() {
    counted python3 "$root/tests/interop/exchanges.py" "$root/tests/data/api/"{exchanges.jsonl,objects.json} \
        "https://127.0.0.1:$api_port,ca=$run/ca.crt,cert=$run/admin.crt,key=$run/admin.key" "https://127.0.0.1:$read_port,ca=$run/ca.crt,token=$run/caller.token"
}
kubectl_reads() { # KUBECTL
    [ -n "$(command -v "$1")" ] || { echo "SKIPPED: no kubectl on this machine"; return 0; }
    counted "$root/tests/interop/kubectl_reads.sh" "$run/admin.kubeconfig" "$run/caller.kubeconfig" "$1"
}
python_reads() {
    python_packages || return 0
    counted timeout 300 "$out/venv/bin/python" "$root/tests/interop/python/list_watch.py" "$run/admin.kubeconfig" "$run/caller.kubeconfig"
}

# ---- informers ----------------------------------------------------------------------------------------------

# Client-go's with streaming lists and without, controller-runtime's caches, and the JavaScript client's.
start_informers() {
    KUBE_FEATURE_WatchListClient=true background streamed "$out/interop-informers" -server "$run/admin.kubeconfig" -tarn "$run/caller.kubeconfig" -control "127.0.0.1:$streamed_port"
    background listed "$out/interop-informers" -server "$run/admin.kubeconfig" -tarn "$run/caller.kubeconfig" -control "127.0.0.1:$listed_port"
    javascript_packages | grep SKIPPED && return 0 # the others are enough to go on
    cp "$root/tests/interop/js/informer.js" "$out/js/"
    background script node "$out/js/informer.js" "$run/admin.kubeconfig" "$run/caller.kubeconfig" "$script_port"
}
ask() { # PORT PATH: what it answers; false: not 200
    curl -s --retry 60 --retry-delay 1 --retry-connrefused --max-time 200 -o "$run/answer" -w '%{http_code}' -X POST "127.0.0.1:$1/$2" >"$run/code"
    cat "$run/answer"
    [ "$(cat "$run/code")" = 200 ]
}
informers() { # PATH: all of them are asked
    ask "$streamed_port" "$1" && ask "$listed_port" "$1" || return 1
    [ -z "${pid[script]-}" ] || ask "$script_port" "$1"
}
informers_see_the_same() { # event by event, from a list on and through changes
    start_informers
    informers 'compare?exact' && churn -ops 800 -seed 40 && informers 'compare?exact' && churn -ops 300 -seed 41 && informers 'compare?exact'
}
agent_killed_under_informers() {
    local i
    churn -ops 900 -seed 42 &
    local c=$!
    for i in 1 2 3; do
        sleep 1.$i
        stop tarnd-reader KILL
        [ "$i" != 2 ] || sleep 2
        start_reader
    done
    wait $c && informers compare && churn -ops 100 -seed 43 && informers compare
}
# The agent comes back without what it had saved: what its informers ask to go on from is unknown to it.
informers_after_410() {
    local old
    old=$(caller '/api/v1/pods?limit=1' | jq -r .metadata.resourceVersion)
    stop tarnd-reader KILL
    churn -ops 300 -seed 44
    rm -rf "$run/reader/state"
    start_reader
    eventually caller /version
    eventually gone "$old" || return 1
    informers compare && churn -ops 200 -seed 45 && informers compare
}
gone() { caller "/api/v1/pods?watch=1&timeoutSeconds=2&resourceVersion=$1" | grep -q '"code":410'; }
server_restarted_under_informers() {
    stop apiserver KILL
    churn -ops 20 -seed 46 -lenient
    start_apiserver
    until_ready && churn -ops 300 -seed 47 && informers compare
}
end_informers() {
    informers end
    local name
    for name in streamed listed script; do
        [ -z "${pid[$name]-}" ] || wait "${pid[$name]}" || return 1
        unset "pid[$name]"
    done
}

# ---- what it costs the server ---------------------------------------------------------------------------------

watches_of_reader() { audited '.user.username == "reader" and .verb == "watch" and .objectRef.resource == "pods" and .stage == "ResponseStarted"'; }
lists_of_pods() { audited '.verb == "list" and .objectRef.resource == "pods" and (.user.username == "reader" or (.user.username | endswith(":caller")))'; }
watches_at_server() { admin /metrics | awk '/^apiserver_longrunning_requests\{.*resource="pods",.*verb="WATCH"/ {n += $2} END {print n + 0}'; }
one_watch() { # 20 informers of pods through tarn: not one request for pods more at the server
    local watches lists before
    watches=$(watches_of_reader) lists=$(lists_of_pods) before=$(watches_at_server)
    background twenty "$out/interop-informers" -server "$run/admin.kubeconfig" -tarn "$run/caller.kubeconfig" -control "127.0.0.1:$listed_port" -only '^typed pods$' -copies 20 -alone
    eventually ask "$listed_port" compare && churn -ops 300 -seed 48 && ask "$listed_port" compare || return 1
    echo "watches of pods at the server: $before before, $(watches_at_server) with 20 informers; requests for them: $watches, $(watches_of_reader)"
    [ "$(watches_at_server)" = "$before" ] && [ "$(watches_of_reader)" = "$watches" ] && [ "$(lists_of_pods)" = "$lists" ] || return 1
    ask "$listed_port" end
    wait "${pid[twenty]}" && unset 'pid[twenty]' && stop tarnd-reader TERM
}

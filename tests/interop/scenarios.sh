# scenarios.sh - the troubles of tools/interop, one function each; a function fails if the mirror does not come to equal the server.
# shellcheck shell=bash

resources="pods nodes services endpointslices.discovery.k8s.io configmaps secrets things.tarn.test"
export TARN_SOCKET=$run/tarn.sock

realm_of() { [ "$1" = secrets ] && echo secrets || echo cluster; }

configure() { # [LINES]: tarnd's configuration of everything, nothing dropped; LINES are put before
    kubeconfig "$(by_certificate admin)" >"$run/admin.kubeconfig"
    kubeconfig "$(by_certificate tarn)" >"$run/tarn.kubeconfig"
    {
        echo "socket: $run/tarn.sock"
        echo "runtimeDir: $run"
        [ $# = 0 ] || printf '%s\n' "$@"
        echo "realms:"
        for realm in cluster secrets; do
            printf '  - name: %s\n    resources:\n' $realm
            for r in $resources; do
                [ "$(realm_of "$r")" != $realm ] || printf '      - {name: %s, drop: []}\n' "$r"
            done
        done
    } >"$run/tarn.yaml"
}
start_tarnd() { background tarnd "${on_agent[@]}" "$bin/tarnd" --config "$run/tarn.yaml" --kubeconfig "$run/tarn.kubeconfig"; }
restart_tarnd() { stop tarnd TERM; start_tarnd; }

client() { "${on_server[@]}" "$out/interop-client" -kubeconfig "$run/admin.kubeconfig" "$@"; }
churn() { client churn "$@"; }
same() { # [RESOURCE...]: does the mirror come to equal the server?
    local r
    for r in ${*:-$resources}; do
        TARN_REALM=$(realm_of "$r") client compare -tarn "$bin/tarn" "$r" || return 1
    done
}
resource_status() { # RESOURCE: the agent's own JSON about it
    "$bin/tarn" status -o json | jq -c --arg n "$1" '.agent.resources[] | select(.name == $n)'
}
resource_says() { resource_status "$1" | grep -q -- "$2"; }

grant() { # tarn may list and watch, and nothing else
    allow tarn '{"apiGroups":["*"],"resources":["*"],"verbs":["list","watch"]}' '{"kind":"User","name":"tarn"}'
}

# ---- the servers in trouble ---------------------------------------------------------------------------

mirror_under_churn() { churn -ops 1500 -seed 1 && same; }

# The server's audit log tells what the agent asked for.
streams() { audited '.verb == "watch" and (.requestURI | contains("sendInitialEvents=true"))'; }
pages() { audited '.verb == "list" and (.requestURI | contains("continue="))'; }
expired() { audited '.verb == "list" and .responseStatus.code == 410'; }

streaming_lists() {
    [ "$(streams)" -ge 7 ] || { echo "no streaming list was asked for"; return 1; }
    [ "$(audited '.verb == "list"')" = 0 ] || { echo "a list was asked for all the same"; return 1; }
}
# A server without a watch cache hands out pages from etcd (with one, a first list at version 0 is never cut in pages).
without_watch_cache() {
    stop apiserver KILL
    start_apiserver --watch-cache=false
    until_ready || return 1
    configure "streamingLists: false" "pageSize: 7"
    restart_tarnd
    same || return 1
    [ "$(pages)" -ge 7 ] || { echo "no list came in pages"; return 1; }
    churn -ops 200 -seed 20 && same
}

restart_apiserver() { stop apiserver KILL; sleep 2; start_apiserver; until_ready && churn -ops 400 -seed 2 && same; }

cut_and_compact() { # while tarnd is stopped its version is compacted away: 410
    kill -STOP "${pid[tarnd]}"
    churn -ops 300 -seed 3
    stop apiserver KILL
    start_apiserver --etcd-compaction-interval 1s
    until_ready
    sleep 4
    kill -CONT "${pid[tarnd]}"
    churn -ops 200 -seed 4 && same
}

# Small pages, an agent that sleeps between them, and a server that compacts every second.
expired_pages() {
    local i
    stop apiserver KILL
    start_apiserver --watch-cache=false --etcd-compaction-interval 1s
    until_ready || return 1
    configure "streamingLists: false" "pageSize: 1"
    restart_tarnd
    for i in $(seq 20); do
        sleep 0.05
        kill -STOP "${pid[tarnd]}"
        churn -ops 30 -seed $((300 + i))
        sleep 3
        kill -CONT "${pid[tarnd]}"
        [ "$(expired)" = 0 ] || break
        [ $((i % 3)) != 0 ] || restart_tarnd
    done
    [ "$(expired)" -gt 0 ] || { echo "no continue token expired"; return 1; }
    same || return 1
    configure
    stop apiserver KILL
    start_apiserver
    until_ready && restart_tarnd && same
}

stop_etcd() {
    stop etcd KILL
    churn -ops 20 -seed 5 -lenient &
    local c=$!
    sleep 5
    start_etcd
    wait $c || true
    until_ready && churn -ops 200 -seed 6 && same
}

restore_etcd() { # a stopped etcd's folder is a backup; what came after it never happened
    stop etcd
    cp -r "$run/etcd" "$run/backup"
    start_etcd
    until_ready
    churn -ops 300 -seed 21 && same || return 1
    stop apiserver KILL
    stop etcd
    rm -rf "$run/etcd"
    mv "$run/backup" "$run/etcd"
    start_etcd
    start_apiserver
    until_ready && same && churn -ops 100 -seed 22 && same
}

kill_agent() {
    local seed kills
    for seed in 7 8 9; do
        churn -ops 2500 -seed $seed &
        local c=$!
        for kills in 1 2 3; do
            sleep "$((RANDOM % 2)).$((RANDOM % 900 + 100))"
            stop tarnd KILL
            start_tarnd
        done
        wait $c || return 1
        same || return 1
    done
}

# With checkpoints a restart goes on with a WATCH from the last state; where the history is gone it lists all the same.
lists() { audited '.verb == "list" or (.requestURI | contains("sendInitialEvents=true"))'; }
saved() { [ -n "$(find "$run/state" -type f -size +0 2>/dev/null)" ]; }
restart_from_checkpoint() {
    local before
    mkdir -p -m 700 "$run/state"
    configure "stateDir: $run/state" "checkpoint: {interval: 1s}"
    restart_tarnd
    same && eventually saved && stop tarnd TERM || return 1
    before=$(lists)
    churn -ops 200 -seed 27
    start_tarnd
    same || return 1
    # the six resources of realm cluster: Secrets are never saved
    [ "$(($(lists) - before))" -le 2 ] || { echo "a restart listed $(($(lists) - before)) times"; return 1; }
    stop tarnd KILL
    churn -ops 300 -seed 28
    stop apiserver KILL
    start_apiserver --etcd-compaction-interval 1s
    until_ready
    sleep 4
    start_tarnd
    same || return 1
    configure
    restart_tarnd
    same
}

# ---- custom resources -----------------------------------------------------------------------------------

definition=/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.tarn.test
no_things() { [ "$("$bin/tarn" get things.tarn.test -A -o name | wc -l)" = 0 ]; }
delete_definition() {
    admin $definition -X DELETE >/dev/null
    eventually no_things || return 1
    client setup && churn -ops 200 -seed 10 && same
}

versions_patch() { # SERVED-V1: v2 is served and stored
    local schema='"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}'
    admin $definition -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"spec":{"versions":[{"name":"v1","served":'"$1"',"storage":false,'"$schema"'},
        {"name":"v2","served":true,"storage":true,'"$schema"'}]}}' >/dev/null
}
change_version() { # v2 comes beside v1, then v1 is served no more: the agent must move to v2
    versions_patch true
    churn -ops 100 -seed 11 && same || return 1
    versions_patch false
    eventually admin /apis/tarn.test/v2/things || return 1
    TEST_THINGS=v2 churn -ops 200 -seed 12 || return 1
    TEST_THINGS=v2 same || return 1
    admin $definition -X DELETE >/dev/null
    eventually no_things || return 1
    client setup && churn -ops 200 -seed 13 && same
}

# ---- a part of the cluster -------------------------------------------------------------------------------

other() { TARN_SOCKET=$run/$1/tarn.sock "${@:2}"; } # FOLDER COMMAND: with the agent whose folder this is
start_other() { # NAME USER-STANZA RESOURCES: another agent, with a folder of its own
    mkdir -p "$run/$1"
    kubeconfig "$2" >"$run/$1.kubeconfig"
    printf 'socket: %s\nruntimeDir: %s\nbudget: 64MiB\nresources:\n%s\n' "$run/$1/tarn.sock" "$run/$1" "$3" >"$run/$1.yaml"
    other "$1" background "tarnd-$1" "$bin/tarnd" --config "$run/$1.yaml" --kubeconfig "$run/$1.kubeconfig"
}
shown() { other part client compare -tarn "$bin/tarn" "$@"; }
same_parts() {
    shown -namespaces alpha,beta pods && shown -metadata configmaps && shown -labels app=a1 services && shown nodes &&
        shown -fields metadata.namespace=beta endpointslices.discovery.k8s.io && shown -metadata -namespaces gamma -labels app things.tarn.test
}
mirror_parts() {
    start_other part "$(by_certificate tarn)" "  - {name: pods, namespaces: [alpha, beta], drop: []}
  - {name: configmaps, metadataOnly: true, drop: []}
  - {name: services, labelSelector: app=a1, drop: []}
  - {name: nodes, poll: 1s, drop: []}
  - {name: endpointslices, fieldSelector: metadata.namespace=beta, drop: []}
  - {name: things.tarn.test, metadataOnly: true, namespaces: [gamma], labelSelector: app, drop: []}"
    same_parts && churn -ops 600 -seed 26 && same_parts || return 1
    stop tarnd-part TERM
}

# ---- credentials -----------------------------------------------------------------------------------------

# An agent as a service account with just the rights that its configuration needs.
small() { other small "$@"; }
small_token() { # SECRET: a token that is valid as long as the secret is there, written as a kubelet writes it
    post /api/v1/namespaces/alpha/secrets '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"'"$1"'"}}' >/dev/null &&
        post /api/v1/namespaces/alpha/serviceaccounts/agent/token '{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1",
            "spec":{"expirationSeconds":600,"boundObjectRef":{"kind":"Secret","apiVersion":"v1","name":"'"$1"'"}}}' |
        jq -j .status.token >"$run/token.new" && mv "$run/token.new" "$run/token"
}
start_small() {
    start_other small "tokenFile: token" "  - {name: pods, drop: []}
  - {name: configmaps, drop: []}
  - {name: services, namespaces: [alpha], drop: []}
  - {name: nodes, drop: []}"
}
same_small() { small same pods configmaps && small client compare -tarn "$bin/tarn" -namespaces alpha services; }

least_privilege() {
    local rbac=/apis/rbac.authorization.k8s.io/v1 account='{"kind":"ServiceAccount","name":"agent","namespace":"alpha"}'
    post /api/v1/namespaces/alpha/serviceaccounts '{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"agent"}}' >/dev/null
    allow small '{"apiGroups":[""],"resources":["pods","configmaps"],"verbs":["list","watch"]}' "$account"
    post $rbac/namespaces/alpha/roles '{"kind":"Role","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"small"},
        "rules":[{"apiGroups":[""],"resources":["services"],"verbs":["list","watch"]}]}' >/dev/null
    post $rbac/namespaces/alpha/rolebindings '{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"small"},
        "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"small"},"subjects":['"$account"']}' >/dev/null
    small_token bind-1 && start_small && churn -ops 300 -seed 14 && same_small || return 1
    small eventually resource_says nodes 403 || return 1
    small resource_says nodes '"synced":false' || return 1
    allow small-nodes '{"apiGroups":[""],"resources":["nodes"],"verbs":["list","watch"]}' "$account"
    small same nodes
}

renew_token() {
    admin /api/v1/namespaces/alpha/secrets/bind-1 -X DELETE >/dev/null
    stop apiserver KILL # an established watch lives on with a revoked token
    start_apiserver
    until_ready && small eventually resource_says pods 401 || return 1
    churn -ops 100 -seed 15
    small_token bind-2 && small same pods configmaps nodes && churn -ops 100 -seed 16 && same_small || return 1
    stop tarnd-small TERM
}

# Every side gets new certificates while everything runs; the server loads its own from the files it was given.
rotate_certificates() {
    (authority ca-2 && certificate ca-2 tarn /CN=tarn) >>"$run/openssl.log" 2>&1
    cat "$run/ca-1.crt" "$run/ca-2.crt" >"$run/ca.new" && mv "$run/ca.new" "$run/ca.crt"
    stop apiserver KILL
    start_apiserver
    until_ready && churn -ops 100 -seed 17 && same || return 1
    certificate ca-2 server /CN=kube-apiserver $server_names >>"$run/openssl.log" 2>&1
    certificate ca-2 admin /O=system:masters/CN=admin >>"$run/openssl.log" 2>&1
    stop apiserver KILL
    start_apiserver
    until_ready && churn -ops 100 -seed 18 && same || return 1
    cp "$run/ca-2.crt" "$run/ca.new" && mv "$run/ca.new" "$run/ca.crt" # nobody believes in the old authority any more
    stop apiserver KILL
    start_apiserver
    until_ready && churn -ops 100 -seed 19 && same
}

# ---- the network -----------------------------------------------------------------------------------------

agent_host=127.0.0.1
move() { # COMMAND: stop all, run COMMAND, and start it where on_server and on_agent say
    stop tarnd TERM
    stop apiserver KILL
    stop etcd
    "$@" || return 1
    start_etcd
    start_apiserver
    kubeconfig "$(by_certificate tarn)" "$agent_host" >"$run/tarn.kubeconfig"
    until_ready && start_tarnd
}
cut_network() {
    if ! make_networks >"$run/network.log" 2>&1; then
        leave_networks
        echo "SKIPPED: network namespaces are not permitted here: $(tail -n 1 "$run/network.log")"
        return 0
    fi
    api_host=0.0.0.0 agent_host=198.51.100.1 api_extra=(--advertise-address 198.51.100.1) # in a namespace where nobody else lives
    move true && same && churn -ops 100 -seed 23 && same || return 1
    link down
    churn -ops 200 -seed 24
    eventually resource_says pods '"live":false' || return 1
    sleep 60
    link up
    churn -ops 100 -seed 25
    same || return 1
    api_host=127.0.0.1 agent_host=127.0.0.1 api_extra=()
    move leave_networks && same
}

# ---- the simulator ---------------------------------------------------------------------------------------

start_simulator() { # ARGUMENTS: the address is in $simulator
    rm -f "$run/simulator.port"
    background simulator "$bin/tarn-apisim" --listen 127.0.0.1:0 --port-file "$run/simulator.port" "$@"
    eventually test -s "$run/simulator.port" && simulator=http://127.0.0.1:$(cat "$run/simulator.port")
}
same_types() { client schema >"$run/schema.txt" && diff "$root/tools/apisim/schema.txt" "$run/schema.txt"; }
same_answers() { start_simulator && client conform -simulator "$simulator" && stop simulator; }

# ---- real clients against the simulator ----------------------------------------------------------------

present_kubectl() {
    command -v kubectl >/dev/null || { echo "SKIPPED: no kubectl on this machine"; return 0; }
    "$root/tests/apisim/kubectl.sh" "$bin/tarn-apisim" "$root/tests/data/protocol" kubectl
}
# Debian's own (1.20) is taken out of its package: it cannot be installed beside another one.
debian_kubectl() {
    local folder=$out/kubectl-debian
    if [ ! -x "$folder/usr/bin/kubectl" ]; then
        mkdir -p "$folder"
        (cd "$folder" && timeout 120 apt-get download kubernetes-client && dpkg -x kubernetes-client_*.deb .) ||
            { echo "SKIPPED: Debian's package kubernetes-client cannot be fetched here"; return 0; }
    fi
    "$root/tests/apisim/kubectl.sh" "$bin/tarn-apisim" "$root/tests/data/protocol" "$folder/usr/bin/kubectl"
}
# Their packages, for these checks and those of the read API. False: SKIPPED was said.
javascript_packages() {
    [ ! -d "$out/js/node_modules" ] || return 0
    command -v npm >/dev/null || { echo "SKIPPED: no npm on this machine (Debian: nodejs, npm)"; return 1; }
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] || { echo "SKIPPED: Node.js is older than 18"; return 1; }
    mkdir -p "$out/js"
    cp "$root"/tests/interop/js/{package.json,package-lock.json} "$out/js/"
    (cd "$out/js" && timeout 300 npm ci --no-audit --no-fund) || { echo "SKIPPED: npm cannot fetch @kubernetes/client-node here"; return 1; }
}
python_packages() {
    [ -x "$out/venv/bin/python" ] || python3 -m venv "$out/venv" || { echo "SKIPPED: no python3-venv on this machine"; return 1; }
    timeout 300 "$out/venv/bin/pip" install -q kubernetes==32.0.1 || { echo "SKIPPED: pip cannot fetch kubernetes here"; return 1; }
}
javascript_client() {
    javascript_packages || return 0
    cp "$root/tests/interop/js/client.js" "$out/js/"
    start_simulator --generate pods=300,nodes=10,services=20 && timeout 300 node "$out/js/client.js" "$simulator" && stop simulator
}
python_client() {
    python_packages || return 0
    timeout 300 "$out/venv/bin/python" "$root/tests/apisim/python_client.py" "$bin/tarn-apisim"
}

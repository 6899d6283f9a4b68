# lib.sh - the parts of tools/interop: build the real servers, start and stop them, credentials, namespaces, checks.
#
# Sourced by tools/interop (and by hand, to have a real API server to look at). Everything a run makes is in $run; every
# process it starts is in pid[], and is ended by its id. No wait asserts a time: each polls and gives up after a generous while.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$root/build/interop bin=$root/build/bin
passed=0 failed=0
declare -A pid=()
# Prefixes of the commands of the server's side and of the agent's side: empty, or "nsenter" into a network namespace.
on_server=() on_agent=()
api_host=127.0.0.1 api_extra=()

# ---- building ----------------------------------------------------------------------------------

build_servers() { # false: said why
    mkdir -p "$out"
    export GOFLAGS="-mod=readonly -buildvcs=false" CGO_ENABLED=0
    local v="-X k8s.io/component-base/version" t0=$SECONDS
    if ! { (cd "$root/tests/interop/servers" && go build -ldflags "$v.gitVersion=v1.34.3 $v.gitMajor=1 $v.gitMinor=34" \
        -o "$out/" ./kube-apiserver ./etcd) && (cd "$root/tests/interop/client" && go build -o "$out/interop-client" .) &&
        (cd "$root/tests/interop/informers" && go build -o "$out/interop-informers" .); } >"$out/build.log" 2>&1; then
        if grep -qiE 'dial tcp|lookup .* no such host|connection refused|i/o timeout|Forbidden' "$out/build.log"; then
            echo "SKIPPED: interop cannot fetch the Go modules: $(tail -n 1 "$out/build.log")"
            exit 0
        fi
        tail -n 20 "$out/build.log"
        echo "0 passed, 1 failed"
        exit 1
    fi
    echo "built the servers in $((SECONDS - t0)) s"
}

# ---- processes -----------------------------------------------------------------------------------

# Descriptors of ours must not stay open in a server that runs on.
background() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >>"$run/$name.log" 2>&1 </dev/null 3>&- &
    pid[$name]=$!
}
runs() { grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }
stop() { # NAME [SIGNAL]: and wait until it is gone; false: it took more than 30 s and was killed
    local p=${pid[$1]-} i status=0
    [ -n "$p" ] || return 0
    kill "-${2:-TERM}" "$p" 2>/dev/null || true
    for i in $(seq 300); do
        runs "$p" || break
        sleep 0.1
    done
    if runs "$p"; then
        echo "$1 does not end"
        kill -KILL "$p"
        status=1
    fi
    wait "$p" 2>/dev/null || true
    unset "pid[$1]"
    return $status
}
cleanup() {
    local code=$?
    trap - EXIT INT TERM
    for name in "${!pid[@]}"; do stop "$name" KILL; done
    if [ $code = 0 ] && [ "$failed" = 0 ] && [ "${keep:-0}" = 0 ]; then rm -rf "$run"; else echo "the logs are in $run"; fi
    exit $code
}
eventually() { # COMMAND...: until it succeeds; gives up after two minutes
    local end=$((SECONDS + 120))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "never came true: $*"; return 1; }
        sleep 0.2
    done
}

# ---- credentials ---------------------------------------------------------------------------------

authority() { # NAME: a CA, NAME.key and NAME.crt in $run
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=tarn-interop-$1" -keyout "$run/$1.key" -out "$run/$1.crt"
}
certificate() { # CA NAME SUBJECT [SAN]: replaces $run/NAME.key and .crt, each at once
    openssl req -newkey rsa:2048 -nodes -subj "$3" -keyout "$run/new.key" -out "$run/new.csr"
    openssl x509 -req -in "$run/new.csr" -CA "$run/$1.crt" -CAkey "$run/$1.key" -CAcreateserial -days 2 -out "$run/new.crt" \
        ${4:+-extfile <(echo "subjectAltName=$4")}
    mv "$run/new.key" "$run/$2.key"
    mv "$run/new.crt" "$run/$2.crt"
}
server_names=IP:127.0.0.1,IP:198.51.100.1,DNS:localhost
first_certificates() {
    authority ca-1
    cp "$run/ca-1.crt" "$run/ca.crt"
    certificate ca-1 server /CN=kube-apiserver $server_names
    certificate ca-1 admin /O=system:masters/CN=admin
    certificate ca-1 tarn /CN=tarn
    openssl genrsa -out "$run/sa.key" 2048
}
kubeconfig() { # USER-STANZA [HOST]
    cat <<END
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://${2:-127.0.0.1}:$api_port", certificate-authority: ca.crt}}]
users: [{name: u, user: {$1}}]
END
}
by_certificate() { echo "client-certificate: $1.crt, client-key: $1.key"; }

# ---- the servers ---------------------------------------------------------------------------------

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

start_etcd() {
    background etcd "${on_server[@]}" "$out/etcd" --data-dir "$run/etcd" --listen-client-urls "http://127.0.0.1:$etcd_port" \
        --advertise-client-urls "http://127.0.0.1:$etcd_port" --listen-peer-urls "http://127.0.0.1:$peer_port" \
        --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" --initial-cluster "default=http://127.0.0.1:$peer_port" --log-level error
}
start_apiserver() {
    cat >"$run/audit.yaml" <<END
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata, users: [tarn, reader, "system:serviceaccount:alpha:agent", "system:serviceaccount:alpha:caller"]}, {level: None}]
END
    background apiserver "${on_server[@]}" "$out/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" --secure-port "$api_port" \
        --bind-address "$api_host" --client-ca-file "$run/ca.crt" --tls-cert-file "$run/server.crt" --tls-private-key-file "$run/server.key" \
        --authorization-mode RBAC --disable-admission-plugins ServiceAccount --endpoint-reconciler-type none \
        --service-account-issuer https://tarn.test --service-account-key-file "$run/sa.key" --service-account-signing-key-file "$run/sa.key" \
        --service-cluster-ip-range 10.96.0.0/16 --cert-dir "$run/certs" --audit-policy-file "$run/audit.yaml" --audit-log-path "$run/audit.jsonl" \
        "${api_extra[@]}" "$@"
}
admin() { # PATH [CURL-ARGUMENTS]: as a member of system:masters
    local path=$1
    shift
    "${on_server[@]}" curl -sf --max-time 10 --cacert "$run/ca.crt" --cert "$run/admin.crt" --key "$run/admin.key" "$@" "https://127.0.0.1:$api_port$path"
}
post() { admin "$1" -H 'Content-Type: application/json' -d "$2"; }
until_ready() {
    eventually admin /readyz && return 0
    echo "the API server did not become ready"
    tail -n 5 "$run/apiserver.log"
    return 1
}
allow() { # NAME RULES SUBJECT: a cluster role and its binding
    local rbac=/apis/rbac.authorization.k8s.io/v1
    post $rbac/clusterroles '{"kind":"ClusterRole","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"'"$1"'"},"rules":['"$2"']}' >/dev/null
    post $rbac/clusterrolebindings '{"kind":"ClusterRoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"'"$1"'"},
        "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"'"$1"'"},"subjects":['"$3"']}' >/dev/null
}
service_account() { # NAMESPACE NAME FILE: one, and a token of it in FILE
    local accounts=/api/v1/namespaces/$1/serviceaccounts
    eventually admin "/api/v1/namespaces/$1" || return 1
    post "$accounts" '{"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"'"$2"'"}}' >/dev/null || true # it may be there
    post "$accounts/$2/token" '{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","spec":{"expirationSeconds":86400}}' | jq -j .status.token >"$3"
    [ -s "$3" ]
}
# Requests of the agent as the server saw them: audited COUNT-OF jq-CONDITION
audited() { jq -c "select(($1))" "$run/audit.jsonl" 2>/dev/null | wc -l; }

# ---- network namespaces ------------------------------------------------------------------------------

# Two namespaces joined by a veth pair: the servers live in one, the agent in the other. They have no names and go with the
# processes that hold them. False: not permitted here (said why).
make_networks() {
    local why
    if ! why=$(unshare -n true 2>&1) || ! { command -v ip && command -v nsenter; } >/dev/null; then
        echo "${why:-no ip or nsenter here (Debian: iproute2, util-linux)}"
        return 1
    fi
    background network-server unshare -n sleep 3600
    background network-agent unshare -n sleep 3600
    local s=${pid[network-server]} a=${pid[network-agent]}
    eventually another_network "$s" && eventually another_network "$a" || return 1
    on_server=(nsenter -t "$s" -n) on_agent=(nsenter -t "$a" -n)
    ip link add tarn-s netns "$s" type veth peer name tarn-a netns "$a" &&
        "${on_server[@]}" ip addr add 198.51.100.1/30 dev tarn-s && "${on_agent[@]}" ip addr add 198.51.100.2/30 dev tarn-a &&
        "${on_server[@]}" ip link set lo up && "${on_agent[@]}" ip link set lo up && link up && "${on_agent[@]}" ip link set tarn-a up
}
another_network() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
link() { "${on_server[@]}" ip link set tarn-s "$1"; } # up|down
leave_networks() {
    on_server=() on_agent=()
    stop network-server KILL
    stop network-agent KILL
}

# ---- checks ----------------------------------------------------------------------------------------

check() { # WHAT COMMAND...: what follows a failure would only be an echo of it, so the run ends there
    local what=$1 t0=$SECONDS
    shift
    [[ $what =~ ${only:-.} ]] || return 0
    if "$@" >"$run/check.log" 2>&1; then
        local why
        why=$(sed -n 's/^SKIPPED: //p' "$run/check.log")
        if [ -n "$why" ]; then
            echo "SKIPPED: $what: $why"
        else
            passed=$((passed + 1))
            echo "ok      $what ($((SECONDS - t0)) s)"
        fi
    else
        failed=$((failed + 1))
        echo "FAILED  $what ($((SECONDS - t0)) s)"
        tail -n 15 "$run/check.log" | cut -c1-2000
        for log in "$run"/tarnd*.log; do
            echo "--- the end of $log:"
            tail -n 10 "$log"
        done
        finish
    fi
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

#!/usr/bin/env bash
# How tarnd is let in (docs/access.md): credential plugins, client certificates that rotate, a pod's account, proxies, and no secret anywhere.
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
unset http_proxy https_proxy HTTPS_PROXY

issue() { # name, CN, subjectAltName, CA name ("": self-signed)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "$W/$1.key" -out "$W/$1.pem" \
        -subj "/CN=$2" -addext "subjectAltName=$3" ${4:+-CA "$W/$4.pem" -CAkey "$W/$4.key"} >/dev/null 2>&1
}
relay() { # name, arguments of relay.py; its port in $relay_port
    local name=$1
    shift
    rm -f "$W/$name.port"
    : >"$W/$name.lines"
    start "$name" python3 "$here/relay.py" "$1" "$W/$name.port" "$W/$name.lines" "${@:2}"
    local end=$((SECONDS + WAIT))
    until [ -s "$W/$name.port" ]; do
        [ $SECONDS -lt $end ] || { bad "relay $name did not start"; exit 1; }
        sleep 0.02
    done
    relay_port=$(cat "$W/$name.port")
}
relayed() { grep -qE -- "$2" "$W/$1.lines"; }
kubeconfig() { # server, fields of the cluster, user
    cat >"$W/config" <<YAML
current-context: lab
clusters: [{name: lab, cluster: {server: "$1"$2}}]
contexts: [{name: lab, context: {cluster: lab, user: me}}]
users:
- name: me
  user: $3
YAML
}
again() { # arguments of tarnd
    start_agent --resource pods "$@"
}
done_with() {
    kill -TERM "$agent"
    wait "$agent"
}
runs() { [ -f "$W/runs" ] && [ "$(wc -l <"$W/runs")" -ge "$1" ]; }

issue ca "lab CA" "DNS:ca"
issue server 127.0.0.1 "IP:127.0.0.1,DNS:api.invalid" ca
start_sim --generate pods=30 --tls-cert "$W/server.pem" --tls-key "$W/server.key" --token made-up-token-1
https=https://127.0.0.1:$port
sim_tls=$port

# ---- a credential plugin: its token, then the 401 that makes it run again
cat >"$W/plugin" <<'SH'
#!/bin/sh
echo run >>"$(dirname "$0")/runs"
echo "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"$(cat "$(dirname "$0")/issued")\"}}"
SH
chmod +x "$W/plugin"
echo made-up-token-1 >"$W/issued"
plugin="{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}}"
kubeconfig "$https" ", certificate-authority: ca.pem" "$plugin"
again --kubeconfig "$W/config"
eventually "a plugin's token lets in" synced pods
check "one run served all requests" test "$(wc -l <"$W/runs")" = 1
check "the token is in no argument" bash -c "! tr '\0' ' ' </proc/$agent/cmdline | grep -q made-up"
check "and in no variable" bash -c "! tr '\0' ' ' </proc/$agent/environ | grep -q made-up"
check "memory with credentials and regions is left out of core dumps" test "$(grep -c '^VmFlags:.* dd' "/proc/$agent/smaps")" -ge 2
done_with

# the token is refused at first: the plugin runs again, and the request is made again
echo made-up-wrong >"$W/issued"
: >"$W/runs"
again --kubeconfig "$W/config"
eventually "a refused token is seen" status_says "^pods .*(401|nauthorized)"
echo made-up-token-1 >"$W/issued"
eventually "and the plugin's next token lets in" synced pods
check "it ran more than once" runs 2
done_with

# ---- a plugin that fails says why in the status, and heals
mv "$W/plugin" "$W/plugin.away"
printf '#!/bin/sh\necho "made-up-secret-on-stdout"; echo "your session is over: run lab login" >&2; exit 1\n' >"$W/plugin"
chmod +x "$W/plugin"
again --kubeconfig "$W/config"
eventually "its last words are in the status" status_says "^pods .*NO .*exec plugin .*your session is over: run lab login"
mv "$W/plugin.away" "$W/plugin"
eventually "a plugin that works again heals it" synced pods
done_with

# ---- client certificates: the front asks for one; rotated without a signal, without a new list
start_sim --generate pods=30
plain=$port
# ---- credentials that expire while the watch runs: its next request is refused once, and nobody notices
kubeconfig "$url" "" "$plugin"
: >"$W/runs"
again --kubeconfig "$W/config"
eventually "a plugin without TLS" synced pods
lists=$(resource pods .lists)
fault '{"kind":"status","resource":"pods","verb":"watch","code":401,"count":1}'
curl -fsS -X POST "$url/sim/drop-watches" -d '{"resource":"pods","how":"cut"}' >/dev/null
eventually "a 401 in a watch runs the plugin again" runs 2
eventually "and the watch goes on" synced pods
check "without an error" test "$(resource pods .watch_errors)" = 0
check "without a list" test "$(resource pods .lists)" = "$lists"
heal
done_with

issue joe joe "DNS:joe" ca
issue jane jane "DNS:jane" ca
cp "$W/joe.pem" "$W/client.pem"
cp "$W/joe.key" "$W/client.key"
relay front front --to "127.0.0.1:$plain" --cert "$W/server.pem" --key "$W/server.key" --client-ca "$W/ca.pem"
again --server "https://127.0.0.1:$relay_port" --ca-file "$W/ca.pem" --cert-file "$W/client.pem" --key-file "$W/client.key"
eventually "a client certificate lets in" synced pods
check "it was the first one" relayed front "client joe"
lists=$(resource pods .lists)
cp "$W/jane.key" "$W/client.key.new"
cp "$W/jane.pem" "$W/client.pem.new"
mv "$W/client.key.new" "$W/client.key"
mv "$W/client.pem.new" "$W/client.pem"
eventually "the new one is used for the watch, without a signal" relayed front "client jane"
eventually "and it is live again" synced pods
check "without a new list" test "$(resource pods .lists)" = "$lists"
rm "$W/client.key"
eventually "a key that is gone is told" logged "cannot read key"
check "and the last pair stays in use" synced pods
done_with

# the same from a plugin
{
    printf '#!/bin/sh\necho run >>"$(dirname "$0")/runs"\ncat <<JSON\n{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"clientCertificateData":"'
    awk '{ printf "%s\\n", $0 }' "$W/joe.pem"
    printf '","clientKeyData":"'
    awk '{ printf "%s\\n", $0 }' "$W/joe.key"
    printf '"}}\nJSON\n'
} >"$W/certplugin"
chmod +x "$W/certplugin"
: >"$W/front.lines"
kubeconfig "https://127.0.0.1:$relay_port" ", certificate-authority: ca.pem" "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./certplugin}}"
again --kubeconfig "$W/config"
eventually "a plugin's certificate lets in" synced pods
check "it is that one" relayed front "client joe"
done_with

# ---- an authority that is exchanged while the agent runs
cp "$W/server.pem" "$W/trust.pem" # the wrong one: no authority
again --server "$https" --ca-file "$W/trust.pem" --token-file "$W/issued"
cp "$W/ca.pem" "$W/trust.new"
mv "$W/trust.new" "$W/trust.pem"
eventually "the new authority is used" synced pods
done_with

# ---- two kubeconfigs in $KUBECONFIG, relative paths, a context by name
mkdir "$W/sub"
cp "$W/ca.pem" "$W/sub/authority.pem"
cp "$W/issued" "$W/sub/token"
cat >"$W/a" <<YAML
current-context: elsewhere
contexts: [{name: lab, context: {cluster: lab, user: me}}]
YAML
cat >"$W/sub/b" <<YAML
current-context: ignored
clusters: [{name: lab, cluster: {server: "$https", certificate-authority: authority.pem}}]
users: [{name: me, user: {tokenFile: token}}]
YAML
KUBECONFIG=$W/nowhere:$W/a:$W/sub/b again --context lab
eventually "several kubeconfigs are one" synced pods
done_with
KUBECONFIG=$W/a:$W/sub/b check_refused "a context that is in none of them" "no context 'elsewhere'" "$BIN/tarnd" --check-config --resource pods

# ---- proxies; api.invalid is a name that only the proxy knows
try_proxy() { # what, scheme, pattern of its log, arguments of relay.py
    local what=$1 scheme=$2 pattern=$3
    shift 3
    relay proxy "$@" --to "127.0.0.1:$sim_tls"
    kubeconfig "https://api.invalid:$sim_tls" ", certificate-authority: ca.pem, proxy-url: '$scheme://127.0.0.1:$relay_port'" "{token: made-up-token-1}"
    no_proxy='*' again --kubeconfig "$W/config"
    eventually "$what" synced pods
    check "$what: the proxy resolved the name" relayed proxy "$pattern"
    check "$what: the proxy saw no token" bash -c "! grep -qi 'authorization\|made-up' '$W/proxy.lines'"
    done_with
}
try_proxy "an http proxy" http "CONNECT api.invalid:$sim_tls" connect
try_proxy "an https proxy" https "CONNECT api.invalid:$sim_tls" connect --cert "$W/server.pem" --key "$W/server.key"
try_proxy "a socks5 proxy" socks5 "kind 3 api.invalid:$sim_tls" socks5
kubeconfig "https://api.invalid:$sim_tls" ", certificate-authority: ca.pem, proxy-url: 'http://127.0.0.1:1'" "{token: made-up-token-1}"
again --kubeconfig "$W/config"
eventually "a proxy that is not there is told" status_says "^pods .*NO .*(127.0.0.1 port 1|proxy|refused|connect)"
done_with

# ---- a server that takes connections and never answers: the first answer, the handshake
relay mute mute
again --server "http://127.0.0.1:$relay_port"
start agent2 "$BIN/tarnd" --runtime-dir "$W/run2" --socket "$W/run2/tarn.sock" --budget 16MiB --resource pods --server "https://127.0.0.1:$relay_port"
second=$started
WAIT=60 eventually "a server that never answers is an error in the status" status_says "^pods .*NO .*gave no answer within 15 s"
second_says() { TARN_SOCKET=$W/run2/tarn.sock status_says "$1"; }
WAIT=60 eventually "and so is one that never ends the handshake" second_says "^pods .*NO .*(timed out|timeout)"
kill -TERM "$second"
wait "$second"
done_with

# ---- HTTP/2 is asked for when configured; the simulator speaks 1.1, which is taken
again --server "$https" --ca-file "$W/ca.pem" --token-file "$W/issued" --http2
eventually "with http2 a server of HTTP/1.1 serves" synced pods
done_with
check "no credential in any log" bash -c "! grep -q 'made-up\|PRIVATE' '$W'/*.log"

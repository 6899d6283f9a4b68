#!/usr/bin/env bash
# The kubeconfig is followed while tarnd runs: another user, another server, mistakes in between, and what readers see meanwhile.
. "$(dirname "$0")/lib.sh"

start_sim --generate pods=40,nodes=3 --token made-up-one
old=$url old_sim=$sim
write() { # server, token, current-context
    cat >"$W/config.new" <<YAML
current-context: ${3:-lab}
clusters: [{name: lab, cluster: {server: "$1"}}, {name: other, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: lab, context: {cluster: lab, user: me}}, {name: other, context: {cluster: other, user: me}}]
users: [{name: me, user: {token: $2}}]
YAML
    mv "$W/config.new" "$W/config"
}
write "$old" made-up-one
mkdir -m 700 "$W/state"
printf 'resources: [{name: pods, drop: []}, {name: nodes, drop: []}, things.lab.example]\nbudget: 32MiB\n' >"$W/c.yaml"
start_agent --config "$W/c.yaml" --kubeconfig "$W/config" --state-dir "$W/state"
eventually "all that is there syncs" all_synced pods nodes
names() { tarn get pods -A -o name | sort; }
names >"$W/first"
server() { tarn status -o json | jq -r .agent.agent.server; }

# ---- another user, which only the server's token tells: watches go over
: >"$W/config"
eventually "an emptied one is told" logged "kept=\"the server and credentials read before\""
check "and nothing happens" all_synced pods nodes
write "$old" made-up-two other
eventually "another user is taken; the context stays that of the start" logged "from=\"kubeconfig $W/config, context lab\""
eventually "which the server refuses" status_says "^pods .*(401|nauthorized)"
check "the objects stay" cmp -s "$W/first" <(names)
write "$old" made-up-one
eventually "the right one lets in again" all_synced pods nodes

# ---- another server with other objects: its list replaces theirs, in one moment
start_sim --generate pods=25,nodes=2 --seed 7
start follower bash -c "while :; do '$BIN/tarn' get pods -A -o name | sort | md5sum; done"
follower=$started
write "$url" none
names_are_the_servers() { same pods /api/v1/pods && same nodes /api/v1/nodes; }
eventually "the other server's objects take their place" names_are_the_servers
eventually "it is live" all_synced pods nodes
check "status names it" test "$(server)" = "$url"
kill "$follower"
wait "$follower" 2>/dev/null
check "readers saw the old state or the new one, nothing between" test "$(sort -u "$W/follower.log" | wc -l)" -le 2
check "the log says so" logged "the API server is another one"
check "no version is taken to have gone back" test "$(resource pods .rv_rewinds)" = 0
curl -fsS -X POST "$url/api/v1/namespaces" -H 'Content-Type: application/json' -d '{"metadata":{"name":"fresh"}}' >/dev/null
curl -fsS -X POST "$url/api/v1/namespaces/fresh/pods" -H 'Content-Type: application/json' \
    -d '{"metadata":{"name":"late"},"spec":{"containers":[{"name":"c","image":"i"}]}}' >/dev/null
late() { tarn get pods late -n fresh -o name; }
eventually "its changes come" late
stop_hard "$old_sim"
check "nobody needs the old one" all_synced pods nodes

# ---- a checkpoint of now is of the other server
kill "$agent"
wait "$agent"
start_agent --config "$W/c.yaml" --kubeconfig "$W/config" --state-dir "$W/state"
eventually "a restart goes on with the other server" logged "resource resumes"
check "it is its state" late
check "the region breaks no rule" tarn verify

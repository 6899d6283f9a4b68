#!/usr/bin/env bash
# A restarted agent serves the last state at once, from the checkpoint or from the region that the service manager kept, and goes on with
# a WATCH: no LIST, nothing lost that changed meanwhile, deletes included. What is wrong with a checkpoint is named; the service goes on.
. "$(dirname "$0")/lib.sh"

state=$W/state
printf 'resources:\n  - {name: po, indexes: [spec.nodeName], drop: []}\n  - {name: services, drop: []}\n  - nodes\n' >"$W/c.yaml"
agent_with() { start_agent --config "$W/c.yaml" --server "$url" --state-dir "$state" --checkpoint-interval 1h --streaming-lists=false "$@"; } # so that the simulator counts each LIST
lists() { curl -fsS "$url/sim/stats" | jq .lists; }
wait_gone() { wait "$1" 2>/dev/null; return 0; }
save_now() { # SIGUSR1, and wait for a new file
    local before
    before=$(stat -c %i "$state/cluster.ckpt" 2>/dev/null)
    other_file() { [ -s "$state/cluster.ckpt" ] && [ "$(stat -c %i "$state/cluster.ckpt")" != "$before" ]; }
    kill -USR1 "$agent"
    eventually "a checkpoint is saved on SIGUSR1" other_file
}
up() { tarn get pods -A -o name >/dev/null; }
count() { tarn get "$1" -A -o name 2>/dev/null | wc -l; }

start_sim --generate pods=600,nodes=12,services=30
sim_port=$port # the same address when it comes again
agent_with
eventually "the agent syncs" all_synced pods services nodes
check "it says what it has" same pods /api/v1/pods

# ---- a checkpoint is a file of mode 0600 that is whole
save_now
check "the file is nobody else's" test "$(stat -c %a "$state/cluster.ckpt")" = 600
check "nothing lies beside it" test "$(ls "$state")" = cluster.ckpt
verified() { tarn verify --checkpoint "$1"; }
check "tarn verify reads it, agent or not" verified "$state/cluster.ckpt"
check "and tells what it holds" sh -c "'$BIN/tarn' verify --checkpoint '$state/cluster.ckpt' | grep -qE '^pods +60[0-9] +=[0-9]+ +yes '"

# ---- kill -9; changes meanwhile, deletes included; a reader lives on
start reader "$BIN/e2e-follower" pods spec.nodeName
eventually "the reader sees objects" test -s "$W/reader.log"
stop_hard "$agent"
gone_pod=$(curl -fsS "$url/api/v1/pods?limit=1" | jq -r '.items[0].metadata | .namespace + "/" + .name')
curl -fsS -X DELETE "$url/api/v1/namespaces/${gone_pod%/*}/pods/${gone_pod#*/}" >/dev/null
curl -fsS -X POST "$url/sim/change" -d '{"count":200}' >/dev/null

# ---- the server is away at the start: the last state is there, and says how old it is
stop_hard "$sim"
agent_with
eventually "the last state is served without a server" up
check "all of it" test "$(count pods)" -ge 600
check "and it is marked: synced, not live" status_says "^pods +[0-9]+ +yes +NO"
check "the last event has its age" sh -c "'$BIN/tarn' status -o json | jq -e '[.resources[] | select(.name == \"pods\") | .lastEventAgeMs] | first | . != null and . >= 0'"
check "by index too" index_sums
check "the region breaks no rule" tarn verify
check "the reader lives still" kill -0 "$started"
stop_hard "$agent"

# ---- the server is there: caught up without a LIST. (The simulator keeps no state over its own end, so it must not end.)
start_sim --generate pods=600,nodes=12,services=30
rm -f "$state/cluster.ckpt"
agent_with
eventually "an agent without a checkpoint lists" all_synced pods services nodes
save_now
stop_hard "$agent"
gone_pod=$(curl -fsS "$url/api/v1/pods?limit=1" | jq -r '.items[0].metadata | .namespace + "/" + .name')
curl -fsS -X DELETE "$url/api/v1/namespaces/${gone_pod%/*}/pods/${gone_pod#*/}" >/dev/null
curl -fsS -X POST "$url/sim/change" -d '{"count":200}' >/dev/null
before=$(lists)
agent_with
eventually "the next agent is live" all_synced pods services nodes
check "without a single LIST" test "$(lists)" = "$before"
eventually "and has what changed meanwhile" same pods /api/v1/pods
check "the pod that was deleted is gone" refused "not found" tarn get pods -n "${gone_pod%/*}" "${gone_pod#*/}"
eventually "services too" same services /api/v1/services
check "nobody says that it is of an earlier agent any more" refused "" sh -c "'$BIN/tarn' status | grep 'earlier agent'"
check "the reader has passed over by itself" kill -0 "$started"

# ---- SIGTERM saves a last time: also what came since the last checkpoint
curl -fsS -X POST "$url/sim/change" -d '{"count":50}' >/dev/null
eventually "the changes are here" same pods /api/v1/pods
rv=$(resource pods .resource_version)
kill -TERM "$agent" && wait_gone "$agent"
stop_hard "$sim"
agent_with
eventually "after a SIGTERM the last state is served" up
check "to the last version" test "$(resource pods .resource_version)" = "$rv"
stop_hard "$agent"
start_sim --generate pods=600,nodes=12,services=30

# ---- the history is gone: 410, and a relist as a difference
rm -f "$state/cluster.ckpt"
agent_with
eventually "it syncs again" all_synced pods services nodes
kill -TERM "$agent" && wait_gone "$agent"
curl -fsS -X POST "$url/sim/change" -d '{"count":100}' >/dev/null
curl -fsS -X POST "$url/sim/compact" -d '{}' >/dev/null
agent_with
eventually "after a 410 it lists" all_synced pods services nodes
eventually "and has what is there" same pods /api/v1/pods
check "it did list" resource_says pods .lists 1

# ---- a checkpoint that is damaged, foreign, of another format, of another configuration
wrong() { # what, text in the log, then a command that changes the file
    local what=$1 text=$2
    shift 2
    save_now
    stop_hard "$agent"
    "$@"
    : >"$W/agent.log"
    agent_with
    eventually "$what: the service goes on" all_synced pods services nodes
    check "$what: it is named" logged "$text"
    check "$what: everything is there" same pods /api/v1/pods
}
zero_at() { printf '\0\0\0\0\0\0\0\0' | dd of="$state/cluster.ckpt" bs=1 seek="$1" conv=notrunc 2>/dev/null; }
halve() { truncate -s $(($(stat -c %s "$state/cluster.ckpt") / 2)) "$state/cluster.ckpt"; }
foreign() { echo '{"kind":"List"}' | dd of="$state/cluster.ckpt" conv=notrunc 2>/dev/null; }
old_format() { printf '\11' | dd of="$state/cluster.ckpt" bs=1 seek=8 conv=notrunc 2>/dev/null; }
for_all() { chmod 0666 "$state/cluster.ckpt"; }
wrong "a damaged header" "its header is damaged" zero_at 40
wrong "a cut file" "it ends at byte" halve
wrong "a foreign file" "is not a checkpoint of tarn" foreign
wrong "another format" "has format 9.1" old_format
wrong "a file that all may write" "others than this user and root could have written it" for_all

# damage in one resource costs that resource only
save_now
stop_hard "$agent"
zero_at $(($(stat -c %s "$state/cluster.ckpt") - 200)) # in the last block of objects
check_refused "tarn verify names the damage" "are damaged" tarn verify --checkpoint "$state/cluster.ckpt"
: >"$W/agent.log"
before=$(lists)
agent_with
eventually "a damaged block: the service goes on" all_synced pods services nodes
check "the damage is named" logged "what is whole of it is used"
check "one resource was listed, the others resumed" test "$(lists)" = $((before + 1))

# another configuration of one resource
save_now
stop_hard "$agent"
printf 'resources:\n  - {name: po, indexes: [spec.nodeName], drop: []}\n  - {name: services, drop: [metadata.annotations]}\n  - nodes\n' >"$W/c.yaml"
: >"$W/agent.log"
before=$(lists)
agent_with
eventually "another projection: the service goes on" all_synced pods services nodes
check "what differs is named" logged "another configuration: drop"
check "only that resource was listed" test "$(lists)" = $((before + 1))

# another server: nothing of it is served
save_now
stop_hard "$agent"
: >"$W/agent.log"
start_agent --config "$W/c.yaml" --server "http://127.0.0.1:1" --state-dir "$state"
eventually "another server is named" logged "another configuration: server"
check "and nothing is served for it" test "$(count pods)" = 0
stop_hard "$agent"

# ---- places that cannot be written
agent_with
eventually "it syncs" all_synced pods services nodes
save_now
printf 'resources:\n  - {name: po, drop: []}\n  - nodes\n' >"$W/c.yaml"
cp "$state/cluster.ckpt" "$W/good"
good_stays() { cmp -s "$W/good" "$state/cluster.ckpt"; }
stop_hard "$agent"
: >"$W/agent.log"
agent_with --checkpoint-interval 1s
eventually "it syncs once more" all_synced pods nodes
prlimit --pid "$agent" --fsize=81920 # room for the pages of clients
curl -fsS -X POST "$url/sim/change" -d '{"count":10}' >/dev/null
eventually "the full disk is named, with what to do" logged "LimitFSIZE"
check "the last good checkpoint stays" good_stays
eventually "the service goes on" same pods /api/v1/pods
status_error() { [ "$(tarn status -o json | jq -r '.agent.realms[0].checkpoint_error')" != "" ]; }
eventually "status tells it too" status_error
stop_hard "$agent"
check "no half file lies there" test "$(ls "$state" | wc -l)" -le 2
: >"$W/agent.log"
start_agent --config "$W/c.yaml" --server "$url" --streaming-lists=false --state-dir /proc/tarn --checkpoint-interval 1s
eventually "without a directory it syncs" all_synced pods nodes
check "the directory is named, with what to do" logged "name another with stateDir"
stop_hard "$agent"
if [ "$(id -u)" = 0 ] && mkdir "$W/small" && mount -t tmpfs -o size=16k tmpfs "$W/small" 2>/dev/null; then
    : >"$W/agent.log"
    start_agent --config "$W/c.yaml" --server "$url" --streaming-lists=false --state-dir "$W/small" --checkpoint-interval 1s
    eventually "on a full disk it syncs" all_synced pods nodes
    eventually "the full disk is named" logged "make room there"
    check "no half file lies there" test -z "$(ls "$W/small")"
    stop_hard "$agent"
    mount -o remount,ro "$W/small"
    : >"$W/agent.log"
    start_agent --config "$W/c.yaml" --server "$url" --streaming-lists=false --state-dir "$W/small" --checkpoint-interval 1s
    eventually "on a read-only disk it syncs" all_synced pods nodes
    eventually "the read-only disk is named" logged "Read-only file system"
    stop_hard "$agent"
    umount "$W/small"
fi

# ---- Secrets are never written to a disk
printf 'realms:\n  - {name: cluster, resources: [pods]}\n  - {name: secret, budget: 16MiB, resources: [secrets]}\n' >"$W/secret.yaml"
rm -f "$state"/*
start_agent --config "$W/secret.yaml" --server "$url" --streaming-lists=false --state-dir "$state" --checkpoint-interval 1s
eventually "pods sync" synced pods
saved() { [ -s "$state/cluster.ckpt" ]; }
eventually "realm cluster is saved" saved
kill -TERM "$agent" && wait_gone "$agent"
check "realm secret is not" test "$(ls "$state")" = cluster.ckpt

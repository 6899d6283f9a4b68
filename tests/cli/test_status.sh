#!/usr/bin/env bash
# tarn status, snapshot, verify, watch and events, and what they say when the agent is killed.
. "$(dirname "$0")/lib.sh"
up 200 100

check "synced" 0 "$("$bin/tarn" status --synced; echo $?)"
"$bin/tarn" status -o json >"$run/status.json"
check "resources" 4 "$(jq '.resources | length' "$run/status.json")"
check "all synced" true "$(jq '[.resources[].synced] | all' "$run/status.json")"
check "the agent's own answer" "$agent" "$(jq .agent.agent.pid "$run/status.json")"
check "nodes line" "nodes 20 yes yes" "$("$bin/tarn" status | awk '$1 == "nodes" {print $1, $2, $3, $4}')"
check "the agent lives" "alive," "$("$bin/tarn" status | awk '$1 == "agent:" {print $2}')"
check "snapshot counts" 20 "$("$bin/tarn" snapshot | awk '$1 == "nodes" {print $2}')"
"$bin/tarn" verify >"$run/verify" && grep -q "^ok: commit" "$run/verify" && ok || bad "verify: $(cat "$run/verify")"
"$bin/example-ingress-worker" >/dev/null &
worker=$!
pids+=($worker)
for _ in $(seq 100); do
    "$bin/tarn" status >"$run/status"
    [ "$(grep -c "^$worker *example-ingress" "$run/status")" = 2 ] && break
    sleep 0.1
done
check "status names the clients: the worker has a client and an informer" 2 "$(grep -c "^$worker *example-ingress" "$run/status")"
check "and counts them, itself too" "3," "$(awk '$1 == "clients:" {print $2}' "$run/status")"
kill "$worker"
fails 2 "unexpected argument" "$bin/tarn" verify now
fails 2 "json or none" "$bin/tarn" status -o yaml

# Watching: everything first, then changes.
timeout 3 "$bin/tarn" events pods -A >"$run/events"
check "events begin with a header" "EVENT NAMESPACE NAME READY STATUS RESTARTS AGE" "$(head -n 1 "$run/events" | xargs)"
[ "$(grep -c '^ADDED ' "$run/events")" -ge 200 ] && ok || bad "events: not every pod was added"
grep -q '^MODIFIED ' "$run/events" && ok || bad "events: no change in 3 s at 100 changes/s"
timeout 2 "$bin/tarn" events pods -A -o json --watch-only | jq -e 'select(.type != "ADDED") | .object.kind == "Pod"' >"$run/kinds"
grep -q true "$run/kinds" && ! grep -q false "$run/kinds" && ok || bad "events as JSON"
timeout 2 "$bin/tarn" get pods -A --watch --no-headers >"$run/watch"
[ "$(wc -l <"$run/watch")" -ge 200 ] && ok || bad "get --watch"

# An agent that is killed: a watcher goes on with its successor and loses nothing; a newcomer is told.
"$bin/tarn" events nodes --no-headers >"$run/nodes" &
watcher=$!
pids+=($watcher)
sleep 1
kill -9 "$agent"
wait "$agent" 2>/dev/null
fails 3 "nothing listens there" "$bin/tarn" status
start_agent || bad "the second agent"
curl -sf -X POST -H 'Content-Type: application/json' "$url/api/v1/nodes" \
    -d '{"apiVersion":"v1","kind":"Node","metadata":{"name":"made-after-restart"}}' >/dev/null || bad "creating a node"
for _ in $(seq 100); do
    grep -q made-after-restart "$run/nodes" && break
    sleep 0.1
done
check "the new node is seen over the restart, once" 1 "$(grep -c '^ADDED *made-after-restart' "$run/nodes")"
check "no node was added twice" "" "$(awk '$1 == "ADDED" {print $2}' "$run/nodes" | sort | uniq -d)"
check "no node was deleted" 0 "$(grep -c '^DELETED' "$run/nodes")"

# Who may not read a realm is told nothing of it: neither that it is there, nor what is in it, nor who reads it.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    cat >"$run/realms.yaml" <<CONFIG
server: {url: "$url"}
runtimeDir: "$run/realms"
realms:
  - {name: cluster, readers: {users: [65534]}, resources: [pods]}
  - {name: closed, readers: {users: [65533]}, budget: 16777216, resources: [services]}
budget: 67108864
CONFIG
    chmod 755 "$run"
    export TARN_SOCKET=$run/realms/tarn.sock
    "$bin/tarnd" --config "$run/realms.yaml" >"$run/realms.log" 2>&1 </dev/null &
    pids+=($!)
    for _ in $(seq 600); do
        "$bin/tarn" status --synced 2>/dev/null && "$bin/tarn" status --synced --realm closed 2>/dev/null && break
        sleep 0.1
    done
    "$bin/tarn" events services --realm closed --watch-only >/dev/null &
    pids+=($!)
    for _ in $(seq 600); do
        [ "$("$bin/tarn" status -o json 2>/dev/null | jq '[.agent.clients[] | select(.realm == "closed")] | length')" -gt 0 ] && break
        sleep 0.1
    done
    check "root sees both realms" "closed cluster" "$("$bin/tarn" status -o json | jq -r '[.agent.realms[].name] | sort | join(" ")')"
    told=$(setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/tarn" status -o json | jq -c '[.agent.realms[].name] + [.agent.resources[].realm] + [.agent.clients[].realm] | unique')
    check "a reader of one realm is told of that one" '["cluster"]' "$told"
else
    echo "SKIPPED: what a reader of one realm is told of the others: needs root and setpriv"
fi
finish

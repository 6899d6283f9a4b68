#!/usr/bin/env bash
# kill -9 of the agent or of readers harms nobody else and loses nothing; clients come back by themselves.
. "$(dirname "$0")/lib.sh"

printf 'resources:\n  - {name: pods, indexes: [spec.nodeName]}\n  - services\n  - endpointslices\n' >"$W/c.yaml"
start_sim --generate pods=200,nodes=10,services=20 --churn 100
start_agent --config "$W/c.yaml" --server "$url"
eventually "the agent syncs" all_synced pods services

# ---- readers are killed, over and over
clients() { tarn status -o json | jq '.agent.clients | length'; }
only_me() { [ "$(clients)" = 1 ]; } # the one that asks
for i in 1 2 3 4 5 6; do
    start reader "$BIN/e2e-follower" pods
    readers[$i]=$started
done
many() { [ "$(clients)" -ge 7 ]; }
eventually "six readers are attached" many
for i in 1 2 3 4 5 6; do stop_hard "${readers[$i]}"; done
eventually "killed readers are forgotten, with their pins" only_me
check "the agent goes on" synced pods

# ---- the agent is killed: a reader goes on with the last state, then follows the next agent
start watcher "$BIN/e2e-follower" pods spec.nodeName
watcher=$started
eventually "the watcher sees changes" test -s "$W/watcher.log"
stop_hard "$agent"
check_refused "a new client finds no agent" "no agent" tarn get pods
check "the reader lives on" kill -0 "$watcher"
start_agent --config "$W/c.yaml" --server "$url"
eventually "the next agent syncs" all_synced pods services
lines=$(wc -l <"$W/watcher.log")
grown() { [ "$(wc -l <"$W/watcher.log")" -gt "$lines" ]; }
eventually "the old reader follows the new agent by itself" grown

# ---- again and again, in the middle of everything
for i in 1 2 3 4; do
    stop_hard "$agent"
    start_agent --config "$W/c.yaml" --server "$url"
    sleep 0.$i
done
eventually "after four more kills it syncs" all_synced pods services
check "the region breaks no rule" tarn verify
check "the reader lives still" kill -0 "$watcher"

# ---- a stopped reader stops nobody
kill -STOP "$watcher"
events() { resource pods .events; }
before=$(events)
more_events() { [ "$(events)" -gt $((before + 200)) ]; }
eventually "a stopped reader does not stop the writer" more_events
kill -KILL "$watcher"
eventually "and is forgotten when it dies" only_me

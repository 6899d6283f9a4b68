#!/usr/bin/env bash
# A region that is full: streams wait with what they read, nothing that was there is lost, and they go on where they stopped;
# generations at their bound: a reload waits, and says for whom.
. "$(dirname "$0")/lib.sh"

realm() { tarn status -o json 2>/dev/null | jq -r ".agent.realms[] | select(.name == \"cluster\") | $1"; }
agent_says() { tarn status -o json 2>/dev/null | jq -r ".agent.agent$1"; }
is() { [ "$("${@:2}")" = "$1" ]; }
at_least() { local v; v=$("${@:2}") && [ "$v" -ge "$1" ]; }
lists() { resource "$1" '(.lists + .streaming_lists)'; }
config() { # budget
    cat >"$W/c.yaml" <<YAML
realms:
  - name: cluster
    budget: $1
    resources: [{name: configmaps, drop: []}, {name: nodes}]
hugePages: false
YAML
}
create() { # from, to: configmaps of 40 KB, made by one process
    python3 - "$url" "$1" "$2" <<'PY'
import json, sys, http.client
host = sys.argv[1].split("//")[1]
c = http.client.HTTPConnection(host)
for i in range(int(sys.argv[2]), int(sys.argv[3])):
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{i}"}, "data": {"x": "y" * 40000}})
    c.request("POST", "/api/v1/namespaces/default/configmaps", body, {"Content-Type": "application/json"})
    r = c.getresponse()
    r.read()
    assert r.status == 201, r.status
PY
}

config 8MiB
start_sim --generate nodes=3
create 0 100
start_agent --config "$W/c.yaml" --server "$url"
eventually "all is there" status_says "^configmaps +100 +yes +yes"
before=$(lists configmaps)
create 100 300
eventually "the region is full: the stream is paused" is true resource configmaps .full
check "people see it" status_says "^pressure: +the region is full"
check "and with the resource" status_says "^configmaps .*full"
check "changes wait" at_least 1 resource configmaps .waiting
check "what was there is there" tarn get configmaps c0 -n default
check "and what fitted" sh -c "[ \$('$BIN/tarn' get configmaps -n default -o name | wc -l) -gt 120 ]"
check "the watch was not given up for a list" is "$before" lists configmaps
check "other resources live on" synced nodes
check "the region breaks no rule" tarn verify

# ---- room: a larger budget, while it waits
config 32MiB
kill -HUP "$agent"
eventually "the stream goes on where it stopped" status_says "^configmaps +300 +yes +yes"
eventually "nothing waits any more" is false resource configmaps .full
check "without a list" is "$before" lists configmaps
check "by a new generation" is 1 realm .handovers_reload
same_maps() { same configmaps /api/v1/configmaps; }
eventually "the mirror is equal to the server" same_maps

# ---- more than the backlog keeps: what is lost is told, everything else goes on, and room brings it
create 300 1200
eventually "more waits than is kept" logged "objects are missing that do not fit the region"
check "the agent answers" synced nodes
check "what was there is there" tarn get configmaps c0 -n default
config 96MiB
kill -HUP "$agent"
eventually "room brings all of it" status_says "^configmaps +1200 +yes +yes"
eventually "the mirror is equal to the server" same_maps
for i in $(seq 300 1199); do printf 'url = "%s/api/v1/namespaces/default/configmaps/c%s"\noutput = /dev/null\n' "$url" "$i"; done >"$W/gone"
curl -fsS -X DELETE -K "$W/gone"
eventually "300 are left" status_says "^configmaps +300 +yes +yes"
before=$(lists configmaps)

# ---- deletes make room too
config 16MiB
kill -HUP "$agent"
eventually "16 MiB are enough" is $((16 << 20)) realm .memory.budget_bytes
create 300 500
eventually "full again" is true resource configmaps .full
for i in $(seq 0 199); do curl -fsS -X DELETE "$url/api/v1/namespaces/default/configmaps/c$i" >/dev/null; done
eventually "the deletes came through" status_says "^configmaps +300 +yes +yes"
eventually "the mirror is equal to the server" same_maps
check "without a list" is "$before" lists configmaps

# ---- old generations at their bound: a stopped reader holds the one that is allowed
start follower "$BIN/e2e-follower" configmaps
follower=$started
eventually "the reader reads" test -s "$W/follower.log"
kill -STOP "$follower"
start replayer "$BIN/e2e-replayer" configmaps # and one that goes along
eventually "another reader reads" grep -q "^synced" "$W/replayer.log"
config 24MiB
kill -HUP "$agent"
eventually "a new generation" is $((24 << 20)) realm .memory.budget_bytes
eventually "the old one stays for the stopped reader" is 1 realm .old_generations
check "its memory is told" at_least 1048576 realm .old_bytes
check "and to people" status_says "^kept: +1 of at most 1 older generations"
config 32MiB
kill -HUP "$agent"
eventually "the next reload waits" is waiting agent_says .reload
check "and says for whom" sh -c "'$BIN/tarn' status -o json | jq -r .agent.agent.reload_error | grep -q 'e2e-follower (pid $follower)'"
check "the one before is in force" is $((24 << 20)) realm .memory.budget_bytes
kill -CONT "$follower"
eventually "it is applied when the reader has passed over" is $((32 << 20)) realm .memory.budget_bytes
eventually "no old generation is left" is 0 realm .old_generations
check "the reader saw nothing wrong" kill -0 "$follower"
check "the bound was counted" at_least 1 realm .handovers_at_bound

# ---- the number of a generation never comes again
last=$(realm .generation)
kill -TERM "$agent"
wait "$agent"
start_agent --config "$W/c.yaml" --server "$url"
eventually "a restarted agent has a higher number" at_least $((last + 1)) realm .generation

# ---- too many clients: turned away with a reason, counted; those that are there read on
kill -TERM "$agent"
wait "$agent"
printf 'maxClients: 3\n' >>"$W/c.yaml"
start_agent --config "$W/c.yaml" --server "$url"
eventually "the readers are back (and who asks)" is 3 realm .clients
third=
a_third() { # who asked a moment ago may still have the place
    [ -n "$third" ] && kill -0 "$third" && return
    start third "$BIN/e2e-follower" nodes
    third=$started
    sleep 0.5
    kill -0 "$third"
}
eventually "a third is let in" a_third
one_more() { refused "too many clients" tarn get nodes; }
eventually "a fourth is refused" one_more
check "the third reads" kill -0 "$third"
kill "$third"
eventually "a place is free again" tarn get nodes
check "the refusals were counted" at_least 1 agent_says .refused_limit

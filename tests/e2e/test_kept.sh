#!/usr/bin/env bash
# The service manager keeps the region: an agent that was killed is followed by one that goes on with the last commit, with no
# checkpoint, no server and no LIST. tests/e2e/manager.py stands in the place of systemd.
. "$(dirname "$0")/lib.sh"

printf 'resources:\n  - {name: pods, indexes: [spec.nodeName], drop: []}\n  - {name: services, drop: []}\n' >"$W/c.yaml"
m=$W/manager
mkdir "$m"
ln -s "$m/log" "$W/agent.log" # so that it is shown when something fails
lists() { curl -fsS "$url/sim/stats" | jq .lists; }
running() { agent=$(cat "$m/pid" 2>/dev/null) && kill -0 "$agent" 2>/dev/null; }
ended() { [ ! -e "$m/pid" ]; }
kept() { [ "$(cat "$m/kept")" = "$1" ]; }
kill_agent() {
    running
    kill "-$1" "$agent"
    eventually "the agent is gone" ended
}
start_again() {
    : >"$m/log"
    touch "$m/go"
    eventually "the next agent runs" running
}
up() { tarn get pods -A -o name >/dev/null; }

start_sim --generate pods=300,nodes=12,services=30
sim_port=$port
export TARN_STREAMING_LISTS=false
start manager "$(dirname "$0")/manager.py" "$m" "$BIN/tarnd" --config "$W/c.yaml" --server "$url" --runtime-dir "$W/run" --budget 64MiB
manager=$started
eventually "the agent syncs" all_synced pods services
check "it told that it is ready" grep -q '^READY=1' "$m/said"
generation() { tarn status -o json | jq .region.generation; }
one=$(generation)
eventually "its region is kept under realm and generation" kept "tarn-cluster-$one"

# ---- killed; changes meanwhile; the next one resumes
start reader "$BIN/e2e-follower" pods spec.nodeName
reader=$started
eventually "the reader sees objects" test -s "$W/reader.log"
kill_agent KILL
gone_pod=$(curl -fsS "$url/api/v1/pods?limit=1" | jq -r '.items[0].metadata | .namespace + "/" + .name')
curl -fsS -X DELETE "$url/api/v1/namespaces/${gone_pod%/*}/pods/${gone_pod#*/}" >/dev/null
curl -fsS -X POST "$url/sim/change" -d '{"count":200}' >/dev/null
before=$(lists)
start_again
eventually "it is live" all_synced pods services
check "from the kept region" logged 'from="kept region"'
check "without a LIST" test "$(lists)" = "$before"
eventually "it has what changed meanwhile" same pods /api/v1/pods
check "the pod that was deleted is gone" refused "not found" tarn get pods -n "${gone_pod%/*}" "${gone_pod#*/}"
check "the region breaks no rule" tarn verify
two=$(generation)
check "another generation" test "$two" -gt "$one"
eventually "only the newest region is kept" kept "tarn-cluster-$two"
check "the reader has passed over by itself" kill -0 "$reader"

# ---- again and again under churn
curl -fsS -X POST "$url/sim/churn" -d '{"perSecond":200}' >/dev/null
before=$(lists) # the comparison above lists too
for i in 1 2 3 4 5; do
    kill_agent KILL
    start_again
    eventually "it is live again ($i)" all_synced pods services
    sleep 0.$i
done
check "five kills cost no LIST" test "$(lists)" = "$before"
curl -fsS -X POST "$url/sim/quiesce" >/dev/null
eventually "nothing was lost" same pods /api/v1/pods
eventually "nor of services" same services /api/v1/services
check "the reader lives still" kill -0 "$reader"

# ---- a planned hand-over: the new generation is kept instead
printf 'budget: 96MiB\nresources:\n  - {name: pods, indexes: [spec.nodeName, "label:app"], drop: []}\n  - {name: services, drop: []}\n' >"$W/c.yaml"
three=$(generation)
running && kill -HUP "$agent"
handed_over() { [ "$(generation)" -gt "$three" ]; }
eventually "SIGHUP makes a new generation" handed_over
eventually "which is kept" kept "tarn-cluster-$(generation)"

# ---- the server is away: the last state, at once
kill_agent KILL
stop_hard "$sim"
start_again
eventually "the last state is served without a server" up
check "marked: synced, not live" status_says "^pods +[0-9]+ +yes +NO"
check "the region breaks no rule" tarn verify

# ---- an ordinary stop and start
kill_agent TERM
start_again
eventually "after an ordinary stop too" logged 'from="kept region"'
eventually "it serves" up

# ---- another configuration: what does not fit is named, and only that
kill_agent KILL
printf 'budget: 96MiB\nresources:\n  - {name: pods, labelSelector: app=x}\n  - {name: services, drop: []}\n' >"$W/c.yaml"
start_again
eventually "another selector is named" logged "another configuration: labels"
check "services are served" test "$(tarn get services -A -o name | wc -l)" -ge 30
check "pods of the other selector are not" test "$(tarn get pods -A -o name 2>/dev/null | wc -l)" = 0
kill "$manager"
wait "$manager" 2>/dev/null
running && stop_hard "$agent"

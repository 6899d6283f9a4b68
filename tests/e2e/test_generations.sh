#!/usr/bin/env bash
# Hand-overs in the running agent: SIGHUP with other indexes, projections, resources, readers, budgets, while readers read and an
# informer replays every event. Nothing is listed again but what was never asked for; a wrong file changes nothing.
. "$(dirname "$0")/lib.sh"

config() { cat >"$W/c.yaml"; }
hup() { kill -HUP "$agent"; }
realm() { tarn status -o json 2>/dev/null | jq -r ".agent.realms[] | select(.name == \"cluster\") | $1"; }
reload() { tarn status -o json 2>/dev/null | jq -r ".agent.agent.reload${1:-}"; }
is() { [ "$("${@:2}")" = "$1" ]; }
at_least() { local v; v=$("${@:2}") && [ "$v" -ge "$1" ]; }
applied() { is "$1" reload s_applied && is applied reload; }
lists() { resource "$1" '(.lists + .streaming_lists)'; }
replayed() { # the informer, the server being quiet, has what is there; its last line
    kill -STOP "$sim"
    local before after
    before=$(grep -c equal "$W/replayer.log")
    kill -USR1 "$replayer"
    after=$before
    for _ in $(seq 700); do
        after=$(grep -c equal "$W/replayer.log")
        [ "$after" = "$before" ] || break
        sleep 0.05
    done
    kill -CONT "$sim"
    tail -n1 "$W/replayer.log" | grep "^equal"
}

config <<'YAML'
resources:
  - {name: pods, indexes: [spec.nodeName]}
  - {name: nodes}
  - {name: configmaps}
YAML
start_sim --generate pods=2000,nodes=20 --churn 200
start_agent --config "$W/c.yaml" --server "$url"
eventually "everything syncs" all_synced pods nodes configmaps
first=$(realm .generation)
start replayer "$BIN/e2e-replayer" pods
replayer=$started
start follower "$BIN/e2e-follower" pods spec.nodeName
follower=$started
eventually "the informer has synced" grep -q "^synced" "$W/replayer.log"

# ---- other indexes and slots: no list, no event
before=$(lists pods)
config <<'YAML'
resources:
  - {name: pods, indexes: [spec.nodeName, status.phase], slots: [spec.nodeName]}
  - {name: nodes}
  - {name: configmaps}
YAML
hup
eventually "the reload is applied" applied 1
check "it is a new generation" is $((first + 1)) realm .generation
check "for the reload" is 1 realm .handovers_reload
eventually "the new index answers" sh -c "'$BIN/tarn' get pods -A --index status.phase=Running -o name | grep -q ."
eventually "the watch goes on" synced pods
check "pods were not listed again" is "$before" lists pods
eventually "the readers pass over; the old generation goes" is 0 realm .old_generations
check "the region breaks no rule" tarn verify
check "no event was lost or repeated, and none compared" sh -c 'case "$1" in *"differences 0 "*) ;; *) exit 1 ;; esac' _ "$(replayed)"

# ---- a narrower projection: no list; one that wants a dropped path back: a list of that resource alone
nodes=$(lists nodes)
config <<'YAML'
resources:
  - {name: pods, indexes: [spec.nodeName], drop: [metadata.managedFields, metadata.labels]}
  - {name: nodes}
  - {name: configmaps}
YAML
hup
eventually "the projection is applied" applied 2
has_labels() { tarn get pods -A -o json | jq -e '[.items[] | select(.metadata.labels != null)] | length > 0'; }
has_no_labels() { tarn get pods -A -o json | jq -e '(.items | length > 0) and ([.items[] | select(.metadata.labels != null)] | length == 0)'; }
eventually "the labels are gone" has_no_labels
check "without a list" is "$before" lists pods
check "the region breaks no rule" tarn verify
config <<'YAML'
resources:
  - {name: pods, indexes: [spec.nodeName]}
  - {name: nodes}
  - {name: configmaps}
YAML
hup
eventually "the wider projection is applied" applied 3
eventually "the labels are back" has_labels
eventually "pods were listed once more" is $((before + 1)) lists pods
all_have_labels() { ! tarn get pods -A -o json | jq -e '[.items[] | select(.metadata.labels == null)] | length > 0'; }
eventually "each has its labels again" all_have_labels
check "nodes were not listed" is "$nodes" lists nodes

# ---- resources come and go, the others do not notice
pods=$(lists pods)
generation=$(realm .generation)
config <<'YAML'
resources:
  - {name: pods, indexes: [spec.nodeName]}
  - {name: nodes}
  - {name: services}
YAML
hup
eventually "applied" applied 4
eventually "the new one syncs" synced services
eventually "the old one is gone" sh -c "! '$BIN/tarn' get configmaps -A"
check "in the same generation" is "$generation" realm .generation
check "nothing else was listed" is "$pods" lists pods

# ---- a wrong file: an error with its place, the old one stays in force
echo "resources: [{name: pods, indexess: []}]" >"$W/c.yaml"
hup
eventually "the file is refused" is refused reload
check "with line and column" sh -c "'$BIN/tarn' status -o json | jq -r .agent.agent.reload_error | grep -qE 'c.yaml:1:[0-9]+'"
check "people see it" status_says "c.yaml:1:"
check "pods are still served" synced pods
# a budget that is too small for what is there
config <<'YAML'
realms:
  - name: cluster
    budget: 8MiB
    resources:
      - {name: pods, indexes: [spec.nodeName]}
      - {name: nodes}
      - {name: services}
YAML
hup
eventually "it does not fit" status_says "^reload: .*the old generation goes on"
check "nothing has changed" is "$generation" realm .generation
check "pods are still served" synced pods

# ---- another budget; who may read
sed -i 's/8MiB/96MiB/' "$W/c.yaml"
hup
eventually "applied" applied 5
check "the region has the new size" is $((96 << 20)) realm .memory.budget_bytes
check "pods were not listed for it" is "$pods" lists pods
# ---- who may read: a right that is taken away
chmod 755 "$W"
sed -i 's/budget: 96MiB/budget: 96MiB\n    readers: {users: [nobody]}/' "$W/c.yaml"
hup
eventually "readers are applied" applied 6
as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
start outsider setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/e2e-follower" pods
outsider=$started
eventually "nobody may read now" test -s "$W/outsider.log"
sed -i '/readers:/d' "$W/c.yaml"
generation=$(realm .generation)
hup
eventually "the right is taken away" applied 7
check "by a new generation, that he has not" is 1 realm .handovers_readers
eventually "he is sent away" logged "client sent away"
check_refused "he cannot come back" "not among the readers" as_nobody "$BIN/tarn" get nodes
last_seen() { [ "$(tail -n1 "$W/outsider.log" | cut -d' ' -f1)" -le "$generation" ]; }
check "what he sees stands still" last_seen
check "he reads the last state that was his" kill -0 "$outsider"

check "the informer lost nothing" test -n "$(replayed)"
check "the reader saw nothing wrong" kill -0 "$follower"
check "nor the informer" kill -0 "$replayer"
kill -TERM "$agent"
eventually "it ends" sh -c "! kill -0 $agent"

#!/usr/bin/env bash
# Deleted pods stay known for a while: found by name, owner, address and container in another process, apart from those that live;
# through a relist, an agent's reload and the end of their time (keepDeleted, tarn/deleted.h).
. "$(dirname "$0")/lib.sh"

start_sim --generate pods=40,nodes=3
cat >"$W/c.yaml" <<'YAML'
resources:
  - name: pods
    indexes: [node, owner, podIP, containerID]
    keepDeleted: {for: 1h, objects: 30}
  - nodes
budget: 32MiB
YAML
mkdir -m 700 "$W/state"
start_agent --config "$W/c.yaml" --server "$url" --state-dir "$W/state"
eventually "all syncs" all_synced pods nodes
check_refused "where nothing is kept it says what to do" "set keepDeleted of the resource" tarn get nodes --deleted
check "nothing is deleted yet" test -z "$(tarn get pods -A --deleted -o name 2>/dev/null)"

tarn get pods -A -o json >"$W/pods.json"
of() { jq -r ".items[$1]$2" "$W/pods.json"; }
ns=$(of 0 .metadata.namespace) name=$(of 0 .metadata.name) uid=$(of 0 .metadata.uid) ip=$(of 0 .status.podIP) container=$(of 0 '.status.containerStatuses[0].containerID // empty')
delete() { curl -fsS -X DELETE "$url/api/v1/namespaces/$1/pods/$2?gracePeriodSeconds=0" >/dev/null; }
delete "$ns" "$name"
gone() { ! tarn get pods "$name" -n "$ns" -o name; }
eventually "a deleted pod is no longer among the pods" gone
named() { [ "$(tarn get pods -A --deleted "$@" -o jsonpath='{.items[*].metadata.uid}')" = "$uid" ]; }
check "it is among the deleted" named
check "by its name" test "$(tarn get pods "$name" -n "$ns" --deleted -o jsonpath='{.metadata.uid}')" = "$uid"
check "by its namespace" test "$(tarn get pods -n "$ns" --deleted -o jsonpath='{.items[*].metadata.uid}')" = "$uid"
check "by its uid" named --index "uid=$uid"
check "by its address" named --index "podIP=$ip"
[ -z "$container" ] || check "by a container" named --index "containerID=${container#*://}"
check "by a field selector" named --field-selector "metadata.name=$name"
check "the table tells when" grep -qE "$name .* [0-9]+s ago" <(tarn get pods -A --deleted)
check "an index of the living does not have it" test -z "$(tarn get pods -A --index "podIP=$ip" -o name 2>/dev/null)"
check "it is no resource of its own" test "$(tarn status -o json | jq '.resources | length')" = 2
check "status tells how many" test "$(resource pods .deleted_kept)" = 1
check "in copying mode, too" env TARN_COPY=1 "$BIN/tarn" get pods "$name" -n "$ns" --deleted

# ---- the same name again: two that were deleted, each with its uid
again() {
    curl -fsS -X POST "$url/api/v1/namespaces/$ns/pods" -H 'Content-Type: application/json' \
        -d "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"$name\",\"namespace\":\"$ns\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}" >/dev/null
}
again
back() { tarn get pods "$name" -n "$ns" -o name; }
eventually "one of the same name lives" back
check "the one before is still among the deleted" named
delete "$ns" "$name"
eventually "it is deleted, too" gone
check "both are kept" test "$(tarn get pods -A --deleted -o name | wc -l)" = 2
newest=$(tarn get pods "$name" -n "$ns" --deleted -o jsonpath='{.metadata.uid}')
check "by name the newer one is given" test -n "$newest" -a "$newest" != "$uid"

# ---- deleted while nothing was watched: the relist finds out, and what was kept stays
fault '[{"kind":"status","resource":"pods","verb":"watch","code":503},{"kind":"status","resource":"pods","verb":"list","code":503}]'
curl -fsS -X POST "$url/sim/drop-watches" -d '{"resource":"pods","how":"cut"}' >/dev/null
for i in 1 2 3; do delete "$(of "$i" .metadata.namespace)" "$(of "$i" .metadata.name)"; done
curl -fsS -X POST "$url/sim/compact" -d '{"resource":"pods"}' >/dev/null
lists=$(resource pods '.lists + .streaming_lists')
heal
eventually "it is listed again" resource_says pods '.lists + .streaming_lists' $((lists + 1))
five() { [ "$(tarn get pods -A --deleted -o name | wc -l)" = 5 ]; }
eventually "what the list lacks is among the deleted, with what was there" five
check "with its last state" test "$(tarn get pods "$(of 1 .metadata.name)" -n "$(of 1 .metadata.namespace)" --deleted -o jsonpath='{.spec.nodeName}')" = "$(of 1 .spec.nodeName)"

# ---- a reload with another index is a new generation: the list goes on there
sed -i 's/indexes: \[/indexes: ["label:app", /' "$W/c.yaml"
kill -HUP "$agent"
by_new_index() { tarn get pods -A --index label:app=none -o name; }
eventually "the new index is there" by_new_index
eventually "and the list of the deleted" five
check "by its uid, too" named --index "uid=$uid"

# ---- when each was deleted, in every form
when() { tarn get pods -A --deleted --index "uid=$uid" "$@"; }
at=$(when -o jsonpath='{.items[0].deletedAt}')
check "JSON tells when" test "$(date -u -d "$at" +%Y-%m-%dT%H:%M:%SZ)" = "$at"
check "so does YAML" grep -qF "  deletedAt: \"$at\"" <(when -o yaml)
check "and the wide table" grep -qF " $at" <(when -o wide)
check "those that live have no such member" test "$(tarn get pods -A -o json | grep -c deletedAt)" = 0

# ---- another agent goes on from the checkpoint, and deletes what went while there was none
deletions() { tarn get pods -A --deleted -o jsonpath='{range .items[*]}{.metadata.uid} {.deletedAt}{"\n"}{end}' | sort; }
deletions >"$W/before"
kill "$agent"
wait "$agent"
delete "$(of 10 .metadata.namespace)" "$(of 10 .metadata.name)"
start_agent --config "$W/c.yaml" --server "$url" --state-dir "$W/state"
six() { [ "$(deletions | wc -l)" = 6 ]; }
eventually "what was deleted before the restart is still known, and what was meanwhile" six
check "each with its time" test -z "$(comm -23 "$W/before" <(deletions))"
check "it went on from the checkpoint" logged "resource resumes"
check "and by its index" named --index "uid=$uid"
check "the checkpoint breaks no rule" tarn verify --checkpoint "$W/state/cluster.ckpt"

# ---- bounded: the oldest goes first; a reload changes the bounds
sed -i 's/objects: 30/objects: 3/' "$W/c.yaml"
kill -HUP "$agent"
three() { [ "$(tarn get pods -A --deleted -o name | wc -l)" = 3 ]; }
eventually "fewer are kept after a reload" three
check "the oldest is not among them" test -z "$(tarn get pods -A --deleted --index "uid=$uid" -o name 2>/dev/null)"
sed -i 's/for: 1h/for: 1s/' "$W/c.yaml"
kill -HUP "$agent"
none() { [ -z "$(tarn get pods -A --deleted -o name 2>/dev/null)" ] && tarn get pods -A --deleted; }
eventually "after their time they go" none
check "status counts them" resource_says pods .deleted_expired 3
sed -i '/keepDeleted/d' "$W/c.yaml"
kill -HUP "$agent"
not_kept() { refused "set keepDeleted" tarn get pods -A --deleted; }
eventually "without keepDeleted there is no list" not_kept
check "the region breaks no rule" tarn verify

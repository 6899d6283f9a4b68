#!/usr/bin/env bash
# kubectl's dialect: the same command against the server by kubectl and against the mirror by tarn gives the same text. Where no
# kubectl is installed, what does not need it is still tested.
. "$(dirname "$0")/lib.sh"
up 60 0
tarn() { "$bin/tarn" "$@"; }
kubectl=$(command -v kubectl) || kubectl=
minor=$([ -z "$kubectl" ] || "$kubectl" version --client -o json 2>/dev/null | jq -r '.clientVersion.minor | gsub("[^0-9]"; "")')
if [ "${minor:-0}" -lt 28 ]; then
    echo "SKIPPED: no kubectl of 1.28 or later is installed: its answers are not compared (test_jsonpath holds expected ones)"
    kubectl=
fi

# same ARGUMENTS...: both succeed with the same output, or both fail with the same exit code
same() {
    local ours theirs
    [ -n "$kubectl" ] || return 0
    "$kubectl" --server "$url" get "$@" >"$run/theirs" 2>"$run/theirs.err"
    theirs=$?
    tarn get "$@" >"$run/ours" 2>"$run/ours.err"
    ours=$?
    if [ $ours -ne $theirs ]; then
        bad "get $*: exit code $ours, kubectl's is $theirs: $(head -c 200 "$run/ours.err" "$run/theirs.err")"
    elif [ $ours -eq 0 ] && ! cmp -s "$run/ours" "$run/theirs"; then
        bad "get $*: not what kubectl prints: $(diff "$run/ours" "$run/theirs" | head -c 400)"
    else
        ok
    fi
}

read -r ns name <<<"$(tarn get pods -A --no-headers | awk 'NR == 1 {print $1, $2}')"
read -r _ second <<<"$(tarn get pods -n "$ns" --no-headers | awk 'NR == 2 {print "x", $1}')"

# Quantities to sort by.
for row in a:500m:2Gi b:2:1048576Ki c:1500m:900Mi d:0.25:1G; do
    IFS=: read -r node cpu memory <<<"$row"
    curl -sf -X POST -H 'Content-Type: application/json' "$url/api/v1/nodes" -d '{"apiVersion":"v1","kind":"Node","metadata":{"name":"sort-'"$node"'","labels":{"sort":"me"}},
        "status":{"nodeInfo":{"kubeletVersion":"v1.34.3"},"capacity":{"cpu":"'"$cpu"'","memory":"'"$memory"'"}}}' >/dev/null || bad "creating a node"
done
for _ in $(seq 300); do
    [ "$(tarn get nodes -l sort=me -o name 2>/dev/null | wc -l)" = 4 ] && break
    sleep 0.1
done

# JSONPath over a list. Where a path meets the members of a map in some order, kubectl's order changes from run to run: not here.
while IFS= read -r path; do
    [ -z "$path" ] || same pods -A -o "jsonpath=$path"
done <<'PATHS'
{.items[*].metadata.name}
{.items[0].metadata}
{.items[0]}
{.items[0].spec.containers}
{.items[0].metadata.labels}
{range .items[*]}{.metadata.namespace}{"\t"}{.metadata.name}{"\n"}{end}
{range .items[0:4]}{.metadata.name}{range .spec.containers[*]} {.name}{end}{"\n"}{end}
{range .items[?(@.status.phase=="Running")]}{.metadata.name},{end}
{.items[?(@.status.phase=="Running")].metadata.name}
{.items[?(@.status.phase!="Running")].metadata.name}
{.items[?(@.status.containerStatuses[0].restartCount>2)].metadata.name}
{.items[?(@.status.containerStatuses[0].restartCount>=1)].metadata.name}
{.items[?(@.status.containerStatuses[0].restartCount<1)].metadata.name}
{.items[?(@.status.containerStatuses[0].restartCount<=1)].metadata.name}
{.items[?(@.status.containerStatuses[0].ready==true)].metadata.name}
{.items[?(@.metadata.labels.app)].metadata.name}
{.items[?(@.metadata.labels['app'])].metadata.name}
{.items[?(@.nothing)].metadata.name}
{.items[?(@.status.phase==1)].metadata.name}
{.items[?(@.metadata.deletionTimestamp=="x")].metadata.name}
{.items[0:3].metadata.name}
{.items[-1].metadata.name}
{.items[-2:].metadata.name}
{.items[:3].metadata.name}
{.items[::7].metadata.name}
{.items[1:20:5].metadata.name}
{.items[1,3].metadata.name}
{.items[].metadata.name}
{.items[0:0]}
{.items[5:3]}
{.items[0]['metadata','status']}
{.items[0]['metadata.name']}
{.items[*]['metadata.name','status.phase']}
{.items[0:2]['metadata'].name}
{.items[0].metadata.labels['app\.kubernetes\.io/name']}
{.items[0].metadata.labels.app\.kubernetes\.io/name}
{..image}
{.items[0].spec..image}
{.items[99999].metadata.name}
{.items[0].metadata.name[0]}
{.items[0].nothing}
{.items[*].nothing.more}
{.kind}{.apiVersion}{.metadata}
text {.items[0].metadata.name} more
{"a\tb\u0041\x41\""}
{'single'}
{$.items[0].metadata.name}{@.kind}
{ .items[0].metadata.name }
{1}{1.5}{true}
{.items[0].metadata.name
{.items[0.metadata.name}
{.items[?(@.status.phase=="Running"].metadata.name}
{.items[?(@.status.phase=~"Running")].metadata.name}
{.items[abc]}
{.items["a"]}
{.a....b}
{end}
{foo}
{.items[0].metadata.name,.items[1].metadata.name}
{"no end}
PATHS

# One object, several, several resources; other outputs.
same pod "$name" -n "$ns" -o 'jsonpath={.kind} {.metadata.name}'
same "pod/$name" -n "$ns" -o 'jsonpath={.metadata.uid}'
same pods,nodes -A -o 'jsonpath={.items[*].kind}'
same pods,nodes -A -o name
same "pod/$name" "pod/$second" -n "$ns" -o name
same pods -A -o custom-columns=NAME:.metadata.name
same pods -A -o 'custom-columns=NAME:.metadata.name,IMAGES:.spec.containers[*].image,NONE:.no.such,N:.status.containerStatuses[*].restartCount'
same pods -A --no-headers -o custom-columns=NS:.metadata.namespace,LABELS:.metadata.labels
same pods -A -o 'custom-columns=NAME:{.metadata.name},PORTS:.spec.containers[*].ports'
same pods -A -o custom-columns=NAME
same pods -A -o jsonpath-file=/nowhere
printf '{range .items[*]}{.metadata.name}:{end}' >"$run/template"
same pods -A -o "jsonpath-file=$run/template"
printf 'NAME          PHASE\nmetadata.name status.phase\n' >"$run/columns"
same pods -A -o "custom-columns-file=$run/columns"
same pods -A --sort-by .metadata.name -o name
same pods -A --sort-by '{.metadata.uid}' -o name
same nodes --sort-by .metadata.name -o 'jsonpath={.items[*].metadata.name}'
same nodes --sort-by .no.such -o name
same nodes -l sort=me --sort-by .status.capacity.cpu -o name
same nodes -l sort=me --sort-by .status.capacity.memory -o name
check "quantities by amount" "node/sort-d node/sort-a node/sort-c node/sort-b" "$(tarn get nodes -l sort=me --sort-by .status.capacity.cpu -o name | xargs)"
same nodes --sort-by .status.capacity.cpu -o 'custom-columns=CPU:.status.capacity.cpu'
same pods -A --sort-by '.status.containerStatuses[0].restartCount' -o 'custom-columns=N:.status.containerStatuses[0].restartCount'
same pods -A --sort-by .spec -o name

# Tables: kubectl's words; it pads the last cell too, and a second may pass between the two.
plain_table() { sed -E 's/ +$//; s/ {3,}/  /g; s/  ([0-9]+[smhd])+(  |$)/  AGE\2/'; }
same_table() {
    [ -n "$kubectl" ] || return 0
    "$kubectl" --server "$url" get "$@" 2>"$run/err" | plain_table >"$run/theirs"
    tarn get "$@" | plain_table >"$run/ours"
    [ -s "$run/ours" ] && cmp -s "$run/ours" "$run/theirs" && ok || bad "table of get $*: $(diff "$run/ours" "$run/theirs" | head -c 400)"
}
same_table pods -A -L app
same_table pods -A -L app,no.such/label --no-headers
same_table nodes --show-labels
same_table nodes --sort-by .metadata.creationTimestamp
same_table pods,nodes -n "$ns"

# What needs no kubectl.
check "several resources: a table each, names with their kind" "node/ pod/" "$(tarn get pods,nodes -A | grep -o '\(pod\|node\)/' | sort -u | xargs)"
check "an object that is missing does not hide the others" "pod/$name" "$(tarn get "pod/$name" pod/no-such -n "$ns" -o name 2>/dev/null)"
fails 1 '"'"$ns"'/no-such" not found' "$bin/tarn" get "pod/$name" pod/no-such -n "$ns"
fails 1 "column 8: unterminated array" "$bin/tarn" get pods -o 'jsonpath={.items[0'
fails 1 "column 26: a string is no array" "$bin/tarn" get pods -A -o 'jsonpath={.items[0].metadata.name[0]}'
fails 1 "column 1: this range has no" "$bin/tarn" get pods -o 'jsonpath={range .items[*]}x'
fails 1 "custom-columns, column 2 \(B\): jsonpath, column" "$bin/tarn" get pods -o 'custom-columns=A:.a,B:.b[x]'
fails 1 "custom-columns-file: two lines" "$bin/tarn" get pods -o custom-columns-file=/dev/null
fails 1 "custom-columns-file: column 2 has no path" "$bin/tarn" get pods -o custom-columns-file=<(printf 'A B\n.a\n')
fails 1 "unexpected path" "$bin/tarn" get pods --sort-by '{.a}{.b}'
fails 2 "no template given" "$bin/tarn" get pods -o jsonpath=
fails 2 "no template given" "$bin/tarn" get pods -o custom-columns
fails 2 "unknown output format 'wide=x'" "$bin/tarn" get pods -o wide=x
finish

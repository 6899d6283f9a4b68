#!/usr/bin/env bash
# The soak: a churning server with faults, tarnd, and clients of every kind that are killed, stopped, forked or hostile; tarnd is
# killed too. Every client checks every answer (soak.h). At the end each client's view is the server's list, and what the
# agent holds is what a fresh agent holds.
#
#     test_soak.sh FOLDER-OF-BINARIES        TEST_SEED=N repeats a run's choices; TEST_LONG=1: minutes instead of seconds
#
# What happens is chosen by the seed; when it happens is the machine's. Nothing asserts a time.
seed=${TEST_SEED:-$((10#$(date +%N) % 32768))}
E2E_WAIT=${E2E_WAIT:-120}
here=$(cd "$(dirname "$0")" && pwd)
set -- "$(cd "${1:?usage: $0 FOLDER-OF-BINARIES}" && pwd)"
. "$here/../../e2e/lib.sh"
echo "seed $seed (TEST_SEED=$seed repeats the choices)"
RANDOM=$seed
if [ -n "${TEST_LONG:-}" ]; then rounds=300 restarts=25 cycles=5000; else rounds=24 restarts=3 cycles=1000; fi
cd "$W" || exit 1

cat >c.yaml <<'YAML'
resources:
  - {name: pods, drop: [], indexes: [spec.nodeName, "label:tarn.dev/wave"]}
  - {name: nodes, drop: []}
  - {name: services, drop: []}
  - {name: endpointslices.discovery.k8s.io, drop: []}
hugePages: false
oldGenerations: 0 # a held snapshot ends by its lease, not by a region beside it (test_stuck.sh has that)
YAML
paths=(/api/v1/pods /api/v1/nodes /api/v1/services /apis/discovery.k8s.io/v1/endpointslices)
names=(pods nodes services endpointslices.discovery.k8s.io)
export budget=48MiB # small enough that a held snapshot makes memory short

say() { echo "[$SECONDS s] $*"; }
post() { curl -fsS -X POST "$url/sim/$1" -d "$2" >/dev/null; }
a_synced_agent() {
    start_agent --config c.yaml --server "$url"
    eventually "$1" all_synced "${names[@]}"
}

# ---- clients: each has a name, its pid in ${pid[NAME]}, its mode in ${mode[NAME]}
declare -A pid mode
client() { # name, mode
    mode[$1]=$2
    start "$1" "$BIN/soak-client" "$1" "$2"
    pid[$1]=$started
}
rogue() {
    start "rogue-$1" "$BIN/soak-rogue" "$1"
    pid[rogue-$1]=$started
}
kill_one() {
    stop_hard "${pid[$1]}"
    unset "pid[$1]"
}
no_wrong() { ! grep -h WRONG ./*.log; }
all_alive() { for n in "${!pid[@]}"; do kill -0 "${pid[$n]}" || { echo "$n died"; return 1; }; done; }
healthy() { # when: every client lives and none saw a wrong answer; else there is no point in going on
    local out
    if out=$(no_wrong && all_alive); then ok; else bad "$1 (seed $seed): $out"; exit 1; fi
}

# ---- what the agent holds
state() { tarn status -o json 2>/dev/null | jq -r ".agent$1"; }
descriptors() { find "/proc/$agent/fd" -type l 2>/dev/null | wc -l; }
attached() { state '.clients | length'; }
memory() { state ".realms[0].memory.$1"; }
# The one that asks is a client too, with a snapshot.
only_me() { [ "$(attached)" = 1 ] && [ "$(state ".realms[0].pins")" -le 1 ]; }
few_descriptors() { [ "$(descriptors)" -le $((floor + 2)) ]; } # a kept-alive connection or two

# ---- what a client holds against what the server lists
server_view() {
    for i in "${!paths[@]}"; do
        curl -fsS "$url${paths[$i]}" | jq -r --arg r "${names[$i]}" \
            '.items[].metadata | "\($r) \(if .namespace then .namespace + "/" else "" end)\(.name)@\(.resourceVersion)"'
    done | LC_ALL=C sort >server.view
}
same_view() { # client
    rm -f "$1.view"
    kill -USR1 "${pid[$1]}"
    for _ in $(seq 100); do
        [ -s "$1.view" ] && break
        sleep 0.05
    done
    LC_ALL=C sort "$1.view" | cmp -s - server.view
}
all_views() { # when
    post quiesce ''
    heal # a fault that nobody met yet would meet this script
    server_view
    check "the server has objects" test -s server.view
    for n in "${!mode[@]}"; do
        case ${mode[$n]} in
        snapshots | copies | informer | every-change)
            if ! eventually "$1, $n holds what the server lists" same_view "$n"; then
                LC_ALL=C sort "$n.view" | diff - server.view | head -n 20
            fi ;;
        esac
    done
    check "$1, the mirror of pods is the server's, field by field" same pods /api/v1/pods
    check "$1, the mirror of endpointslices is, too" same endpointslices.discovery.k8s.io "${paths[3]}"
    check "$1, the region breaks no rule" tarn verify
}

# ---- things that happen
readers=(snap copy inf every)
one_of() { local a=("$@"); echo "${a[RANDOM % $#]}"; }
something() {
    local r
    r=$(one_of pods services endpointslices.discovery.k8s.io)
    case $((RANDOM % 10)) in
    0) post drop-watches "{\"resource\":\"$r\",\"how\":\"end\"}" ;;
    1) post drop-watches "{\"resource\":\"$r\",\"how\":\"cut\"}" ;;
    2) fault "{\"kind\":\"watch-error\",\"resource\":\"$r\",\"events\":$((RANDOM % 50)),\"count\":1}"; post drop-watches "{\"resource\":\"$r\",\"how\":\"cut\"}" ;;
    3) post compact "{\"resource\":\"$r\"}"; post drop-watches "{\"resource\":\"$r\",\"how\":\"cut\"}" ;;
    4) fault "{\"kind\":\"truncate\",\"resource\":\"$r\",\"bytes\":$((RANDOM * 2)),\"count\":1}"; post drop-watches "{\"resource\":\"$r\",\"how\":\"cut\"}" ;;
    5 | 6) r=$(one_of "${readers[@]}"); kill -STOP "${pid[$r]}"; sleep 0.$((RANDOM % 9)); kill -CONT "${pid[$r]}" ;;
    7 | 8) r=$(one_of "${readers[@]}"); kill_one "$r"; client "$r" "${mode[$r]}" ;;
    9) post change "{\"count\":$((RANDOM % 2000))}" ;;
    esac
}

# ================================================================================================================
start_sim --generate pods=1500,nodes=50,services=150,endpointslices=auto --seed "$seed" --churn 0
a_synced_agent "the agent syncs"
eventually "no one is attached" only_me
floor=$(descriptors)
post churn '{"perSecond":800}'
client snap snapshots
client copy copies
client inf informer
client every every-change

say "churn, faults, readers stopped and killed"
for _ in $(seq $rounds); do
    something
    sleep 0.$((RANDOM % 6 + 1))
    healthy "under churn"
done

say "a forked child holds its dead parent's socket"
client forked fork
eventually "the child has found that nothing is its own" grep -q child forked.log
child=$(sed -n 's/^child //p' forked.log)
before=$(attached)
kill_one forked
gone() { [ "$(attached)" -lt "$before" ]; }
eventually "the killed parent is forgotten" gone
check "while the child lives on with the socket" kill -0 "$child"
kill -9 "$child"

say "rogues of every kind"
for kind in page pins doorbell half flood fds; do rogue $kind; done
check "a client finds no way to write" "$BIN/soak-rogue" write
commit() { state '.realms[0].commit'; }
advances() { # what, by how many commits
    local from
    from=$(commit)
    far() { [ "$(commit)" -gt $((from + $1)) ]; }
    eventually "$1" far "$2"
}
advances "rogues stop nobody" 400
for _ in $(seq $((rounds / 4))); do something; sleep 0.2; healthy "beside rogues"; done
for kind in page doorbell half flood fds; do kill_one rogue-$kind; done

say "a snapshot is held while memory runs short, a rogue changes its pins, and $cycles clients come and are killed"
client hold hold
client parked hold-parked
start attach "$BIN/soak-client" attach attach $cycles $((seed + 1))
attach=$started
eventually "a parked snapshot makes way, and is told" grep -q EXPIRED parked.log
eventually "a held one does after its lease, and is told" grep -q EXPIRED hold.log
healthy "under pressure"
if wait $attach; then ok; else bad "the clients that came and went"; fi
check "all cycles were made" grep -q "killed" attach.log
kill_one hold
kill_one parked
advances "the writer goes on, in spite of the rogue" 100
kill_one rogue-pins
all_views "after pressure"
for n in "${!pid[@]}"; do kill_one "$n"; done
eventually "all who came are forgotten" only_me
eventually "their descriptors are closed" few_descriptors

say "the agent is killed $restarts times"
post resume ''
for r in "${readers[@]}"; do client "$r" "${mode[$r]}"; done
rogue page
for _ in $(seq $restarts); do
    stop_hard "$agent"
    [ $((RANDOM % 2)) = 0 ] || { r=$(one_of "${readers[@]}"); kill_one "$r"; client "$r" "${mode[$r]}"; }
    sleep 0.$((RANDOM % 9))
    a_synced_agent "an agent comes back"
    something
    healthy "over restarts of the agent"
done
kill_one rogue-page
all_views "after restarts"
healthy "at the end"

say "everyone says good-bye"
for n in "${!pid[@]}"; do
    kill -TERM "${pid[$n]}"
    wait "${pid[$n]}"
    code=$?
    check "$n ends well (seed $seed)" test $code = 0
    grep "^$n: " "$n.log"
    unset "pid[$n]"
done
eventually "all are forgotten" only_me
eventually "descriptors are back to the floor" few_descriptors
nothing_retired() { [ "$(memory retired_bytes)" -le 1048576 ]; }
eventually "what was retired is free again" nothing_retired
live=$(memory live_bytes)
stop_hard "$agent"
a_synced_agent "a fresh agent syncs"
fresh=$(memory live_bytes)
say "live bytes: $live after the soak, $fresh in a fresh region"
check "live bytes are back to the floor ($live, fresh: $fresh)" test "$live" -le $((fresh + fresh / 8))

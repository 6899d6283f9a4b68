# lib.sh - what the end-to-end scripts share: start and stop real processes, wait for conditions, count checks.
#
# Every wait polls a condition and gives up after 120 s (E2E_WAIT): a sanitized build on a loaded machine is slow; nothing asserts a time. Whatever was started
# is killed at the end, whichever way it comes. Source it with the folder of the binaries as $1.

set -u
BIN=${1:?usage: $0 FOLDER-OF-BINARIES}
W=$(mktemp -d /tmp/tarn-e2e-XXXXXX)
WAIT=${E2E_WAIT:-120}
passed=0 failed=0
pids=()
unset KUBECONFIG KUBERNETES_SERVICE_HOST TARN_REALM NOTIFY_SOCKET
export TARN_CONFIG=/dev/null TARN_SOCKET=$W/run/tarn.sock no_proxy=127.0.0.1,localhost

finish() {
    [ "$BASHPID" = $$ ] || exit 1 # a child that was killed before it was a program of its own
    trap - EXIT
    for p in "${pids[@]:-}"; do [ -z "$p" ] || kill -9 "$p" 2>/dev/null; done
    wait 2>/dev/null
    if [ "$failed" -gt 0 ]; then
        for f in "$W"/*.log; do echo "--- $f"; tail -n 25 "$f"; done
    fi
    [ -z "${E2E_KEEP:-}" ] || cp "$W/agent.log" "$E2E_KEEP"
    rm -rf "$W"
    echo "$passed passed, $failed failed"
    # With a number: in a trap, a bare exit takes the status from before the trap.
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ] && exit 0
    exit 1
}
trap finish EXIT
trap 'exit 1' INT TERM

ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED: $*"
}

# check "what must hold" COMMAND...: now
check() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then ok; else bad "$what"; fi
}

# eventually "what must come to hold" COMMAND...: within the wait
eventually() {
    local what=$1 end=$((SECONDS + WAIT))
    shift
    while ! "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            bad "$what (waited ${WAIT} s)"
            return 1
        fi
        sleep 0.05
    done
    ok
}

# says TEXT COMMAND...: the command fails and its output holds TEXT
refused() {
    local text=$1 out
    shift
    if out=$("$@" 2>&1); then
        echo "succeeded: $*: $out"
        return 1
    fi
    case "$out" in
    *"$text"*) return 0 ;;
    esac
    echo "said: $out"
    return 1
}
check_refused() { # what, text, command
    local what=$1 out
    shift
    if out=$(refused "$@"); then ok; else bad "$what: $out"; fi
}

start() { # name, command...: in the background, output in $W/name.log; its pid in $started
    local name=$1
    shift
    "$@" >>"$W/$name.log" 2>&1 &
    started=$!
    pids+=("$started")
}

start_sim() { # arguments of tarn-apisim
    rm -f "$W/port"
    start sim "$BIN/tarn-apisim" --listen "127.0.0.1:${sim_port:-0}" --port-file "$W/port" "$@"
    sim=$started
    local end=$((SECONDS + WAIT))
    until [ -s "$W/port" ]; do
        [ $SECONDS -lt $end ] || { bad "tarn-apisim did not start"; exit 1; }
        sleep 0.02
    done
    port=$(cat "$W/port")
    url=http://127.0.0.1:$port
}

start_agent() { # arguments of tarnd; --server is added unless server= is set to something else
    : >"$W/agent-start"
    start agent "$BIN/tarnd" --runtime-dir "$W/run" --budget "${budget:-64MiB}" "$@"
    agent=$started
}

stop_hard() { # pid
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

fault() { curl -fsS -X POST "$url/sim/fault" -d "$1" >/dev/null; }
heal() { curl -fsS -X DELETE "$url/sim/fault" >/dev/null; }
tarn() { "$BIN/tarn" "$@"; }
logged() { grep -qF -- "$1" "$W/agent.log"; }
status_says() { tarn status 2>&1 | grep -qE -- "$1"; }
# The agent's own JSON about one resource: field of name
resource() { tarn status -o json 2>/dev/null | jq -r --arg n "$1" '.agent.resources[] | select(.name == $n) | '"$2"; }
synced() { status_says "^$1 +[0-9]+ +yes +yes"; }
all_synced() { for r in "$@"; do synced "$r" || return 1; done; }

# Is the mirror of RESOURCE equal to the server's list, object by object? (nothing dropped; keys in any order)
# The simulator may be changing: it is quiet during the comparison.
server_list() { curl -fsS "$url$1" | jq -S '[.items[] | del(.apiVersion, .kind)] | sort_by(.metadata.namespace, .metadata.name)'; }
mirror_list() { tarn get "$1" -A -o json | jq -S '[.items[] | del(.apiVersion, .kind)] | sort_by(.metadata.namespace, .metadata.name)'; }
same() { # resource, path
    server_list "$2" >"$W/server.json" || return 1
    mirror_list "$1" >"$W/mirror.json" || return 1
    [ -s "$W/mirror.json" ] && cmp -s "$W/server.json" "$W/mirror.json"
}
# resource_says NAME FIELD LEAST: the counter is at least that
resource_says() {
    local v
    v=$(resource "$1" "$2")
    [ -n "$v" ] && [ "$v" != null ] && [ "$v" -ge "$3" ]
}
# For each value of an index: the objects found by it; together they are all objects that have one.
index_sums() {
    local by_list by_index
    by_list=$(tarn get pods -A -o json | jq '[.items[] | select(.spec.nodeName != null)] | length')
    by_index=0
    for node in $(tarn get nodes -o name | sed 's,.*/,,'); do
        n=$(tarn get pods -A --index "spec.nodeName=$node" -o name 2>/dev/null | wc -l)
        by_index=$((by_index + n))
    done
    [ "$by_list" -gt 0 ] && [ "$by_list" = "$by_index" ]
}

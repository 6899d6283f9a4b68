#!/usr/bin/env bash
# The agent as a service: what it tells a service manager, how it stops and reloads, and what systemd's own tools say of the unit.
. "$(dirname "$0")/lib.sh"

unit=$(cd "$(dirname "$0")/../../tools/packaging" && pwd)/tarnd.service

# ---- a service manager of our own: it writes down each datagram on a line ------------------------------------
cat >"$W/manager.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode().replace("\n", " "), flush=True)
PY
start manager python3 "$W/manager.py" "$W/notify.sock"
eventually "the manager listens" test -S "$W/notify.sock"
told() { grep -qE -- "$1" "$W/manager.log"; }
times_told() { [ "$(grep -cE -- "$1" "$W/manager.log")" -ge "$2" ]; }

start_sim --generate pods=30,nodes=3
cat >"$W/tarn.yaml" <<EOF
server: {url: "$url"}
resources: [pods, nodes]
EOF
export NOTIFY_SOCKET=$W/notify.sock WATCHDOG_USEC=2000000
start_agent --config "$W/tarn.yaml"
eventually "READY=1" told '^READY=1'
eventually "the watchdog is fed, again and again" times_told '^WATCHDOG=1' 4
eventually "STATUS= tells what is there" told '^STATUS=2 of 2 resources synced, 2 live; 33 objects, 0 clients'

# SIGHUP
kill -HUP "$agent"
eventually "RELOADING=1 with the time" told '^RELOADING=1 MONOTONIC_USEC=[0-9]+$'
eventually "and READY=1 when it is done" times_told '^READY=1' 2
echo "rubbish: [" >>"$W/tarn.yaml"
kill -HUP "$agent"
eventually "a wrong file is named" logged "tarn.yaml"
eventually "and does not leave the manager waiting" times_told '^READY=1' 3
check "what was in force stays" tarn get nodes

# SIGTERM: its own patience is 5 s, after which it would end with 1
kill -TERM "$agent"
wait "$agent"
check "SIGTERM drains in time and ends with 0" test $? = 0
check "STOPPING=1" told '^STOPPING=1'
check "the socket is gone" test ! -e "$TARN_SOCKET"
unset WATCHDOG_USEC

# a variable meant for another process is left alone
: >"$W/manager.log"
sed -i '$d' "$W/tarn.yaml"
WATCHDOG_USEC=2000000 WATCHDOG_PID=1 start_agent --config "$W/tarn.yaml"
eventually "READY=1 again" told '^READY=1'
eventually "status again" told '^STATUS=2 of 2'
check "the watchdog of another is not fed" test "$(grep -c WATCHDOG "$W/manager.log")" = 0
kill -TERM "$agent"
wait "$agent"
unset NOTIFY_SOCKET

# no service manager: nothing is told, all works
start_agent --config "$W/tarn.yaml"
eventually "without a manager it works too" all_synced pods nodes
check "and says nothing of it" test "$(grep -c 'service manager' "$W/agent.log")" = 0
kill -TERM "$agent"
wait "$agent"
# a manager's socket that is not there is told and no reason to end
NOTIFY_SOCKET=$W/nobody start_agent --config "$W/tarn.yaml"
eventually "a manager that is not there is named" logged "the service manager could not be told"
eventually "and the service goes on" all_synced pods nodes
kill -TERM "$agent"
wait "$agent"

# ---- the unit --------------------------------------------------------------------------------------------------
# no ... in the unit: the peer check and the API need them
check "no PrivateUsers, no PrivateNetwork, and the reason is there" test "$(grep -cE '^Private(Users|Network)=' "$unit") $(grep -cE '^#   Private(Users|Network)=' "$unit")" = "0 2"
if command -v systemd-analyze >/dev/null; then
    if out=$(systemd-analyze security --offline=true --threshold=30 --no-pager "$unit" 2>&1); then ok; else bad "systemd-analyze security at most 3.0: $(echo "$out" | tail -n 1)"; fi
    echo "$out" | tail -n 1
    # the same unit with the binary that was just built, and a user that exists
    sed -e "s,/usr/sbin/tarnd,$BIN/tarnd,; s,^User=.*,User=root,; s,^Group=.*,Group=root,; s,^Documentation=.*,," "$unit" >"$W/tarnd.service"
    if out=$(systemd-analyze verify --man=no "$W/tarnd.service" 2>&1 | grep -v -E 'Failed to|rc-local|plymouth|/lib/systemd|/etc/systemd' | grep -F tarnd.service) && [ -n "$out" ]; then
        bad "systemd-analyze verify: $out"
    else
        ok
    fi
else
    echo "SKIPPED: systemd-analyze looks at the unit: systemd is not installed"
fi

# The system calls of an agent that serves, saves, reloads and stops are among those that the unit allows.
names_of() { # set of systemd...: the calls in it
    local sets="$*" next s x
    while [ -n "$sets" ]; do
        next=""
        for s in $sets; do
            for x in $(systemd-analyze syscall-filter "$s" | sed 's/#.*//' | awk 'NR > 1 { print $1 }'); do
                case $x in @*) next="$next $x" ;; *) echo "$x" ;; esac
            done
        done
        sets=$next
    done | sort -u
}
if ! command -v systemd-analyze >/dev/null || ! strace -f -o /dev/null true 2>/dev/null; then
    echo "SKIPPED: the unit's system calls: no systemd-analyze, or no strace that may trace"
elif nm -D "$BIN/tarnd" | grep -qE '__(a|t)san_init'; then
    echo "SKIPPED: the unit's system calls: a sanitizer makes its own"
else
    curl -fsS -X POST "$url/sim/churn" -d '{"perSecond":100}' >/dev/null
    start traced strace -f -qq -o "$W/calls" "$BIN/tarnd" --config "$W/tarn.yaml" --runtime-dir "$W/run" --budget 64MiB --http-listen 127.0.0.1:0 --state-dir "$W/state" \
        --checkpoint-interval 1s --socket-group "$(id -g)"
    eventually "a traced agent serves" all_synced pods nodes
    eventually "and saves" test -s "$W/state/cluster.ckpt"
    hp=$(sed -n 's/.*http server listening.* port=\([0-9]*\).*/\1/p' "$W/traced.log")
    check "and answers" curl -fsS "http://127.0.0.1:$hp/metrics"
    kill -HUP "$(head -n 1 "$W/run/tarnd.lock")"
    eventually "and reloads" grep -q 'SIGHUP' "$W/traced.log"
    kill -TERM "$(head -n 1 "$W/run/tarnd.lock")"
    wait "$started"
    awk '{ print $2 }' "$W/calls" | sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' | sort -u >"$W/used"
    allowed=$(sed -n 's/^SystemCallFilter=\([^~]\)/\1/p' "$unit" | tr ' ' '\n')
    { names_of $(grep '^@' <<<"$allowed"); } >"$W/sets"
    names_of $(sed -n 's/^SystemCallFilter=~//p' "$unit") >"$W/denied"
    { comm -23 "$W/sets" "$W/denied"; grep -v '^@' <<<"$allowed"; } | sort -u >"$W/may"
    check "no system call that the unit forbids: $(comm -23 "$W/used" "$W/may" | tr '\n' ' ')" test -z "$(comm -23 "$W/used" "$W/may")"
    check "(it was traced)" test "$(wc -l <"$W/used")" -gt 40
fi

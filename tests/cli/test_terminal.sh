#!/usr/bin/env bash
# What a person sees: tarn on a real terminal (tmux): tarn top, colours, tables that fit, progress; and none of it elsewhere.
. "$(dirname "$0")/lib.sh"
command -v tmux >/dev/null || { echo "SKIPPED: tmux is not installed"; exit 0; }
up 200 100
esc=$(printf '\033')
tm() { tmux -L "tarn-test-$$" -f /dev/null "$@"; }
stop_tmux() { tm kill-server 2>/dev/null; cleanup; }
trap stop_tmux EXIT
terminals=0
unset NO_COLOR TMUX COLUMNS
export TERM=screen-256color

# on_terminal COMMAND: in a terminal of 100 columns and 30 lines; its screen is what `screen` prints
on_terminal() {
    terminals=$((terminals + 1))
    printf 'trap : INT\n%s\ncode=$?; echo; echo ended with $code; sleep 1000\n' "$1" >"$run/script$terminals"
    tm new-session -d -s "t$terminals" -x 100 -y 30 "sh $run/script$terminals" || bad "tmux"
}
screen() { tm capture-pane -t "t$terminals" -p "$@"; }
# shows PATTERN [capture options]: it comes to stand on the screen
shows() {
    local pattern=$1
    shift
    for _ in $(seq 600); do
        screen "$@" | grep -qE -e "$pattern" && { ok; return; }
        sleep 0.1
    done
    bad "the screen never showed '$pattern': $(screen | head -n 12)"
}

# top: live, on a screen of its own, ended by q, the terminal as before.
on_terminal "stty -a >$run/before; $bin/tarn top --interval 0.3; code=\$?; stty -a >$run/after; (exit \$code)"
shows '^tarn top .* realm cluster  agent alive'
shows '^[1-9][0-9]*\.[0-9] events/s '
shows '^pods +200 .* [1-9][0-9]*\.[0-9] .* yes '
shows '^memory \[#*\+*\.+\]'
shows '^[0-9]+ +tarn '
shows '^q quits'
first=$(screen | sed -n 2p)
for _ in $(seq 300); do [ "$(screen | sed -n 2p)" != "$first" ] && break; sleep 0.1; done
check "it is drawn again" 1 "$([ "$(screen | sed -n 2p)" != "$first" ] && echo 1)"
check "no line is longer than the terminal" 1 "$([ "$(screen | LC_ALL=C.UTF-8 wc -L)" -le 100 ] && echo 1)"
tm send-keys -t "t$terminals" q
shows '^ended with 0'
check "the terminal is as it was" "$(cat "$run/before")" "$(cat "$run/after")"
on_terminal "$bin/tarn top --interval 0.3"
shows '^tarn top'
tm send-keys -t "t$terminals" C-c
shows '^ended with 0'

# Not on a terminal: one picture, no escapes.
"$bin/tarn" top --interval 0.3 >"$run/top" || bad "tarn top without a terminal: exit code $?"
check "tarn top prints once" 1 "$(grep -c '^tarn top ' "$run/top")"
check "and no escape sequences" 0 "$(grep -c "$esc" "$run/top")"
check "--once does the same" 1 "$("$bin/tarn" top --once --interval 0.2 | grep -c '^tarn top ')"
fails 2 "interval '0' is not a number of seconds" "$bin/tarn" top --interval 0
fails 2 "unexpected argument" "$bin/tarn" top pods
fails 3 "no such socket" "$bin/tarn" top --socket "$run/nobody"

# Colours and a table that fits.
on_terminal "$bin/tarn get nodes --show-labels"
shows '^ended with 0'
check "each line stands on one of the terminal's" 20 "$(screen | grep -c '^node-.*…$')"
check "no name is cut" "$("$bin/tarn" get nodes -o name)" "$(screen | awk '/^node-/ { print "node/" $1 }')"
shows "${esc}\[1m.*NAME" -e
shows "${esc}\[32m.*Ready" -e
on_terminal "$bin/tarn get nodes -o wide"
shows '^ended with 0'
check "-o wide cuts nothing" 0 "$(screen | grep -c '…')"
on_terminal "NO_COLOR=1 $bin/tarn get nodes"
shows '^ended with 0'
check "NO_COLOR: no colours" 0 "$(screen -e | grep -c "${esc}\[[13]")"
check "a pipe sees no colours" 0 "$("$bin/tarn" get nodes --show-labels | grep -c "$esc")"
check "and whole cells" 0 "$("$bin/tarn" get nodes --show-labels | grep -c '…')"

# Progress: an agent that is slow to answer is waited for, and said so, after a second; not on a pipe.
python3 - "$run/slow.sock" <<'PY' &
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1])
s.listen(8)
kept = []
while True:
    kept.append(s.accept())
PY
pids+=($!)
for _ in $(seq 100); do [ -S "$run/slow.sock" ] && break; sleep 0.1; done
on_terminal "$bin/tarn status --socket $run/slow.sock --timeout 60"
shows 'tarn: attaching to the agent, [0-9]+ s \.\.\.'
"$bin/tarn" status --socket "$run/slow.sock" --timeout 2 2>"$run/err"
check "it ends with 3" 3 $?
check "no progress where there is no terminal" 0 "$(grep -c attaching "$run/err")"
finish

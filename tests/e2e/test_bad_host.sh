#!/usr/bin/env bash
# A host that is not as one would have it: each thing is told clearly, and the service goes on where it can.
# (A port in use: test_http.sh. No service manager: test_service.sh. A full disk, an unwritable state directory: test_restart.sh.)
. "$(dirname "$0")/lib.sh"

chmod 755 "$W"
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs) # no function: in the background that would be a shell around it
again() { : >"$W/agent.log"; }
stop_agent() {
    kill -TERM "$agent"
    wait "$agent" 2>/dev/null
    again
}
start_sim --generate pods=50,nodes=3 --churn 50
common=(--server "$url" --resource pods --resource nodes)

# ---- memory -------------------------------------------------------------------------------------
check_refused "a budget larger than the memory limit" "more than the" "$BIN/tarnd" "${common[@]}" --budget 100000GiB --check-config
check_refused "says where it was said" "--budget:" "$BIN/tarnd" "${common[@]}" --budget 100000GiB --check-config
echo "budget: 100000GiB" >"$W/big.yaml"
check_refused "in a file with its place" "big.yaml:1:9: the budgets of all realms are" "$BIN/tarnd" "${common[@]}" --config "$W/big.yaml"

# ---- limits -------------------------------------------------------------------------------------
(ulimit -n 60 && exec "$BIN/tarnd" --runtime-dir "$W/run" --budget 64MiB "${common[@]}") >>"$W/agent.log" 2>&1 &
agent=$!
pids+=("$agent")
eventually "a low limit of open files is told with what to do" logged "the limit of open files is low; raise it (LimitNOFILE= in the unit, ulimit -n) or lower maxClients limit=60"
eventually "and the service goes on" all_synced pods nodes
hold=()
for _ in $(seq 40); do
    "$BIN/tarn" get pods -A --watch >/dev/null 2>&1 &
    hold+=($!)
    pids+=($!)
done
eventually "more clients than fit: told" logged "oo many open files"
for p in "${hold[@]}"; do stop_hard "$p"; done # at once: one that is not yet a program of its own would run the traps of this
eventually "when they have left, there is room again" tarn get nodes
stop_agent
check_refused "too few even to begin" "the limit of open files is 8, too few to run at all" bash -c "ulimit -n 8; exec '$BIN/tarnd' --runtime-dir '$W/run' --budget 64MiB --server '$url' --resource pods"
check_refused "a limit of file sizes" "File too large" bash -c "ulimit -f 1000; exec '$BIN/tarnd' --runtime-dir '$W/run' --budget 64MiB --server '$url' --resource pods"

# ---- groups and directories -------------------------------------------------------------------------
check_refused "a group that does not exist" "--socket-group: no group 'no-such-group' on this host" "$BIN/tarnd" "${common[@]}" --socket-group no-such-group --check-config
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$W/nobody" "$W/locked" && chown 65534:65534 "$W/nobody" && chmod 700 "$W/locked"
    check_refused "a group that is not the agent's to give" "cannot give $W/nobody/tarn.sock to group 0: Operation not permitted" \
        "${nobody[@]}" "$BIN/tarnd" "${common[@]}" --runtime-dir "$W/nobody" --socket "$W/nobody/tarn.sock" --budget 64MiB --socket-group 0
    check_refused "a runtime directory that cannot be written" "cannot open the lock file $W/locked/tarnd.lock: Permission denied; --runtime-dir names another place" \
        "${nobody[@]}" "$BIN/tarnd" "${common[@]}" --runtime-dir "$W/locked" --budget 64MiB
    check_refused "or made" "cannot make the runtime directory $W/locked/new: Permission denied" "${nobody[@]}" "$BIN/tarnd" "${common[@]}" --runtime-dir "$W/locked/new" --budget 64MiB
    start agent "${nobody[@]}" "$BIN/tarnd" "${common[@]}" --runtime-dir "$W/nobody" --socket "$W/nobody/tarn.sock" --budget 64MiB
    agent=$started
    TARN_SOCKET=$W/nobody/tarn.sock eventually "an unprivileged agent serves" all_synced pods nodes
    stop_agent

    # the socket's group: who is in it connects, others do not
    start_agent "${common[@]}" --socket-group 65534
    eventually "an agent whose socket has a group" all_synced pods nodes
    check "the socket is the group's" test "$(stat -c '%g %a' "$TARN_SOCKET")" = "65534 660"
    check_refused "who is not in the group cannot connect" "not permitted to connect" setpriv --reuid=12345 --regid=12345 --clear-groups "$BIN/tarn" get nodes
    check_refused "who is, is asked for the realm's readers" "is not among the readers" "${nobody[@]}" "$BIN/tarn" get nodes
    stop_agent
else
    echo "SKIPPED: other users and groups: this is not root"
fi

# ---- a root that is read-only -----------------------------------------------------------------------------
if unshare -m true 2>/dev/null; then
    mkdir -p "$W/run" # /tmp, where this lies, is made writable again: as /run is on such a host
    start agent unshare -m bash -c 'mount --make-rprivate / && mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"' "$W" \
        "$BIN/tarnd" "${common[@]}" --runtime-dir "$W/run" --budget 64MiB
    agent=$started
    eventually "on a read-only root it serves" all_synced pods nodes
    stop_agent
    check_refused "a runtime directory on it is named" "Read-only file system" unshare -m bash -c 'mount --make-rprivate / && mount -o remount,bind,ro / && exec "$@"' x \
        "$BIN/tarnd" "${common[@]}" --runtime-dir "$W/elsewhere" --budget 64MiB
else
    echo "SKIPPED: a read-only root: no mount namespaces here"
fi

# ---- the clock is set back --------------------------------------------------------------------------------------
shim=$BIN/../lib/libe2e-clock.so
export CLOCK_SHIM=$W/yesterday
start agent env LD_PRELOAD="$shim" ASAN_OPTIONS=verify_asan_link_order=0 "$BIN/tarnd" --runtime-dir "$W/run" --budget 64MiB "${common[@]}"
agent=$started
eventually "synced" all_synced pods nodes
lists=$(resource pods .lists)
touch "$CLOCK_SHIM"
before=$(resource pods .events)
more_events() { resource_says pods .events $((before + 50)); }
eventually "a day back: events go on" more_events
kill -HUP "$agent"
eventually "the log has the new time" bash -c "tail -n 3 '$W/agent.log' | grep -q \"^\$(date -u -d yesterday +%Y-%m-%dT)\""
check "still live" synced pods
check "nothing was listed again" test "$(resource pods .lists)" = "$lists"
check "ages are those of a steady clock" test "$(resource pods .event_age_ms)" -lt 60000
check "nothing was wrong" test "$(grep -c ' ERROR ' "$W/agent.log")" = 0
rm "$CLOCK_SHIM"
before=$(resource pods .events)
eventually "and forth again: events go on" more_events
stop_agent

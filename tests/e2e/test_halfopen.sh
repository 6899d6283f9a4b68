#!/usr/bin/env bash
# A peer that is gone without a word (R-32): in two network namespaces of our own, packets in both directions are sent to nobody. The agent
# must find out by itself within 45 s (here: within the wait, for the machine may be slow), and go on when the way is open again.
if [ -z "${HALFOPEN:-}" ]; then
    for tool in unshare nsenter ip; do
        command -v $tool >/dev/null || { echo "SKIPPED: no $tool here"; exit 0; }
    done
    unshare -rn true 2>/dev/null || { echo "SKIPPED: network namespaces are not permitted here"; exit 0; }
    HALFOPEN=1 exec unshare -rn "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

ip link set lo up
unshare -n sleep 100000 &
far=$!
pids+=("$far")
until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
inside() { nsenter -t "$far" -n "$@"; }
ip link add near type veth peer name far
ip link set far netns "$far"
ip addr add 10.231.0.1/30 dev near
ip link set near up
inside ip addr add 10.231.0.2/30 dev far
inside ip link set far up
inside ip link set lo up
mac() { sed 's/.*link\/ether \([^ ]*\).*/\1/'; } # of a line of `ip -o link`
near_mac=$(ip -o link show near | mac)
far_mac=$(inside ip -o link show far | mac)
# the neighbours' addresses, so that nothing asks: who answers, or nobody
way() { # near's idea of far, far's idea of near
    ip neigh replace 10.231.0.2 lladdr "$1" dev near nud permanent
    inside ip neigh replace 10.231.0.1 lladdr "$2" dev far nud permanent
}
way "$far_mac" "$near_mac"

start sim nsenter -t "$far" -n "$BIN/tarn-apisim" --listen 10.231.0.2:0 --port-file "$W/port" --generate pods=20
end=$((SECONDS + WAIT))
until [ -s "$W/port" ]; do
    [ $SECONDS -lt $end ] || { bad "tarn-apisim did not start"; exit 1; }
    sleep 0.02
done
start_agent --server "http://10.231.0.2:$(cat "$W/port")" --resource pods
eventually "pods sync over the link" synced pods

way 02:00:00:00:00:01 02:00:00:00:00:02
WAIT=120 eventually "the silence is found out" status_says "^pods +20 +yes +NO"
check "the objects stay readable" test "$(tarn get pods -A -o name | wc -l)" = 20
way "$far_mac" "$near_mac"
WAIT=120 eventually "when the way is open again it is live" synced pods

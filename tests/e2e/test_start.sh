#!/usr/bin/env bash
# Starting, attaching and ending: what goes wrong there is said clearly, and harms nobody else (issue 3, "Bad input").
. "$(dirname "$0")/lib.sh"

# ---- no agent
check_refused "no agent: the client says what to do" "start tarnd" tarn get pods
mkdir -p "$W/run"
echo text >"$W/plain"
check_refused "a socket path that is a file" "$W/plain" tarn get pods --socket "$W/plain"
check_refused "the agent does not overwrite a file that is no socket" "is no socket" \
    "$BIN/tarnd" --server http://127.0.0.1:1 --resource pods --runtime-dir "$W/run0" --socket "$W/plain" --budget 16MiB
check "the file is still there" grep -q text "$W/plain"

# ---- configuration
check_refused "unknown flag" "unknown flag --resurce" "$BIN/tarnd" --resurce pods
printf 'resources: [pods]\nbudgte: 1GiB\n' >"$W/bad.yaml"
check_refused "unknown key with its place" "bad.yaml:2:1: unknown key 'budgte'" "$BIN/tarnd" --config "$W/bad.yaml" --check-config
check "--check-config takes a good one" "$BIN/tarnd" --server http://127.0.0.1:1 --resource pods --check-config
"$BIN/tarnd" --server http://127.0.0.1:1 --resource pods --socket "$W/x.sock" --print-config >"$W/printed.yaml"
check "--print-config prints what can be read again" "$BIN/tarnd" --config "$W/printed.yaml" --check-config
check_refused "a budget over the memory there is" "more than the" "$BIN/tarnd" --server http://127.0.0.1:1 --resource pods --budget 1048576GiB
check_refused "a runtime directory that cannot be made" "cannot make the runtime directory /proc/no/such: No such file or directory; --runtime-dir names another" \
    "$BIN/tarnd" --server http://127.0.0.1:1 --resource pods --runtime-dir /proc/no/such --socket "$W/x.sock" --budget 16MiB

# ---- a running agent
start_sim --generate pods=50,nodes=5
start_agent --server "$url" --resource pods --resource nodes
eventually "pods and nodes sync" all_synced pods nodes
check "ready line in the log" logged "tarnd ready socket=$W/run/tarn.sock"

check_refused "a second agent with the same runtime directory" "another tarnd (pid $agent) is running" \
    "$BIN/tarnd" --server "$url" --resource pods --runtime-dir "$W/run" --budget 16MiB
check_refused "a second agent on the same socket" "another tarnd listens on $W/run/tarn.sock" \
    "$BIN/tarnd" --server "$url" --resource pods --runtime-dir "$W/run2" --socket "$W/run/tarn.sock" --budget 16MiB
check "the first one still answers" synced pods

check_refused "an unknown resource" "gadgets" tarn get gadgets
check_refused "an unknown index" "nope" tarn get pods -A --index nope=1
check_refused "a malformed key" "" tarn get pods a/b/c
check_refused "an unknown realm" "realm" tarn get pods --realm nope

# ---- on the wire: another format, garbage, half a handshake (attach.h)
cat >"$W/wire.py" <<'PY'
import os, socket, struct, sys
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(20)
    s.connect(os.environ["TARN_SOCKET"])
    return s
def answer(packet):
    s = connect()
    s.send(packet)
    try:
        return s.recv(65536)
    except ConnectionResetError:
        return b""
what = sys.argv[1]
if what == "garbage":
    for n in (1, 7, 8, 100, 30000):
        answer(os.urandom(n))
        answer(b"\xff" * n)
elif what == "flood":
    held = [connect() for _ in range(40)]
    for s in held[::2]:
        s.send(b"x" * 100)
elif what == "slow":               # a status longer than a socket's buffer, to a client that takes its time
    import json, time
    s = connect()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.send(struct.pack("<IHHH", 0x54415241, 4, 1, 6) + b"status" + struct.pack("<H", 0))
    time.sleep(0.3)
    text, last = b"", 0
    while not last:
        packet = s.recv(65536)
        magic, kind, version, code, last, n = struct.unpack("<IHHiHH", packet[:16])
        assert kind == 5 and code == 0, (kind, code)
        text += packet[16:16 + n]
    status = json.loads(text)
    assert len(status["resources"]) == 256 and len(text) > 100000, len(text)
    assert s.recv(10) == b""       # one question instead of HELLO, and good-bye
elif what == "half":
    s = connect()
    first = s.recv(65536)          # the deadline's refusal ...
    assert first and s.recv(65536) == b"", first   # ... and the end
PY
check "garbage on the attach socket is answered or closed" python3 "$W/wire.py" garbage
check "a flood of half handshakes" python3 "$W/wire.py" flood
check "who says nothing is shown out" python3 "$W/wire.py" half
check "others are served all the while" synced pods
check "the refusals are in the log" logged "client refused"

# ---- permissions
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$W" "$W/run"
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$BIN/tarn" "$@"; }
    check_refused "a user that is no reader" "not among the readers of realm 'cluster'" as_nobody get pods
    check "the refusal names who it was" logged "uid=65534"
else
    echo "SKIPPED: permission checks need root and setpriv"
fi

# ---- the end
kill -TERM "$agent"
wait "$agent"
code=$?
check "SIGTERM ends it with 0" test "$code" = 0
check "the socket is removed" test ! -e "$W/run/tarn.sock"
check "it says so" logged "tarnd stopped"

# ---- kill -9 leaves a stale socket: the next agent takes over
start_agent --server "$url" --resource pods
eventually "the next agent syncs" synced pods
stop_hard "$agent"
check "a stale socket is left" test -S "$W/run/tarn.sock"
start_agent --server "$url" --resource pods
eventually "an agent starts over a stale socket" synced pods

# ---- readers by configuration, Secrets in a realm of their own
kill -TERM "$agent"
wait "$agent"
cat >"$W/realms.yaml" <<YAML
realms:
  - {name: cluster, readers: {groups: [65534]}, resources: [pods]}
  - {name: secret, budget: 16MiB, resources: [secrets]}
YAML
start_agent --config "$W/realms.yaml" --server "$url"
eventually "pods sync" synced pods
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    check "a reader by group" as_nobody get pods -A
    check_refused "the same is no reader of realm secret" "not among the readers of realm 'secret'" as_nobody get secrets --realm secret
fi
eventually "the agent's own user reads realm secret" tarn get secrets -A --realm secret
check_refused "secrets are not in realm cluster" "secrets" tarn get secrets -A
check_refused "secrets in realm cluster are refused at start" "Secrets never go to realm cluster" \
    "$BIN/tarnd" --server "$url" --resource secrets --runtime-dir "$W/run3" --budget 16MiB

# ---- as many resources as there may be, none of which exists: a long status comes whole
kill -TERM "$agent"
wait "$agent"
many=()
for i in $(seq 256); do many+=(--resource "things$i.example-with-a-long-group-name.io"); done
start_agent --server "$url" "${many[@]}"
eventually "256 resources are looked for" status_says "^things256.example"
check "a status longer than a socket's buffer, read slowly" python3 "$W/wire.py" slow
check "by the command too" test "$(tarn status -o json | jq '.agent.resources | length')" = 256

#!/usr/bin/env bash
# The status page in a real browser: what it shows, in light and dark, as pictures too. With E2E_PICTURES=DIR the pictures are kept there.
. "$(dirname "$0")/lib.sh"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
    echo "SKIPPED: the status page in a browser: no chromium here; tools/setup browser installs it"
    ok
    exit
fi

# browse NAME SECONDS-OF-ITS-TIME FLAGS...: the DOM as it then is to $W/NAME.html, what it complains of to $W/NAME.err
browse() {
    local name=$1 ms=$2
    shift 2
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run --user-data-dir="$W/profile-$name" \
        --enable-logging=stderr --window-size=1280,1150 --virtual-time-budget="$ms" "$@" 2>"$W/$name.err"
}
shown() { grep -qF -- "$2" "$W/$1.html"; }
hidden() { ! grep -qF -- "$2" "$W/$1.html"; }
curves() { grep -oE '<path class="line" d="M[^"]{20,}' "$W/$1.html" | wc -l; }

start_sim --generate pods=300,nodes=10,services=20 --churn 100
cat >"$W/tarn.yaml" <<EOF
server: {url: "$url"}
resources: [pods, nodes, services, widgets.example.com]
realms: [{name: secret, budget: 16MiB, resources: [secrets]}]
http: {listen: "127.0.0.1:0", socket: "$W/run/http.sock"}
EOF
start_agent --config "$W/tarn.yaml"
eventually "pods, nodes and services are synced" all_synced pods nodes services
http_port() { sed -n 's/.*http server listening.* port=\([0-9]*\).*/\1/p' "$W/agent.log" | tail -n 1; }
open_page=http://127.0.0.1:$(http_port)/
# by the Unix socket, where the agent knows who asks: a browser gets there by a relay, which is us
start relay python3 "$(dirname "$0")/relay.py" front "$W/relay.port" "$W/relay.lines" --to "$W/run/http.sock"
eventually "the relay listens" test -s "$W/relay.port"
page=http://127.0.0.1:$(cat "$W/relay.port")/
# a client whose name is markup: it must come out as text
cp "$BIN/tarn" "$W/<b>bold"
start watcher "$W/<b>bold" get pods -A --watch
few_samples() { [ "$(curl -fsS "${page}history.json" | jq '.events | length')" -ge 4 ]; }
eventually "there are curves to show" few_samples

browse page 9000 --dump-dom "$page" >"$W/page.html"
for what in 'pods' 'nodes' 'services' 'widgets.example.com' 'pill good">live' 'pill bad">not found' 'the server has no such resource' '>secret<' '>cluster<' \
    'no pressure' 'version 0' '&lt;b&gt;bold' '1 of 5 resources have a problem'; do
    check "the page shows: $what" shown page "$what"
done
check "names are no markup" hidden page '<b>bold'
check "curves are drawn" test "$(curves page)" -ge 5
check "the agent answered" hidden page 'style="display: block;"'
check "no error on the console ($(grep -E 'CONSOLE' "$W/page.err" | head -n 3))" test "$(grep -cE 'CONSOLE.*(Uncaught|Error|Refused|Content Security)' "$W/page.err")" = 0

# over TCP nobody is known: the default realm, and not who reads it
browse open 6000 --dump-dom "$open_page" >"$W/open.html"
for what in 'pods' '>cluster<' 'who they are is told on the Unix socket'; do
    check "to whom nobody knows the page shows: $what" shown open "$what"
done
check "and no other realm" hidden open '>secret<'
check "and no client's name" hidden open 'bold'

# pictures: a whole page, and dark is dark
browse light 6000 --screenshot="$W/light.png" "$page" >/dev/null
browse dark 6000 --force-dark-mode --blink-settings=preferredColorScheme=0 --screenshot="$W/dark.png" "$page" >/dev/null
for p in light dark; do
    check "a picture in $p" test "$(stat -c %s "$W/$p.png" 2>/dev/null || echo 0)" -gt 30000
done
# The mean brightness of a picture's first rows: PNG by hand, since nothing else is needed of it
brightness() {
    /usr/bin/python3 - "$1" <<'PY'
import struct, sys, zlib
data, at, idat = open(sys.argv[1], "rb").read(), 8, b""
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + n]
    at += 12 + n
    if kind == b"IHDR":
        width, _, depth, color = struct.unpack(">IIBB", body[:10])
    elif kind == b"IDAT":
        idat += body
channels = {2: 3, 6: 4}[color]
raw, stride = zlib.decompress(idat), width * channels
first, kind = bytearray(raw[1:1 + stride]), raw[0]
for i in range(channels, stride if kind in (1, 3, 4) else 0):  # in the first row there is only the pixel before
    first[i] = (first[i] + (first[i - channels] // 2 if kind == 3 else first[i - channels])) & 255
print(sum(first[i] for i in range(stride) if i % channels < 3) // (width * 3))
PY
}
check "light is light" test "$(brightness "$W/light.png")" -gt 200
check "dark is dark" test "$(brightness "$W/dark.png")" -lt 60
[ -z "${E2E_PICTURES:-}" ] || cp "$W/light.png" "$W/dark.png" "$E2E_PICTURES"

# narrow, as on a telephone: the page itself does not scroll sideways
browse narrow 4000 --window-size=420,900 --dump-dom "$page" >"$W/narrow.html"
check "it shows on a narrow screen too" shown narrow 'pods'

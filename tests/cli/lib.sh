# Shared by the scripts: a simulator and an agent in a directory of their own, and checks that count.
# Call `up PODS CHURN` first. $1 of a script is the folder of the programs.
set -u
bin=$1
run=$(mktemp -d "${TMPDIR:-/tmp}/tarn-cli.XXXXXX")
export TARN_SOCKET=$run/tarn.sock
unset TARN_REALM TARN_COPY
passed=0 failed=0 pids=()

cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$run"
}
trap cleanup EXIT

for program in tarn tarnd tarn-apisim; do
    if [ ! -x "$bin/$program" ]; then
        echo "SKIPPED: $bin/$program is not built"
        exit 0
    fi
done
command -v jq >/dev/null || { echo "SKIPPED: jq is not installed"; exit 0; }

ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED: $*"
}
finish() {
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ] && [ $passed -gt 0 ]
    exit $?
}

# check WHAT EXPECTED GOT
check() { if [ "$2" = "$3" ]; then ok; else bad "$1: expected '$2', got '$3'"; fi; }

# fails CODE PATTERN COMMAND...: ends with CODE and says something that matches PATTERN on stderr
fails() {
    local code=$1 pattern=$2 got
    shift 2
    "$@" >"$run/out" 2>"$run/err"
    got=$?
    if [ $got -ne "$code" ]; then
        bad "$*: exit code $got instead of $code: $(head -c 300 "$run/err")"
    elif ! grep -qE -e "$pattern" "$run/err"; then
        bad "$*: '$(head -c 300 "$run/err")' does not match '$pattern'"
    else
        ok
    fi
}

start_agent() {
    cat >"$run/tarn.yaml" <<CONFIG
server:
  url: "$url"
socket: "$TARN_SOCKET"
runtimeDir: "$run"
budget: 268435456
resources:
  - name: pods
    drop: []
    indexes: ["spec.nodeName", "label:app"]
  - name: nodes
    drop: []
  - name: services
    drop: []
  - name: endpointslices.discovery.k8s.io
    drop: []
    indexes: ["label:kubernetes.io/service-name"]
CONFIG
    "$bin/tarnd" --config "$run/tarn.yaml" >"$run/tarnd.log" 2>&1 </dev/null &
    agent=$!
    pids+=($agent)
    for _ in $(seq 200); do
        "$bin/tarn" status --synced 2>/dev/null && return 0
        sleep 0.1
    done
    echo "the agent did not sync:"
    tail -n 20 "$run/tarnd.log"
    return 1
}

up() {
    "$bin/tarn-apisim" --listen 127.0.0.1:0 --port-file "$run/port" --generate "pods=$1,nodes=20,services=30" --seed 7 --churn "$2" \
        >"$run/sim.log" 2>&1 </dev/null &
    pids+=($!)
    for _ in $(seq 100); do
        [ -s "$run/port" ] && break
        sleep 0.1
    done
    url=http://127.0.0.1:$(cat "$run/port")
    start_agent || { bad "set-up"; finish; }
}

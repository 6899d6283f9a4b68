#!/usr/bin/env bash
# Objects too large, a region too small: named, counted, and nothing that was there is lost.
. "$(dirname "$0")/lib.sh"

cat >"$W/c.yaml" <<'YAML'
resources:
  - {name: configmaps, drop: []}
  - {name: pods, drop: []}
maxObjectBytes: 65536
YAML
create() { # name, bytes
    python3 - "$url" "$1" "$2" <<'PY'
import json, sys, urllib.request
url, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"x": "y" * n}}).encode()
r = urllib.request.Request(url + "/api/v1/namespaces/default/configmaps", body, {"Content-Type": "application/json"})
urllib.request.urlopen(r).read()
PY
}
start_sim --generate pods=50
create small 100
create big 100000
start_agent --config "$W/c.yaml" --server "$url"
eventually "configmaps sync, without the one that is too large" status_says "^configmaps +1 +yes +yes"
check "the small one is there" tarn get configmaps small -n default
check_refused "the large one is not" "not found" tarn get configmaps big -n default
eventually "it is named in the log" logged "default/big"
check "it is counted" resource_says configmaps .skipped 1
check "and shown to people" status_says "^configmaps .*objects skipped .*: 1;"
create large-event 200000
create after 100
eventually "an event too large does not stop the stream" tarn get configmaps after -n default
check "both are counted" resource_says configmaps .skipped 2
kill -TERM "$agent"
wait "$agent"
stop_hard "$sim"

# ---- a region that is too small for what there is
start_sim --generate pods=4000 --churn 50
printf 'resources:\n  - {name: nodes}\n  - {name: pods, drop: []}\nhugePages: false\n' >"$W/c.yaml"
budget=8MiB start_agent --config "$W/c.yaml" --server "$url"
eventually "status says that the region is full" status_says "^pods .*(full|room)"
eventually "the other resource is served" synced nodes
check "the region breaks no rule" tarn verify
check "the agent lives" kill -0 "$agent"
kill -TERM "$agent"
wait "$agent"

# ---- enough room again
budget=128MiB start_agent --config "$W/c.yaml" --server "$url"
eventually "with more room all is there" synced pods

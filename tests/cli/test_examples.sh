#!/usr/bin/env bash
# The example programs of client/examples, run as their comments say.
. "$(dirname "$0")/lib.sh"
up 200 100

read -r ns name <<<"$("$bin/tarn" get pods -A --no-headers | awk 'NR == 1 {print $1, $2}')"
node=$("$bin/tarn" get pod "$name" -n "$ns" -o json | jq -r .spec.nodeName)
check "example-get" "$node" "$("$bin/example-get" pods "$ns/$name" spec.nodeName)"
check "example-by-index, one value" "$("$bin/tarn" index pods "spec.nodeName=$node" | wc -l)" \
    "$("$bin/example-by-index" pods spec.nodeName "$node" | wc -l)"
check "example-by-index, all values" "$("$bin/tarn" index pods spec.nodeName --no-headers | wc -l)" \
    "$("$bin/example-by-index" pods spec.nodeName | wc -l)"
"$bin/example-ingress-worker" --seconds 2 >"$run/worker" || bad "example-ingress-worker: exit code $?"
check "one line a second" 2 "$(wc -l <"$run/worker")"
check "it looks services up, their endpoints too, and sees changes" true \
    "$(jq -s 'all(.[]; .lookups > 0 and .endpoints > 0 and .changes_per_s > 0 and .delay_p50_ms > 0)' "$run/worker")"
timeout 3 "$bin/example-own-copy" --server "$url" --resource pods --resource endpointslices.discovery.k8s.io >"$run/rival"
check "the rival holds what the server has" true "$(jq -s '.[0].event == "loaded" and .[0].objects >= 200' "$run/rival")"
fails 1 "no such socket" env TARN_SOCKET="$run/nobody" "$bin/example-get" pods a/b spec
fails 2 "usage" "$bin/example-get" pods
fails 2 "usage" "$bin/example-ingress-worker" --seconds x
finish

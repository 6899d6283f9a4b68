#!/usr/bin/env bash
# The manifests for Kubernetes: least privilege, and what their ConfigMap says is a configuration that works.
. "$(dirname "$0")/lib.sh"

dir=$(cd "$(dirname "$0")/../../tools/packaging/kubernetes" && pwd)
cat >"$W/check.py" <<'PY'
import json, sys, yaml
docs = list(yaml.safe_load_all(open(sys.argv[1] + "/daemonset.yaml"))) + list(yaml.safe_load_all(open(sys.argv[1] + "/example-pod.yaml")))
by_kind = {d["kind"]: d for d in docs}
problems = []

def must(condition, what):
    if not condition:
        problems.append(what)

config = yaml.safe_load(by_kind["ConfigMap"]["data"]["tarn.yaml"])
open(sys.argv[2], "w").write(by_kind["ConfigMap"]["data"]["tarn.yaml"])
mirrored = set()
for realm in config["realms"]:
    for resource in realm["resources"]:
        name, _, group = (resource if isinstance(resource, str) else resource["name"]).partition(".")
        mirrored.add((group, name))
allowed = set()
for rule in by_kind["ClusterRole"]["rules"]:
    must(sorted(rule["verbs"]) == ["list", "watch"], f"only list and watch, not {rule['verbs']}")
    allowed |= {(g, r) for g in rule["apiGroups"] for r in rule["resources"]}
must(allowed == mirrored, f"the role allows {sorted(allowed)}, mirrored are {sorted(mirrored)}")
must(not any(r == "secrets" or r == "*" for _, r in allowed), "no Secrets and no wildcards")

def check_pod(name, spec):
    must(not any(spec.get(k) for k in ("hostNetwork", "hostPID", "hostIPC")), f"{name}: no namespace of the host")
    must(spec["securityContext"]["runAsNonRoot"] is True, f"{name}: not root")
    for c in spec["containers"] + spec.get("initContainers", []):
        s = c["securityContext"]
        must(s["allowPrivilegeEscalation"] is False and s["readOnlyRootFilesystem"] is True, f"{name}/{c['name']}: no escalation, read-only root")
        must(s["capabilities"]["drop"] == ["ALL"] and not s.get("privileged"), f"{name}/{c['name']}: capabilities")
        must(c in spec.get("initContainers", []) or "add" not in s["capabilities"], f"{name}/{c['name']}: adds capabilities")

agent, reader = by_kind["DaemonSet"]["spec"]["template"]["spec"], by_kind["Pod"]["spec"]
check_pod("tarnd", agent)
check_pod("example", reader)
must(len(reader["containers"]) == 1 and reader["automountServiceAccountToken"] is False, "the example has no sidecar and no credentials")
must(reader["volumes"][0]["hostPath"]["path"] in [v["hostPath"]["path"] for v in agent["volumes"] if "hostPath" in v], "the example mounts the agent's socket")
must(set(config["realms"][0]["readers"]["groups"]) <= set(reader["securityContext"]["supplementalGroups"]), "the example may read")
must(config["socketGroup"] in agent["securityContext"]["supplementalGroups"], "the agent may give its socket to the group")
limit = int(agent["containers"][0]["resources"]["limits"]["memory"].removesuffix("Mi"))
must(limit >= 2 * int(config["budget"].removesuffix("MiB")), "the memory limit holds two generations")
reviews = list(yaml.safe_load_all(open(sys.argv[1] + "/read-api.yaml")))
role, binding = [d for kind in ("ClusterRole", "ClusterRoleBinding") for d in reviews if d["kind"] == kind]
must(sorted((g, r, v) for rule in role["rules"] for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]) ==
     [("authentication.k8s.io", "tokenreviews", "create"), ("authorization.k8s.io", "subjectaccessreviews", "create")], "reviews are created, nothing else")
must(binding["roleRef"]["name"] == role["metadata"]["name"] and binding["subjects"] == by_kind["ClusterRoleBinding"]["subjects"], "the agent's account may review")
# the roles as the simulator's rules, with and without the reviews; and one who reads
reader = {"users": ["reader"], "verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}
users = [{"token": "made-up-agent", "name": "tarnd"}, {"token": "made-up-reader", "name": "reader"}]
for name, rules in (("mirror", []), ("reviews", role["rules"])):
    rules = [dict(r, users=["tarnd"]) for r in by_kind["ClusterRole"]["rules"] + rules] + [reader]
    json.dump({"users": users, "rules": rules}, open(sys.argv[3] + "/" + name + ".json", "w"))
print("\n".join(problems))
sys.exit(bool(problems))
PY
if out=$(/usr/bin/python3 "$W/check.py" "$dir" "$W/tarn.yaml" "$W"); then ok; else bad "the manifests: $out"; fi

start_sim --generate pods=20,nodes=3,services=5
check "its configuration is right" "$BIN/tarnd" --config "$W/tarn.yaml" --server "$url" --check-config
run=()
[ "$(id -u)" != 0 ] || { chmod 755 "$W"; mkdir -p "$W/run"; chown 7300:7300 "$W/run"; run=(setpriv --reuid=7300 --regid=7300 --groups=7301); }
[ "$(id -u)" = 0 ] || sed -i '/socketGroup/d' "$W/tarn.yaml"
start agent "${run[@]}" "$BIN/tarnd" --config "$W/tarn.yaml" --server "$url" --runtime-dir "$W/run" --http-listen 127.0.0.1:0
agent=$started
eventually "with it everything is mirrored" all_synced pods nodes services namespaces endpointslices.discovery.k8s.io
check "the probe's command works for the agent's user" "${run[@]}" "$BIN/tarn" status
if [ "$(id -u)" = 0 ]; then
    check "the example pod's user reads" setpriv --reuid=1000 --regid=1000 --groups=7301 "$BIN/tarn" get pods -A
    check_refused "without the group he does not" "not permitted" setpriv --reuid=1000 --regid=1000 --clear-groups "$BIN/tarn" get pods -A
fi
stop_hard "$sim"
eventually "the API server is away" status_says '^pods .*(no|connect)'
check "the probe's command does not mind" "${run[@]}" "$BIN/tarn" status

# ---- the roles are enough: for what is mirrored, and with read-api.yaml for callers of the read API by TCP
start_sim --generate pods=20,nodes=3,services=5 --access "$W/mirror.json"
echo made-up-agent >"$W/token"
kill -TERM "$agent"; wait "$agent"
start agent "${run[@]}" "$BIN/tarnd" --config "$W/tarn.yaml" --server "$url" --token-file "$W/token" --runtime-dir "$W/run" --api-listen 127.0.0.1:0
eventually "with the role alone everything is mirrored" all_synced pods nodes services namespaces endpointslices.discovery.k8s.io
api=http://127.0.0.1:$(sed -n 's/.*read API listening.* port=\([0-9]*\).*/\1/p' "$W/agent.log" | tail -n 1)
reader_gets() { [ "$(curl -sS -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer made-up-reader' "$api/api/v1/pods")" = "$1" ]; }
check "without read-api.yaml no caller is let in" reader_gets 503
check "and the log says what is missing" logged 'User \"tarnd\" cannot create resource \"tokenreviews\"'
curl -fsS -X POST "$url/sim/access" -d @"$W/reviews.json" >/dev/null
eventually "with it who may read reads" reader_gets 200

if command -v kubectl >/dev/null; then
    start_sim --generate pods=1
    for f in daemonset example-pod read-api; do
        if out=$(kubectl --server "$url" create --dry-run=client --validate=false -f "$dir/$f.yaml" -o name 2>&1); then ok; else
            case $out in
            *"no matches for kind"*) echo "SKIPPED: kubectl create --dry-run of $f.yaml: the simulator has not all its kinds" ;;
            *) bad "kubectl create --dry-run=client -f $f.yaml: $out" ;;
            esac
        fi
    done
else
    echo "SKIPPED: kubectl create --dry-run: kubectl is not installed"
fi

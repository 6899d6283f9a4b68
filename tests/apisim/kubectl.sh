#!/bin/bash
# Real kubectl against the simulator. kubectl.sh SIMULATOR FIXTURES [KUBECTL]; prints "N passed, N failed".
set -u
sim=$1 fixtures=$2 program=${3:-kubectl}
if ! command -v "$program" >/dev/null; then
    echo "SKIPPED: no kubectl on this machine"
    echo "0 passed, 0 failed"
    exit 0
fi
dir=$(mktemp -d)
"$sim" --listen 127.0.0.1:0 --port-file "$dir/port" --generate pods=60,nodes=4,services=5 --load "$fixtures" >"$dir/log" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null; rm -rf "$dir"' EXIT
for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
[ -s "$dir/port" ] || { cat "$dir/log"; echo "0 passed, 1 failed"; exit 1; }
mkdir "$dir/bin"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(command -v "$program")" >"$dir/bin/kubectl"
chmod +x "$dir/bin/kubectl"
export KUBECONFIG=$dir/config HOME=$dir PATH=$dir/bin:$PATH
cat >"$KUBECONFIG" <<Y
apiVersion: v1
kind: Config
clusters: [{name: sim, cluster: {server: "http://127.0.0.1:$(cat "$dir/port")"}}]
contexts: [{name: sim, context: {cluster: sim, user: u}}]
current-context: sim
users: [{name: u, user: {}}]
Y
passed=0 failed=0
# expect NAME REGEX COMMAND...: the command succeeds and what it prints matches.
expect() {
    local name=$1 regex=$2 out rc
    shift 2
    out=$(timeout 60 "$@" 2>&1)
    rc=$?
    if [ $rc -eq 0 ] && grep -Eq -- "$regex" <<<"$out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s (exit %s):\n%s\n' "$name" "$rc" "$out"
    fi
}
# refuse NAME REGEX COMMAND...: it fails and says why.
refuse() {
    local name=$1 regex=$2 out rc
    shift 2
    out=$(timeout 60 "$@" 2>&1)
    rc=$?
    if [ $rc -ne 0 ] && grep -Eq -- "$regex" <<<"$out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s (exit %s):\n%s\n' "$name" "$rc" "$out"
    fi
}

cat >"$dir/new.yaml" <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: cm1, labels: {a: b}}
data: {x: "1", text: "<&>"}
---
apiVersion: v1
kind: Pod
metadata: {name: p1, labels: {app: t}}
spec: {nodeName: node-0001, containers: [{name: c, image: "i:1", env: [{name: A, value: "1"}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d1}
spec:
  replicas: 2
  selector: {matchLabels: {app: d1}}
  template: {metadata: {labels: {app: d1}}, spec: {containers: [{name: c, image: "i:1"}]}}
Y
cat >"$dir/crd.yaml" <<'Y'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gears.test.example.com}
spec:
  group: test.example.com
  scope: Namespaced
  names: {kind: Gear, plural: gears, singular: gear, shortNames: [gr], listKind: GearList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
Y
printf 'apiVersion: test.example.com/v1\nkind: Gear\nmetadata: {name: g1}\nspec: {teeth: 12}\n' >"$dir/gear.yaml"

expect version 'Server Version: .*v1' kubectl version
expect api-resources 'deployments +deploy +apps/v1 +true +Deployment' kubectl api-resources
expect get-all-namespaces 'load-00 +pod-00000 +2/2 +Running' kubectl get pods -A
expect get-nodes 'node-0001 +Ready' kubectl get nodes
expect get-wide 'node-0001 .*containerd' kubectl get nodes -o wide
expect get-selector '^team-' kubectl get pods -A -l tier=frontend --no-headers
expect get-field-selector 'node-0001' kubectl get pods -A --field-selector spec.nodeName=node-0001 -o wide
expect get-chunks 'load-00' kubectl get pods -A --chunk-size=10
refuse get-missing 'pods "nobody" not found' kubectl get pod nobody
refuse get-field-unsupported 'field label not supported' kubectl get pods -A --field-selector spec.hostname=x
expect create 'deployment.apps/d1 created' kubectl create --validate=false -f "$dir/new.yaml"
refuse create-again 'AlreadyExists' kubectl create --validate=false -f "$dir/new.yaml"
expect get-yaml '^  text: <&>$' kubectl get cm cm1 -o yaml
expect get-json '"resourceVersion": "[0-9]+"' kubectl get cm cm1 -o json
expect get-name '^configmap/cm1$' kubectl get cm cm1 -o name
expect get-deployment 'd1 +0/2' kubectl get deploy d1
expect describe-pod 'Image: +i:1' kubectl describe pod p1
expect describe-node 'Non-terminated Pods' kubectl describe node node-0001
expect describe-service 'Selector: +app=' kubectl describe services -n team-000
expect label 'labeled' kubectl label cm cm1 q=r
expect label-selected 'cm1' kubectl get cm -l q=r
expect annotate 'annotated' kubectl annotate pod p1 note=hello
expect patch-strategic 'patched' kubectl patch pod p1 -p '{"spec":{"containers":[{"name":"c","image":"i:2"}]}}'
expect patch-kept-env 'i:2 A' kubectl get pod p1 -o 'jsonpath={.spec.containers[0].image} {.spec.containers[0].env[0].name}'
expect patch-merge 'patched' kubectl patch cm cm1 --type merge -p '{"data":{"x":null,"z":"3"}}'
expect patch-json 'patched' kubectl patch cm cm1 --type json -p '[{"op":"replace","path":"/data/z","value":"4"}]'
expect patch-result '^4$' kubectl get cm cm1 -o 'jsonpath={.data.z}'
refuse patch-nothing 'not found' kubectl patch cm nope -p '{}'
expect replace 'replaced' bash -c 'kubectl get cm cm1 -o json | sed s/hello/bye/ | kubectl replace --validate=false -f -'
expect scale-by-patch 'patched' kubectl patch deploy d1 -p '{"spec":{"replicas":5}}'
expect generation '^2$' kubectl get deploy d1 -o 'jsonpath={.metadata.generation}'
expect crd-create 'created' kubectl create --validate=false -f "$dir/crd.yaml"
expect custom-create 'gear.test.example.com/g1 created' kubectl create --validate=false -f "$dir/gear.yaml"
expect custom-get 'g1' kubectl get gears
expect custom-field '^12$' kubectl get gr g1 -o 'jsonpath={.spec.teeth}'

# apply in both ways, with what it needs: validation by /openapi, strategic merge, managed fields.
cat >"$dir/app.yaml" <<'Y'
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, labels: {app: app}}
spec:
  replicas: 2
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
      - {name: web, image: "i:1", ports: [{containerPort: 80}], env: [{name: A, value: "1"}, {name: B, value: "2"}]}
      - {name: side, image: "s:1"}
Y
sed -e 's/i:1/i:2/' -e 's/, {name: B, value: "2"}//' "$dir/app.yaml" >"$dir/app2.yaml"
sed 's/replicas: 2/replicaz: 2/' "$dir/app.yaml" >"$dir/typo.yaml"
sed 's/replicas: 2/replicas: two/' "$dir/app.yaml" >"$dir/wrong.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {a: "1", b: "2"}\n' >"$dir/ssa.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {a: "9"}\n' >"$dir/ssa2.yaml"
containers='jsonpath={range .spec.template.spec.containers[*]}{.name}={.image}[{.env[*].name}] {end}'
expect apply-new 'deployment.apps/app created' kubectl apply -f "$dir/app.yaml"
expect apply-same 'deployment.apps/app unchanged' kubectl apply -f "$dir/app.yaml"
expect apply-kept '^web=i:1\[A B\] side=s:1\[\] $' kubectl get deploy app -o "$containers"
expect diff-none '^$' kubectl diff -f "$dir/app.yaml"
refuse diff-some '^\+ +(- )?image: i:2' kubectl diff -f "$dir/app2.yaml"
expect apply-changed 'configured' kubectl apply -f "$dir/app2.yaml"
expect apply-pruned '^web=i:2\[A\] side=s:1\[\] $' kubectl get deploy app -o "$containers"
expect apply-no-validation 'configured' kubectl apply --validate=false -f "$dir/app.yaml"
refuse apply-typo 'unknown field "?(spec\.)?replicaz' kubectl apply -f "$dir/typo.yaml"
refuse apply-wrong-type 'invalid type|cannot unmarshal string into Go' kubectl apply -f "$dir/wrong.yaml"
expect apply-dry-run 'configured \(server dry run\)' kubectl apply --dry-run=server -f "$dir/app2.yaml"
expect apply-dry-run-kept '^web=i:1' kubectl get deploy app -o "$containers"
expect apply-takes-over 'serverside-applied' kubectl apply --server-side -f "$dir/app2.yaml"
expect apply-server-new 'configmap/ssa serverside-applied' kubectl apply --server-side -f "$dir/ssa.yaml"
refuse apply-conflict '1 conflict: conflict with "kubectl".*: .data.a' kubectl apply --server-side --field-manager=other -f "$dir/ssa2.yaml"
expect apply-forced 'serverside-applied' kubectl apply --server-side --force-conflicts --field-manager=other -f "$dir/ssa2.yaml"
expect apply-forced-result '^9 2$' kubectl get cm ssa -o 'jsonpath={.data.a} {.data.b}'
refuse apply-lost 'conflict with "other".*: .data.a' kubectl apply --server-side -f "$dir/ssa.yaml"
expect apply-delete 'deleted' kubectl delete -f "$dir/app.yaml" -f "$dir/ssa.yaml"
expect explain 'rollingUpdate' kubectl explain deployment.spec.strategy
expect explain-core 'containerPort.*<integer>' kubectl explain pod.spec.containers.ports
expect explain-recursive 'readinessProbe' kubectl explain pods --recursive
expect explain-custom 'GearSpec|VERSION: +(test.example.com/)?v1' kubectl explain gears
expect apply-custom 'gear.test.example.com/g2 created' bash -c "sed 's/g1/g2/' '$dir/gear.yaml' | kubectl apply -f -"
expect apply-custom-changed 'configured' bash -c "sed -e 's/g1/g2/' -e 's/12/13/' '$dir/gear.yaml' | kubectl apply -f -"
expect apply-custom-server 'serverside-applied' bash -c "sed -e 's/g1/g3/' '$dir/gear.yaml' | kubectl apply --server-side -f -"

# A watch in the background sees what is done meanwhile.
timeout 60 kubectl get pods -w --no-headers >"$dir/watch" 2>&1 &
watcher=$!
for _ in $(seq 100); do grep -q p1 "$dir/watch" && break; sleep 0.1; done
expect label-watched 'labeled' kubectl label pod p1 watched=yes
expect delete-pod 'pod "p1" deleted' kubectl delete pod p1
kill $watcher 2>/dev/null
wait $watcher 2>/dev/null
expect watch-saw 'p1 .*Terminating' cat "$dir/watch"
refuse pod-gone 'not found' kubectl get pod p1
expect delete-selector 'cm1' kubectl delete cm -l q=r
expect delete-crd 'deleted' kubectl delete crd gears.test.example.com
refuse custom-gone "doesn't have a resource type|could not find the requested resource" kubectl get gears
printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: temp}\n' >"$dir/ns.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n' >"$dir/x.yaml"
expect create-namespace 'created' kubectl create --validate=false -f "$dir/ns.yaml"
expect create-in-it 'created' kubectl create --validate=false -n temp -f "$dir/x.yaml"
expect delete-namespace 'deleted' kubectl delete ns temp
refuse namespace-gone 'not found' kubectl get cm x -n temp
refuse namespace-missing 'namespaces "temp" not found' kubectl create --validate=false -n temp -f "$dir/x.yaml"
expect raw 'ok' kubectl get --raw /readyz
kill $pid
wait $pid
rc=$?
if [ $rc -ne 0 ]; then
    failed=$((failed + 1))
    echo "FAILED: the simulator ended with $rc:"
    tail -30 "$dir/log"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

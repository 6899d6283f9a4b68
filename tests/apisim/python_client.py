"""The Kubernetes client of Python against the simulator: python_client.py SIMULATOR. Prints "N passed, N failed"."""
import subprocess
import sys
import threading

try:
    from kubernetes import client, watch
    from kubernetes.client.rest import ApiException
except ImportError:
    print("SKIPPED: no Python package kubernetes here (pip install kubernetes)")
    print("0 passed, 0 failed")
    sys.exit(0)

passed = failed = 0


def check(name, got, want):
    global passed, failed
    if got == want:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: got {got!r}, want {want!r}")


def refused(call):
    try:
        call()
    except ApiException as e:
        return e.status
    return None


def lists(v1, apps, slices):
    seen, token = set(), None
    while True:
        page = v1.list_pod_for_all_namespaces(limit=70, _continue=token)
        seen |= {(p.metadata.namespace, p.metadata.name) for p in page.items}
        token = page.metadata._continue
        if not token:
            break
    check("pages", len(seen), 300)
    check("nodes", len(v1.list_node().items), 10)
    check("deployments", len(apps.list_deployment_for_all_namespaces().items), 20)
    endpoints = {e.target_ref.name for s in slices.list_endpoint_slice_for_all_namespaces().items for e in s.endpoints}
    check("endpoints", endpoints, {name for _, name in seen})
    here = v1.list_pod_for_all_namespaces(field_selector="spec.nodeName=node-0003").items
    check("field selector", {p.spec.node_name for p in here}, {"node-0003"})


def writes(v1):
    made = v1.create_namespaced_config_map("default", client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name="py"), data={"a": "1"}))
    events = []

    def follow():
        for e in watch.Watch().stream(v1.list_namespaced_config_map, "default",
                                      resource_version=made.metadata.resource_version, timeout_seconds=2):
            events.append((e["type"], e["object"].data.get("a")))

    thread = threading.Thread(target=follow)
    thread.start()
    made.data["a"] = "2"
    v1.replace_namespaced_config_map("py", "default", made)
    check("conflict", refused(lambda: v1.replace_namespaced_config_map("py", "default", made)), 409)
    v1.patch_namespaced_config_map("py", "default", {"data": {"b": "3"}})
    check("read", v1.read_namespaced_config_map("py", "default").data, {"a": "2", "b": "3"})
    v1.delete_namespaced_config_map("py", "default")
    check("gone", refused(lambda: v1.read_namespaced_config_map("py", "default")), 404)
    thread.join()
    check("watch", events, [("MODIFIED", "2"), ("MODIFIED", "2"), ("DELETED", "2")])


def main():
    sim = subprocess.Popen([sys.argv[1], "--generate", "pods=300,nodes=10,services=20"], stdout=subprocess.PIPE, text=True)
    try:
        configuration = client.Configuration()
        configuration.host = sim.stdout.readline().split()[-1]
        api = client.ApiClient(configuration)
        v1 = client.CoreV1Api(api)
        check("version", client.VersionApi(api).get_code().major, "1")
        lists(v1, client.AppsV1Api(api), client.DiscoveryV1Api(api))
        writes(v1)
    finally:
        sim.terminate()
        check("exit", sim.wait(), 0)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


main()

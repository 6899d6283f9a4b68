"""The Kubernetes client of Python on tarn's read API: list_watch.py SERVER-KUBECONFIG TARN-KUBECONFIG. Prints "N passed, N failed".

Lists of tarn must be those of the API server, in pages and by selectors; a watch of tarn that begins at a list's version tells what is
then done at the server, in its order.
"""
import sys
import threading

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

passed = failed = 0


def check(name, got, want):
    global passed, failed
    if got == want:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: got {str(got)[:500]}, want {str(want)[:500]}")


def refused(call):
    try:
        call()
    except ApiException as e:
        return e.status
    return None


def by_key(items):
    return {(o.metadata.namespace, o.metadata.name): o.to_dict() for o in items}


def plain(value):
    """Integers beyond 64 bits mean the nearest double, however they are written."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return float(value) if isinstance(value, int) and not -2**63 <= value < 2**63 else value


def pages(call, **options):
    found, token = {}, None
    while True:
        page = call(limit=7, _continue=token, **options)
        found |= by_key(page.items)
        token = page.metadata._continue
        if not token:
            return found


def lists(server, tarn):
    for name, options in (("all", {}), ("labels", {"label_selector": "app in (a1,a2)"}), ("fields", {"field_selector": "spec.nodeName=node-2"})):
        want = by_key(client.CoreV1Api(server).list_pod_for_all_namespaces(**options).items)
        check(f"pods, {name}", by_key(client.CoreV1Api(tarn).list_pod_for_all_namespaces(**options).items), want)
        check(f"pods in pages, {name}", pages(client.CoreV1Api(tarn).list_pod_for_all_namespaces, **options), want)
    for verb in ("list_service_for_all_namespaces", "list_node", "list_config_map_for_all_namespaces"):
        check(verb, by_key(getattr(client.CoreV1Api(tarn), verb)().items), by_key(getattr(client.CoreV1Api(server), verb)().items))
    things = [client.CustomObjectsApi(a).list_cluster_custom_object("tarn.test", "v1", "things")["items"] for a in (tarn, server)]
    check("custom objects", plain(things[0]), plain(things[1]))
    missing = refused(lambda: client.CoreV1Api(tarn).read_namespaced_pod("nobody", "alpha"))
    check("an object that is not there", missing, 404)
    written = refused(lambda: client.CoreV1Api(tarn).create_namespaced_config_map("alpha", client.V1ConfigMap(metadata={"name": "x"})))
    check("a write", written, 405)


def watches(server, tarn):
    there, here = client.CoreV1Api(server), client.CoreV1Api(tarn)
    made = there.create_namespaced_config_map("alpha", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="py"), data={"a": "1"}))
    versions = [made.metadata.resource_version]
    events = []

    def follow():
        stream = watch.Watch()
        for e in stream.stream(here.list_namespaced_config_map, "alpha", resource_version=versions[0], timeout_seconds=60):
            if e["object"].metadata.name == "py":
                events.append((e["type"], e["object"].metadata.resource_version))
                if e["type"] == "DELETED":
                    stream.stop()

    thread = threading.Thread(target=follow)
    thread.start()
    for body in ({"data": {"a": "2"}}, {"metadata": {"labels": {"app": "a1"}}}):
        versions.append(there.patch_namespaced_config_map("py", "alpha", body).metadata.resource_version)
    there.delete_namespaced_config_map("py", "alpha")
    thread.join()
    check("watched changes", events[:-1], [("MODIFIED", v) for v in versions[1:]])
    check("watched delete", [events[-1][0], int(events[-1][1]) > int(versions[-1])], ["DELETED", True])


def main():
    server, tarn = (config.new_client_from_config(f) for f in sys.argv[1:3])
    check("version", client.VersionApi(tarn).get_code().major, client.VersionApi(server).get_code().major)
    lists(server, tarn)
    watches(server, tarn)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


main()

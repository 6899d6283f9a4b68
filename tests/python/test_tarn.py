"""The Python package against a real agent and the simulator: run by test_python.sh, which sets TARN_SOCKET and TEST_SIM."""

import ast
import asyncio
import collections.abc
import gc
import json
import multiprocessing
import os
import pathlib
import threading
import time
import unittest
import urllib.request

import tarn
import tarn.aio

SIM = os.environ["TEST_SIM"]


def server(path):
    with urllib.request.urlopen(SIM + path) as answer:
        return json.load(answer)


def ask(method, path, body=None, kind="application/json"):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SIM + path, data=data, method=method, headers={"Content-Type": kind})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def eventually(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def make(name, value="1"):
    return ask("POST", "/api/v1/namespaces/default/configmaps",
               {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": "py"}}, "data": {"value": value, "n": "é"}})


def change(name, value):
    return ask("PATCH", f"/api/v1/namespaces/default/configmaps/{name}", {"data": {"value": value}}, "application/merge-patch+json")


def remove(name):
    return ask("DELETE", f"/api/v1/namespaces/default/configmaps/{name}")


class Reading(unittest.TestCase):
    def setUp(self):
        self.client = tarn.Client()
        self.client.wait_synced(timeout=60)

    def tearDown(self):
        self.client.close()

    def test_every_object_is_what_the_server_has(self):
        items = {f"{p['metadata']['namespace']}/{p['metadata']['name']}": p for p in server("/api/v1/pods")["items"]}
        self.assertGreater(len(items), 50)
        with self.client.snapshot() as s:
            mirror = {p.key: p.unwrap() for p in s.list("pods")}
            self.assertEqual(mirror.keys(), items.keys())
            for key, pod in mirror.items():
                pod.pop("apiVersion", None), pod.pop("kind", None)
                items[key].pop("apiVersion", None), items[key].pop("kind", None)
                self.assertEqual(pod, items[key])

    def test_objects_behave_as_mappings(self):
        with self.client.snapshot() as s:
            pod = next(s.list("pods", limit=1, sorted=True))
            whole = pod.unwrap()
            self.assertIsInstance(pod, collections.abc.Mapping)
            self.assertEqual(list(pod), list(whole))
            self.assertEqual(len(pod), len(whole))
            self.assertEqual(dict(pod["metadata"].items()), whole["metadata"])
            self.assertEqual(pod["metadata"].get("name"), pod.name)
            self.assertEqual(pod.get("nothing", 7), 7)
            self.assertIn("spec", pod)
            self.assertNotIn("nothing", pod)
            self.assertNotIn(3, pod["metadata"])
            with self.assertRaises(KeyError):
                pod["nothing"]
            with self.assertRaises(KeyError):
                pod["metadata"]["nothing"]
            self.assertEqual(pod, whole)
            self.assertEqual(pod["metadata"], whole["metadata"])
            self.assertNotEqual(pod["metadata"], {})
            self.assertEqual(json.loads(pod.to_json()), whole)
            self.assertEqual(pod.path("spec.nodeName"), whole["spec"].get("nodeName"))
            self.assertEqual(pod.path("spec.nothing"), None)
            self.assertEqual(pod.path("spec.nothing", 5), 5)
            with self.assertRaises(tarn.ArgumentError):
                pod.path("spec[")
            self.assertEqual(pod.uid, whole["metadata"]["uid"])
            self.assertEqual(pod.resource_version, whole["metadata"]["resourceVersion"])
            self.assertFalse(pod.is_tombstone)
            self.assertIsNone(pod.final_state)

    def test_lists_behave_as_sequences(self):
        with self.client.snapshot() as s:
            pod = next(s.list("pods", sorted=True))
            containers, whole = pod["spec"]["containers"], pod.unwrap()["spec"]["containers"]
            self.assertIsInstance(containers, collections.abc.Sequence)
            self.assertEqual(containers, whole)
            self.assertEqual(len(containers), len(whole))
            self.assertEqual(containers[0]["name"], whole[0]["name"])
            self.assertEqual(containers[-1], whole[-1])
            self.assertEqual([c.unwrap() for c in containers], whole)
            self.assertEqual([c.unwrap() for c in containers[:1]], whole[:1])
            for wrong in (len(whole), -len(whole) - 1):
                with self.assertRaises(IndexError):
                    containers[wrong]
            with self.assertRaises(TypeError):
                containers["name"]

    def test_lists_by_conditions(self):
        with self.client.snapshot() as s:
            pods = {p.key: p.copy() for p in s.list("pods")}
            self.assertEqual([p.key for p in s.list("pods", sorted=True)], sorted(pods))
            node = next(p.path("spec.nodeName") for p in pods.values() if p.path("spec.nodeName"))
            there = {k for k, p in pods.items() if p.path("spec.nodeName") == node}
            self.assertEqual({p.key for p in s.by_index("pods", "spec.nodeName", node)}, there)
            self.assertEqual(set(s.index_keys("pods", "spec.nodeName", node)), there)
            self.assertEqual({p.key for p in s.list("pods", fields=f"spec.nodeName={node}")}, there)
            self.assertEqual({p.key for p in s.list("pods", index="spec.nodeName", value=node)}, there)
            self.assertIn(node, s.index_values("pods", "spec.nodeName"))
            ns = next(iter(pods)).split("/")[0]
            self.assertEqual({p.key for p in s.list("pods", namespace=ns)}, {k for k in pods if k.startswith(ns + "/")})
            self.assertEqual({p.key for p in s.list("pods", prefix=ns + "/")}, {k for k in pods if k.startswith(ns + "/")})
            label, value = next((k, v) for p in pods.values() for k, v in p["metadata"]["labels"].items())
            self.assertEqual({p.key for p in s.list("pods", labels=f"{label}={value}")},
                             {k for k, p in pods.items() if p["metadata"]["labels"].get(label) == value})

    def test_a_walk_goes_on_where_its_limit_ended_it(self):
        with self.client.snapshot() as s:
            seen, after = [], None
            while True:
                walk = s.list("pods", limit=7, after=after)
                seen += [p.key for p in walk]
                after = walk.continue_after
                if after is None:
                    break
            self.assertEqual(seen, sorted(p.key for p in s.list("pods")))

    def test_get_and_get_many(self):
        with self.client.snapshot() as s:
            keys = sorted(p.key for p in s.list("pods"))[:20]
            self.assertEqual([p.key for p in s.get_many("pods", keys)], keys)
            self.assertEqual(s.get_many("pods", [keys[0], "no/pod"])[1], None)
            self.assertEqual(s.get("pods", keys[3]).key, keys[3])
            self.assertIsNone(s.get("pods", "no/pod"))
            self.assertEqual(s.get("pods", "no/pod", "x"), "x")
            self.assertEqual(s.get("po", keys[0]).key, keys[0])

    def test_errors_are_the_exceptions_that_are_expected(self):
        with self.client.snapshot() as s:
            with self.assertRaises(tarn.ResourceError) as e:
                s.get("unicorns", "a/b")
            self.assertEqual(e.exception.code, "TARN_E_RESOURCE")
            self.assertIsInstance(e.exception, LookupError)
            with self.assertRaises(tarn.ResourceError) as e:
                s.list("unicorns")
            self.assertIn("pods", str(e.exception))
            with self.assertRaises(tarn.IndexMissingError):
                s.by_index("pods", "spec.nothing", "x")
            with self.assertRaises(tarn.SelectorError):
                s.list("pods", labels="a in (")
            with self.assertRaises(tarn.KeyFormatError):
                s.get("pods", "a/b/c")
            with self.assertRaises(ValueError):
                s.list("pods", limit=-1)
            with self.assertRaises(TypeError):
                s.get("pods")
            with self.assertRaises(TypeError):
                s.get("pods", 3)
        with self.assertRaises(tarn.NoAgentError) as e:
            tarn.Client("/nowhere/tarn.sock")
        self.assertIn("/nowhere/tarn.sock", str(e.exception))
        self.assertIsInstance(e.exception, ConnectionError)
        with self.assertRaises(tarn.WaitTimeoutError):
            self.client.wait_commit(1 << 62, timeout=0.05)
        with self.assertRaises(ValueError):
            self.client.wait_synced(timeout=-1)

    def test_nothing_is_read_from_a_closed_snapshot(self):
        s = self.client.snapshot()
        pod = next(s.list("pods"))
        spec, walk, kept = pod["spec"], s.list("pods"), pod.copy()
        whole = pod.unwrap()
        s.close()
        s.close()
        for access in (lambda: pod["metadata"], lambda: spec["containers"], lambda: next(walk), lambda: pod.key, lambda: len(spec),
                       lambda: pod.copy(), lambda: memoryview(pod), lambda: s.get("pods", "a/b"), lambda: s.commit,
                       lambda: walk.continue_after, lambda: s.__enter__()):
            with self.assertRaises(ValueError) as e:
                access()
            self.assertIn("closed", str(e.exception))
        self.assertTrue(s.closed)
        self.assertIn("closed", repr(pod))
        self.assertEqual(kept, whole)

    def test_a_memoryview_keeps_its_snapshot_open(self):
        s = self.client.snapshot()
        pod = next(s.list("pods"))
        view = memoryview(pod)
        self.assertTrue(view.readonly)
        self.assertGreater(len(view), 100)
        with self.assertRaises(BufferError):
            s.close()
        self.assertEqual(pod.key, pod["metadata"]["namespace"] + "/" + pod["metadata"]["name"])
        view.release()
        s.close()

    @unittest.skipUnless(__import__("importlib.util").util.find_spec("msgpack"), "no msgpack here")
    def test_any_messagepack_decoder_reads_the_bytes(self):
        import msgpack

        with self.client.snapshot() as s:
            for pod in s.list("pods", limit=20):
                self.assertEqual(msgpack.unpackb(memoryview(pod), raw=False), pod.unwrap())

    def test_a_block_that_raises_keeps_its_exception(self):
        with self.assertRaises(ZeroDivisionError):
            with self.client.snapshot():
                1 / 0

    def test_snapshots_are_let_go_without_close(self):
        for _ in range(5000):
            self.client.snapshot().get("pods", "no/pod")
        gc.collect()
        with self.client.snapshot() as s:
            self.assertGreater(len(list(s.list("pods"))), 0)

    def test_a_snapshot_outlives_its_client(self):
        client = tarn.Client()
        s = client.snapshot()
        client.close()
        with self.assertRaises(ValueError):
            client.snapshot()
        self.assertGreater(len(list(s.list("pods"))), 0)
        s.close()

    def test_resources_and_info(self):
        with self.client.snapshot() as s:
            names = {r["name"] for r in s.resources()}
            self.assertLessEqual({"pods", "nodes", "configmaps"}, names)
            pods = s.resource("pods")
            self.assertTrue(pods["synced"])
            self.assertEqual(pods["kind"], "Pod")
            self.assertEqual(pods["objects"], len(list(s.list("pods"))))
        info = self.client.info()
        self.assertTrue(info["agent_alive"])
        self.assertEqual(info["socket"], os.environ["TARN_SOCKET"])
        self.assertIn("agent", json.loads(self.client.status_json()))

    def test_own_writes_are_read(self):
        rv = make("own-write")["metadata"]["resourceVersion"]
        self.client.wait_rv("configmaps", rv, timeout=60)
        with self.client.snapshot() as s:
            self.assertEqual(s.get("configmaps", "default/own-write")["data"], {"value": "1", "n": "é"})
        remove("own-write")

    def test_threads_share_a_client(self):
        wrong = []

        def read():
            for _ in range(300):
                with self.client.snapshot() as s:
                    if s.resource("nodes")["objects"] != len(list(s.list("nodes"))):
                        wrong.append(1)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    def test_a_forked_child_is_told(self):
        def child(queue):
            try:
                self.client.snapshot()
            except tarn.ForkedError:
                with tarn.Client() as own, own.snapshot() as s:
                    queue.put(len(list(s.list("nodes"))))

        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        process.join(60)
        self.assertEqual(process.exitcode, 0)
        with self.client.snapshot() as s:
            self.assertEqual(queue.get(), len(list(s.list("nodes"))))


class Following(unittest.TestCase):
    def follow(self, informer, condition):
        def turn():
            informer.process()
            return condition()

        self.assertTrue(eventually(turn))

    def test_handlers_see_every_change(self):
        seen, state = [], {}

        def added(obj, initial):
            seen.append(("add", obj.name, initial))
            state[obj.key] = obj["data"]["value"] if "data" in obj else None

        def updated(old, new):
            seen.append(("update", new.name, new["data"]["value"]))
            state[new.key] = new["data"]["value"]

        def deleted(obj):
            seen.append(("delete", obj.name or obj.key, None))
            del state[obj.key]

        make("before")
        with tarn.Client() as c:
            c.wait_synced("configmaps", timeout=60)
        with tarn.Informer() as informer:
            watch = informer.watch("configmaps", added, updated, deleted, labels="app=py")
            self.follow(informer, lambda: "default/before" in state)
            self.assertIn(("add", "before", True), seen)
            self.follow(informer, lambda: informer.has_synced(watch))
            make("follow")
            self.follow(informer, lambda: "default/follow" in state)
            change("follow", "2")
            self.follow(informer, lambda: state["default/follow"] == "2")
            remove("follow")
            remove("before")
            self.follow(informer, lambda: state == {})
            self.assertEqual(informer.counters(watch)["objects"], 0)
            self.assertIn(("update", "follow", "2"), seen)
            informer.unwatch(watch)
            make("after")
            with tarn.Client() as c, c.snapshot() as s:
                pass
            informer.process()
            self.assertNotIn("default/after", state)
            remove("after")

    def test_objects_end_with_the_call_and_copies_stay(self):
        kept = {}

        def added(obj, initial):
            kept["obj"], kept["copy"] = obj, obj.copy()

        with tarn.Informer() as informer:
            informer.watch("nodes", added)
            self.follow(informer, lambda: kept)
            with self.assertRaises(ValueError) as e:
                kept["obj"]["metadata"]
            self.assertIn("copy()", str(e.exception))
            self.assertTrue(kept["copy"]["metadata"]["name"])

    def test_what_a_handler_raises_comes_out_of_process(self):
        def added(obj, initial):
            raise LookupError(obj.name)

        with tarn.Informer() as informer:
            informer.watch("nodes", added)
            with self.assertRaises(LookupError):
                self.follow(informer, lambda: False)
            self.assertFalse(informer.closed)

    def test_a_memoryview_may_not_outlive_its_call(self):
        views = []
        with tarn.Informer() as informer:
            informer.watch("nodes", lambda obj, initial: views.append(memoryview(obj)))
            with self.assertRaises(BufferError):
                self.follow(informer, lambda: False)
            views[0].release()

    def test_run_ends_when_it_is_stopped(self):
        names = []
        informer = tarn.Informer()
        informer.watch("nodes", lambda obj, initial: names.append(obj.name))
        thread = threading.Thread(target=informer.run)
        thread.start()
        self.assertTrue(eventually(lambda: names))
        informer.stop()
        thread.join(60)
        self.assertFalse(thread.is_alive())
        informer.close()
        informer.close()
        with self.assertRaises(ValueError):
            informer.process()

    def test_handlers_are_checked(self):
        with tarn.Informer() as informer:
            with self.assertRaises(TypeError):
                informer.watch("nodes", 3)
            with self.assertRaises(tarn.SelectorError):
                informer.watch("nodes", labels="a in (")
            with self.assertRaises(ValueError):
                informer.watch("nodes", resync=-1)

    def test_cycles_of_informer_and_handler_are_collected(self):
        def leave_one():
            informer = tarn.Informer()
            informer.watch("nodes", lambda obj, initial: informer)

        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            leave_one()
        gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_changes_as_an_asynchronous_iterator(self):
        async def follow():
            events = []
            async for e in tarn.aio.changes("configmaps", labels="app=py"):
                events.append((e.type, e.object.key, e.old and e.old["data"]["value"]))
                if e.type == "ADDED":
                    change("async", "2")
                elif e.type == "MODIFIED":
                    remove("async")
                else:
                    return events

        make("async")
        with tarn.Client() as c:
            c.wait_synced("configmaps", timeout=60)
        events = asyncio.run(asyncio.wait_for(follow(), 60))
        self.assertEqual(events[0], ("ADDED", "default/async", None))
        self.assertEqual(events[-2], ("MODIFIED", "default/async", "1"))
        self.assertEqual(events[-1][:2], ("DELETED", "default/async"))


def stub_names():
    """What __init__.pyi declares: {class or "": its names}."""
    tree = ast.parse(pathlib.Path(tarn.__file__).with_suffix(".pyi").read_text())
    names = {"": set()}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names[""].add(node.name)
            names[node.name] = {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
    return names


class Describing(unittest.TestCase):
    """What an editor shows: every public name has a docstring and a type."""

    def members(self):
        for name in tarn.__all__:
            thing = getattr(tarn, name)
            yield "", name, thing
            if isinstance(thing, type) and not issubclass(thing, Exception):
                for base in thing.__mro__:
                    if base.__module__.startswith("tarn"):
                        yield from ((name, m, v) for m, v in vars(base).items() if not m.startswith("_"))

    def test_everything_has_a_docstring(self):
        inherited = set(dir(collections.abc.Mapping)) | set(dir(collections.abc.Sequence))
        self.assertEqual([(c, n) for c, n, thing in self.members() if n not in inherited and not (thing.__doc__ or "").strip()], [])

    def test_everything_has_a_type(self):
        names = stub_names()
        inherited = {"get", "items", "keys", "values", "count", "index"}
        self.assertEqual([(c, n) for c, n, _ in self.members() if n not in names[c] and not (c and n in inherited)], [])

    def test_every_type_is_of_something(self):
        names = stub_names()
        types = {"Resource", "ClientInfo"}  # of dicts
        self.assertEqual([n for n in names[""] - types if not hasattr(tarn, n)], [])
        self.assertEqual([(c, n) for c in names.keys() - types - {""} for n in names[c] if not hasattr(getattr(tarn, c), n)
                          and n != "__buffer__"], [])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""exchanges.py - does tarn's read API answer as the API server does, request by request?

    exchanges.py EXCHANGES OBJECTS SERVER TARN      SERVER, TARN: URL or unix:PATH, then ,ca=F ,cert=F ,key=F ,token=F ,header=NAME:VALUE

EXCHANGES (tests/data/api/exchanges.jsonl) has a request a line, with what a real server was recorded to answer: status, type, the body of an
error. OBJECTS are made at the server first. Each request goes to both: tarn must answer with the recorded status, type and error, and with the
objects, pages, events and tables that this server answers with. resourceVersions of lists and bookmarks may differ (a mirror's list is as new
as its resource, a server's as its store) but not go back; those of objects may not. Prints "N passed, N failed".

Placeholders in a request: {now}: the version of this side's list; {future}, {old}: a version far ahead, 1; {continue-1}, {continue-2}: the token behind
the first and the second page of two; {etag}: that of the aggregated discovery. `during` is what is done while the request's answer is open (see CHANGES).
"""
import concurrent.futures
import copy
import gzip
import http.client
import json
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse

PODS, CONFIGMAPS = "/api/v1/namespaces/proto/pods", "/api/v1/namespaces/proto/configmaps"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def integer(text):
    """An integer beyond 64 bits means the nearest double, as in the API machinery."""
    return int(text) if -2**63 <= int(text) < 2**63 else float(text)


def read(text):
    return json.loads(text, parse_int=integer)


class Side:
    """One of the two servers, and what its placeholders stand for."""

    def __init__(self, spec):
        where, *options = spec.split(",")
        self.options = dict(o.split("=", 1) for o in options)
        self.where = where
        self.values = {"future": "100000000", "old": "1"}
        self.token = open(self.options["token"]).read().strip() if "token" in self.options else None

    def connect(self):
        if self.where.startswith("unix:"):
            c = http.client.HTTPConnection("localhost", timeout=60)
            c.sock = socket.socket(socket.AF_UNIX)
            c.sock.connect(self.where[5:])
            return c
        url = urllib.parse.urlsplit(self.where)
        if url.scheme == "http":
            return http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        tls = ssl.create_default_context(cafile=self.options.get("ca"))
        if "cert" in self.options:
            tls.load_cert_chain(self.options["cert"], self.options["key"])
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=60, context=tls)

    def ask(self, request, headers=None, body=None, begun=lambda: None):
        """The answer, read to its end: (status, headers, body); begun is called when its head has come."""
        method, target = request.split(" ", 1)
        for name, value in self.values.items():
            target = target.replace("{%s}" % name, value)
        all_headers = {"Accept": "application/json", "User-Agent": "exchanges/1"} | (headers or {})
        if self.token:
            all_headers["Authorization"] = "Bearer " + self.token
        c = self.connect()
        c.putrequest(method, target, skip_accept_encoding=True)
        for name, value in all_headers.items():
            if value is not None:
                c.putheader(name, value.replace("{etag}", self.values.get("etag", "")))
        text = json.dumps(body).encode() if body is not None else b""
        if body is not None:
            c.putheader("Content-Length", str(len(text)))
        c.endheaders(text)
        answer = c.getresponse()
        begun()
        got = answer.read()  # raises IncompleteRead if the last chunk is missing
        c.close()
        return answer.status, answer.headers, got

    def json(self, request, headers=None, body=None):
        status, _, text = self.ask(request, headers, body)
        return status, read(text)

    def learn(self):
        """What this side's placeholders stand for now."""
        self.values["now"] = self.json(f"GET {PODS}")[1]["metadata"]["resourceVersion"]
        page = self.json(f"GET {PODS}?limit=2")[1]["metadata"]["continue"]
        self.values["continue-1"] = urllib.parse.quote(page, safe="")
        page = self.json(f"GET {PODS}?limit=2&continue={{continue-1}}")[1]["metadata"]["continue"]
        self.values["continue-2"] = urllib.parse.quote(page, safe="")
        self.values["etag"] = self.ask("GET /apis", {"Accept": AGGREGATED})[1].get("ETag", "")


# ---- what is done at the server meanwhile -------------------------------------------------------------

PAUSE = 0.3  # two changes of an object that come at once may be told as one
JSON, MERGE = {"Content-Type": "application/json"}, {"Content-Type": "application/merge-patch+json"}


def pod(name):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": {"nodeName": "node-0000", "containers": [{"name": "c", "image": "images.example.com/c:1"}]}}


def label(server, path, labels):
    server.ask(f"PATCH {path}", MERGE, {"metadata": {"labels": labels}})


def brief(server):
    server.ask(f"POST {PODS}", JSON, pod("brief"))
    time.sleep(PAUSE)
    server.ask(f"PATCH {PODS}/brief/status", MERGE, {"status": {"phase": "Running", "podIP": "10.128.0.99"}})
    time.sleep(PAUSE)
    label(server, f"{PODS}/brief", {"app": "db"})
    time.sleep(PAUSE)
    server.ask(f"DELETE {PODS}/brief?gracePeriodSeconds=0")


def slow(server):
    server.ask(f"DELETE {PODS}/slow?gracePeriodSeconds=30")
    time.sleep(PAUSE)
    server.ask(f"DELETE {PODS}/slow?gracePeriodSeconds=0")
    for _ in range(50):
        time.sleep(PAUSE)
        if server.ask(f"POST {PODS}", JSON, pod("slow"))[0] == 201:
            return


CHANGES = {
    "brief": brief, "slow": slow,
    "elsewhere": lambda server: label(server, f"{PODS}/web-0", {"other": "write"}),
    "outside": lambda server: label(server, f"{CONFIGMAPS}/cm-3", {"other": "object"}),
    "touch": lambda server: label(server, f"{CONFIGMAPS}/cm-0", {"touched": "later"}),
}


def make_objects(server, objects):
    with open(objects, encoding="utf-8") as f:
        items = json.load(f)["items"]
    server.ask("POST /api/v1/namespaces", JSON, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "proto"}})
    for o in items + [pod("slow")]:
        group = "/api/v1" if o["apiVersion"] == "v1" else "/apis/" + o["apiVersion"]
        plural = {"CustomResourceDefinition": "customresourcedefinitions"}.get(o["kind"], f"namespaces/proto/{o['kind'].lower()}s")
        for _ in range(100):  # a definition takes a moment
            status, _, text = server.ask(f"POST {group}/{plural}", JSON, o)
            if status in (201, 409):
                break
            time.sleep(0.1)
        else:
            raise SystemExit(f"{o['kind']} {o['metadata']['name']} cannot be made: {status} {text.decode()}")
        if o["kind"] == "Pod" and "status" in o:
            server.ask(f"PATCH {PODS}/{o['metadata']['name']}/status", MERGE, {"status": o["status"]})


# ---- comparing -----------------------------------------------------------------------------------------

def plain(text):
    """A Status without what depends on the moment, or on a parser's words."""
    text = re.sub(r"(Too large resource version: )\d+, current: \d+", r"\1N, current: N", json.dumps(text, sort_keys=True))
    text = re.sub(r'(continue key is not valid|unable to parse requirement): .*?", "metadata', r'\1", "metadata', text)
    return re.sub(r"too old resource version: \d+ \(\d+\)|The resourceVersion for the provided \w+ is too old\.", "too old", text)


def newest(items):
    return max([int(o["metadata"]["resourceVersion"]) for o in items if "metadata" in o], default=0)


def timeless(doc):
    """A list or a table without its own version and token, and without ages; what must hold of those is told."""
    doc = copy.deepcopy(doc)
    meta, wrong = doc.get("metadata", {}), []
    if "items" in doc and meta.get("resourceVersion") is not None:
        if int(meta.pop("resourceVersion")) < newest(doc["items"] or []) and "continue" not in meta:
            wrong.append("the list is older than its objects")
    if meta.get("continue"):
        meta["continue"] = "..."
    if doc.get("kind") == "Table":
        meta.pop("resourceVersion", None)
        for column in doc["columnDefinitions"] or []:
            column["description"] = ""  # everybody's own words
        ages = [i for i, c in enumerate(doc["columnDefinitions"] or []) if c["name"] == "Age"]
        for row in doc["rows"]:
            for i in ages:
                row["cells"][i] = re.sub(r"^\d+[smhd].*$", "AGE", row["cells"][i])
    return doc, wrong


def events_of(text):
    """The events without bookmarks, what is wrong with the bookmarks, and how many events came before the end mark (None: no mark)."""
    events, wrong, mark, plain_marks = [], [], None, 0
    for line in text.decode().splitlines():
        e = read(line)
        if e["type"] != "BOOKMARK":
            events.append(e)
            continue
        meta = e["object"]["metadata"]
        if int(meta["resourceVersion"]) < newest([x["object"] for x in events if x["type"] != "ERROR"]):
            wrong.append("a bookmark is older than an event before it")
        if meta.get("annotations") == {"k8s.io/initial-events-end": "true"}:
            mark = len(events)
        else:
            plain_marks += 1
    return events, wrong, mark, plain_marks


def initial_first(events, mark):
    """The events that tell the present state may come in any order."""
    n = mark if mark is not None else next((i for i, e in enumerate(events) if e["type"] != "ADDED"), len(events))
    return sorted(events[:n], key=lambda e: e["object"]["metadata"]["name"]) + events[n:]


def same_object(want, got, skipped):
    """A deletion shows the last state that was visible: without the changes that came to the agent together with it."""
    if want["type"] != "DELETED" or want["object"]["metadata"]["name"] not in skipped:
        return want["object"] == got["object"]
    return all(want["object"]["metadata"].get(k) == got["object"]["metadata"].get(k) for k in ("namespace", "name", "uid", "resourceVersion"))


def told_alike(want, got):
    """Changes of an object that come to the agent at once may be told as the last of them; nothing else may be left out."""
    rest, skipped = list(got), set()
    for i, e in enumerate(want):
        name = e["object"]["metadata"]["name"]
        if rest and same_object(e, rest[0], skipped) and (rest[0]["type"] == e["type"] or name in skipped):
            rest.pop(0)
            skipped.discard(name)
        elif any(later["object"]["metadata"]["name"] == name for later in want[i + 1:]):
            skipped.add(name)
        else:
            return False
    return not rest


def compare_watch(row, want, got):
    w, _, w_mark, _ = events_of(want)
    g, wrong, g_mark, g_plain = events_of(got)
    if w_mark != g_mark:
        wrong.append(f"the end mark: behind {g_mark} events, the server's behind {w_mark}")
    if row["name"] == "watch-bookmarks" and g_plain == 0:
        wrong.append("no bookmark came")
    if "error" in row:
        if [e["type"] for e in g] != ["ERROR"] or plain(g[0]["object"]) != plain(row["error"]):
            wrong.append(f"the recorded error is {plain(row['error'])}, this {g}")
    elif not told_alike(initial_first(w, w_mark), initial_first(g, g_mark)):
        wrong.append(f"events differ:\n  server {short(w)}\n  tarn   {short(g)}")
    return wrong


def short(events):
    return [(e["type"], e["object"].get("metadata", {}).get("name"), e["object"].get("metadata", {}).get("resourceVersion")) for e in events] or "[]"


def reading(resource, parents):
    """A discovery entry with the verbs that only read."""
    r = {k: v for k, v in resource.items() if k not in ("subresources", "storageVersionHash", "categories")}  # categories need the definitions mirrored
    if "responseKind" in r:
        r["responseKind"] = r["responseKind"]["kind"]
    r["verbs"] = sorted(set(r["verbs"]) & {"get", "list", "watch"})
    return parents, json.dumps(r, sort_keys=True)


def discovered(doc):
    """All resources that read and the groups' own entries of any of the discovery documents; no subresources."""
    kind = doc["kind"]
    if kind == "APIResourceList":
        return {reading(r, doc["groupVersion"]) for r in doc["resources"] if "/" not in r["name"]}
    if kind == "APIGroupDiscoveryList":
        return {reading(r, g["metadata"].get("name", "") + "/" + v["version"]) for g in doc["items"] for v in g["versions"] for r in v["resources"]}
    if kind == "APIGroupList":
        return {(g["name"], v["groupVersion"]) for g in doc["groups"] for v in g["versions"]}
    return {("versions", v) for v in doc["versions"]}


def compare_bodies(row, want, got):
    if "body" in row:
        body = got.decode() if isinstance(row["body"], str) else read(got)
        return [] if plain(body) == plain(row["body"]) else [f"the recorded error is {plain(row['body'])}, this {plain(body)}"]
    if "watch" in row["request"]:
        return compare_watch(row, want, got)
    if not want or not got:
        return [] if bool(want) == bool(got) else ["a body where the server has none, or none"]
    if row["name"].startswith("disc-") and row["name"] != "disc-version":
        more = discovered(read(got)) - discovered(read(want))
        return [f"not so on the server: {sorted(more)}"] if more else ["nothing is discovered"] if not discovered(read(got)) else []
    if row["name"] == "disc-version":  # tarn tells its own build
        return [] if all(read(got)[k] == read(want)[k] for k in ("major", "minor")) else [f"is version {got.decode()}"]
    w, _ = timeless(read(want))
    g, wrong = timeless(read(got))
    if w != g:
        wrong.append(f"differs:\n  server {json.dumps(w, sort_keys=True)[:1500]}\n  tarn   {json.dumps(g, sort_keys=True)[:1500]}")
    lines = [text.count(b"\n") for text in (want, got)]
    if lines[0] != lines[1]:
        wrong.append(f"{lines[1]} lines instead of {lines[0]}")
    return wrong


def compare(row, server, tarn):
    status, headers, got = tarn
    wrong = []
    if status != row.get("tarn", row)["status"]:
        return [f"answered {status}: {got[:500].decode(errors='replace')}"]
    if "tarn" in row:  # and says so in a Status
        return [] if row["request"].startswith("HEAD") or read(got)["kind"] == "Status" else ["no Status"]
    if headers.get("Content-Type") != row.get("type") and status != 304:
        wrong.append(f"is of type {headers.get('Content-Type')} and not {row.get('type')}")
    if headers.get("Content-Encoding") != row.get("encoding"):
        wrong.append(f"has encoding {headers.get('Content-Encoding')}")
    elif row.get("encoding") == "gzip":
        got = gzip.decompress(got)
    want = gzip.decompress(server[2]) if server[1].get("Content-Encoding") == "gzip" else server[2]
    return wrong + compare_bodies(row, want, got)


# ---- the run ---------------------------------------------------------------------------------------------

def ask_both(sides, rows):
    """All rows at once, so that their timeouts pass together; what is to be done meanwhile is done when all are open."""
    begun = threading.Semaphore(0)
    with concurrent.futures.ThreadPoolExecutor(2 * len(rows)) as pool:
        asked = [(row, [pool.submit(side.ask, row["request"], row.get("headers"), {} if row["request"].startswith("POST") else None, begun.release)
                        for side in sides]) for row in rows]
        if any("during" in row for row in rows):
            for _ in range(2 * len(rows)):
                begun.acquire(timeout=2)  # an answer that is withheld is told later
            for name in dict.fromkeys(row["during"] for row in rows):
                CHANGES[name](sides[0])
        return [(row, [f.exception() or f.result() for f in futures]) for row, futures in asked]


def caught_up(server, tarn):
    """Wait until tarn has what was made at the server."""
    for path in (PODS, CONFIGMAPS, "/apis/lab.example.com/v1/namespaces/proto/widgets"):
        for _ in range(600):
            try:
                if server.json(f"GET {path}")[1]["items"] == tarn.json(f"GET {path}")[1]["items"]:
                    break
            except (OSError, KeyError, ValueError):
                pass
            time.sleep(0.1)
        else:
            raise SystemExit(f"tarn never has the server's {path}: {tarn.ask('GET ' + path)[2][:1000]}")


def main():
    exchanges, objects, server, tarn = sys.argv[1], sys.argv[2], Side(sys.argv[3]), Side(sys.argv[4])
    with open(exchanges, encoding="utf-8") as f:
        rows = [read(line) for line in f]
    make_objects(server, objects)
    caught_up(server, tarn)
    for side in (server, tarn):
        side.learn()
    answers = ask_both((server, tarn), [r for r in rows if "during" not in r])
    answers += ask_both((server, tarn), [r for r in rows if "during" in r])
    failed = 0
    for row, (want, got) in answers:
        try:
            wrong = [f"no answer: {got!r}"] if isinstance(got, Exception) else [f"the server: {want!r}"] if isinstance(want, Exception) else compare(row, want, got)
        except (ValueError, KeyError, TypeError) as e:
            wrong = [f"{e!r} in {got[2][:500]!r}"]
        if wrong:
            failed += 1
            print(f"FAILED {row['name']} ({row['title']}): " + "; ".join(wrong))
    print(f"{len(answers) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()

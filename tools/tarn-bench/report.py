#!/usr/bin/env python3
"""Turn tarn-bench's figures into benchmarks.md and plots, and compare them with older ones. Called by tools/bench.

    report.py --figures NEW.json --out DIR [--compare OLD.json] [--load X] [--seconds N] [--notes FILE] [--quick]

Exit codes: 0 written; 1 cannot; 3 --compare found something slower by a quarter or more.
"""
import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys

SLOWER = 1.25
PARTS = {  # in the document's order: title, what to know
    "region": ("Reading and writing the shared memory, 1 KB objects",
               "All peers hold the same bytes under the same keys. A get finds the object of a random key and reads its head; *to the "
               "end* reads its last byte, which depends on the length found: one more cache miss. Single gets have a clock around each "
               "(its own cost is the row *(the clock)*); *mean of a loop* has none, and building the key inside. The bare probe is an "
               "array of slots and values of one length on large pages: no versions, no checks. A locked table copies the value out. *In a new "
               "process*: it maps the store, makes a tenth of its gets uncounted, then counts, page faults and all, as the anchors did "
               "from which the targets come; everywhere else the caches and the tables of pages are warm. *On one core*: client and server share one, so "
               "that no sleeping core has to be woken."),
    "pods": ("The same with pods of 4 KB, the size without managedFields", ""),
    "core": ("The stores and queues beside client-go's cache", "Both sides take the same pods in the same order; each figure is the best pass."),
    "ingest": ("JSON bytes to objects, and reading fields", "simdjson's rows: its DOM with emission of the same MessagePack, and its mere parse."),
    "agent": ("The agent as a whole, beside tarn-apisim", "CPU is the agent's own; wall times include the simulator, which shares the machine's cores."),
    "tls": ("The agent over TLS, beside a server that is faster than it is",
            "The server is `tarn-pages`; CPU is that of the agent's busiest thread. Sizes are objects for LIST and attach, streams for WATCH."),
    "fleet": ("N consumers on one host: on tarn, and N informers", "Memory is the sum of PSS, tarn's with the agent inside."),
    "informers": ("What an informer of client-go costs", "The Go program `tests/interop/informerbench`."),
    "restart": ("Checkpoints, and a region of another run taken over", "Best of some rounds, and the thread's CPU beside it; the file is in the page cache."),
    "api": ("The read API: unmodified clients on tarn, beside the API server",
            "One client asks both for all pods at resourceVersion 0 over one kept connection, nothing dropped; *server's CPU* is that of the process that "
            "answers, without the kernel's side of the client. Watchers are connections of one thread that counts what comes; pods without managedFields."),
    "floors": ("What this machine allows", ""),
    "run": ("How long each part took", ""),
}
# Orders of growth that are expected: the slope of log(value) over log(n); for rates that of their inverse. Caches that stop to hold the
# data add up to 0.35. What is steeper than its order stands in WHY, or is to be mended.
REGION_GROWTH = ["get p50", "get p99", "get, mean of a loop", "get in a row, per object", "get_many, per object", "list, per object", "by_index, per object",
                 "label selector, per object", "field by path, per object", "get under writes p50", "list under writes, per object",
                 "by_index under writes, per object", "label selector under writes, per object", "get_many under writes, per object", "get in a new process p50",
                 "commit of 1 p50", "updates, 3 indexes, 100 a commit", "gets of 1 process", "gets of 2 processes"]
CORE_GROWTH = ["get", "get by key", "add", "update", "list, an object", "by index, an object", "pop, FIFO", "pop, DeltaFIFO", "pop, RealFIFO"]
GROWTH = ([("region", "tarn", what, 0.35) for what in REGION_GROWTH] + [("region", "tarn", "map and first read p50", 0.1)] +
          [("region", who, what, 0.35) for who in ("bare probe", "lmdb") for what in ("get p50", "list, per object")] +
          [("core", who, what, 0.35) for what in CORE_GROWTH for who in ("tarn", "client-go")] +
          [("agent", "tarn", "attach and first read p50", 0.1), ("agent", "tarn", "tarn_get of a listed key", 0.35),
           ("agent", "tarnd", "LIST to indexed objects", 0.1), ("agent", "tarnd", "cold start to synced", 1.1),
           ("agent", "tarnd", "memory beside the region, largest", 0.3), ("agent", "tarnd", "longest loop turn, of CPU", 0.3),
           ("agent", "tarnd", "restart to readable", 1.1), ("agent", "tarnd", "restart to live", 1.1), ("tls", "tarnd, plain", "LIST, objects", 0.1),
           ("tls", "tarn", "attach and first read p50", 0.1), ("informers", "tarn", "start to synced", 1.1), ("informers", "client-go typed", "attach", 1.1),
           ("informers", "client-go typed", "get p50", 0.35), ("informers", "client-go typed", "label selector, per object", 0.35),
           ("informers", "tarn", "memory a pod", 0.1), ("restart", "tarn", "save a checkpoint, CPU", 1.1), ("restart", "tarn", "restore it, CPU", 1.1),
           ("restart", "tarn", "verify a kept region, CPU", 1.1), ("restart", "tarn", "verify and take it over, CPU", 1.1),
           ("fleet", "tarn", "memory of all", 0.2), ("fleet", "client-go typed", "memory of all", 1.1), ("fleet", "tarn", "requests at the server", 0.1),
           ("fleet", "client-go typed", "requests at the server", 1.1), ("fleet", "tarn", "bytes sent by the server", 0.1),
           ("fleet", "client-go typed", "bytes sent by the server", 1.1), ("fleet", "tarn", "server's CPU until synced", 0.1),
           ("fleet", "client-go typed", "server's CPU until synced", 1.1)])
WHY = {  # (part, what): why it may be steeper than its order
    ("region", "get p50"): "a thousand objects are in L2; at a million slot and record come from memory: two misses against none",
    ("region", "get p99"): "as get p50",
    ("region", "get, mean of a loop"): "as get p50",
    ("region", "get under writes p50"): "as get p50",
    ("region", "get in a new process p50"): "as get p50",
    ("region", "get in a row, per object"): "as get p50",
    ("region", "gets of 1 process"): "as get p50", ("region", "gets of 2 processes"): "as get p50",
    ("region", "list, per object"): "LMDB's small lists are in L2; a large one takes a TLB miss and a memory miss for each page",
    ("region", "map and first read p50"): "the kernel maps a larger file; microseconds, see the values",
    ("core", "get"): "three misses on small pages against none", ("core", "get by key"): "three misses on small pages against none",
    ("core", "add"): "as get, and the tables' growth", ("core", "update"): "as get, for two objects and their indexes",
    ("agent", "tarn_get of a listed key"): "as get p50",
    ("restart", "restore it, CPU"): "linear, and the objects leave the caches",
    ("restart", "verify a kept region, CPU"): "linear, and the objects leave the caches",
    ("restart", "verify and take it over, CPU"): "linear, and the objects leave the caches",
    ("informers", "get p50"): "as core's get",
    ("informers", "label selector, per object"): "two misses an object, and no prefetching through pointers",
}
PLOTS = [  # file, title, x, y, part, what
    ("get-p50", "get by key, median", "objects", "ns", "region", "get p50"),
    ("get-p99", "get by key, 99th percentile", "objects", "ns", "region", "get p99"),
    ("get-new", "get by key in a new process, 99th percentile", "objects", "ns", "region", "get in a new process p99"),
    ("get-writes", "get by key under 10,000 writes a second, median", "objects", "ns", "region", "get under writes p50"),
    ("list", "list, per object", "objects", "ns", "region", "list, per object"),
    ("core-get", "get in one process", "objects", "ns", "core", "get"),
    ("core-update", "update in one process", "objects", "ns", "core", "update"),
    ("fleet-memory", "memory of N consumers", "consumers", "MiB", "fleet", "memory of all"),
    ("fleet-sent", "bytes the API server sends to start N consumers", "consumers", "MB", "fleet", "bytes sent by the server"),
    ("fleet-cpu", "CPU of the API server to start N consumers", "consumers", "ms", "fleet", "server's CPU until synced"),
    ("attach", "from nothing to the first object", "objects", "us", "attach", "attach"),
    ("restart", "restart of the agent", "objects", "ms", "restarts", "restart"),
]


def number(value):
    if value == 0 or not math.isfinite(value):
        return "0"
    digits = max(0, 2 - int(math.floor(math.log10(abs(value)))))
    return f"{value:,.{min(digits, 3)}f}"


def size(n):
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB")):
        if n >= unit and n % unit == 0:
            return f"{n // unit} {name}"
    return f"{n:,}"


def command(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def first_line(text, pattern, default="not here"):
    m = re.search(pattern, text)
    return m.group(1).strip() if m else default


def machine(args):
    cpu = command("lscpu")
    memory = first_line(open("/proc/meminfo", encoding="ascii").read(), r"MemTotal:\s+(\d+) kB", "0")
    huge = first_line(open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii").read(), r"\[(\w+)\]") \
        if os.path.exists("/sys/kernel/mm/transparent_hugepage/enabled") else "unknown"
    versions = [
        ("gcc", first_line(command("gcc", "--version"), r"(\d+\.\d+\.\d+)")),
        ("LMDB", first_line(command("dpkg-query", "-W", "-f", "${Version}", "liblmdb-dev"), r"([\d.]+)")),
        ("Redis", first_line(command("redis-server", "--version"), r"v=([\d.]+)")),
        ("memcached", first_line(command("memcached", "-h"), r"memcached ([\d.]+)")),
        ("simdjson", first_line(command("dpkg-query", "-W", "-f", "${Version}", "libsimdjson-dev"), r"([\d.]+)")),
        ("Go", first_line(command("go", "version"), r"go([\d.]+)")),
        ("client-go", first_line(open("tests/interop/informerbench/go.mod", encoding="utf-8").read(), r"k8s.io/client-go (v[\d.]+)")),
    ]
    commit = command("git", "rev-parse", "--short", "HEAD") + (" and changes" if command("git", "status", "--porcelain", "--", "core", "shm", "client", "agent") else "")
    return [
        f"- machine: {first_line(cpu, 'Model name: *(.*)')}, {os.cpu_count()} cores"
        f"{' of a virtual machine' if 'Hypervisor' in cpu else ''}, L2 {first_line(cpu, 'L2 cache: *(.*)')}, L3 {first_line(cpu, 'L3 cache: *(.*)')}, "
        f"{int(memory) // 1000000} GB, Linux {platform.release()}, transparent large pages: {huge}",
        f"- commit {commit or 'unknown'}, {command('date', '-u', '+%d %B %Y')}, {args.seconds} s; load average before the run {args.load}"
        f"{', a quick run: smaller sizes' if args.quick else ''}",
        "- versions: " + ", ".join(f"{n} {v}" for n, v in versions),
    ]


def slope(points):
    """Least squares of log(y) over log(x)."""
    xs = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    mx, my = sum(x for x, _ in xs) / len(xs), sum(y for _, y in xs) / len(xs)
    over = sum((x - mx) ** 2 for x, _ in xs)
    return sum((x - mx) * (y - my) for x, y in xs) / over if over else 0


class Figures:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
        self.rows, self.targets, self.notes = data["figures"], data["targets"], data["notes"]

    def at(self):
        """The last figure of each row that was measured more than once."""
        return {(r["part"], r["who"], r["what"], r["n"]): r for r in self.rows}

    def unit(self, part, who, what):
        return next(r["unit"] for r in self.rows if (r["part"], r["who"], r["what"]) == (part, who, what))

    def series(self, part, what, who=None):
        """{who: [(n, value)]} of rows at several sizes."""
        out = {}
        for (p, w, t, n), r in sorted(self.at().items()):
            if p == part and t == what and (who is None or w == who):
                out.setdefault(w, []).append((n, r["value"]))
        return out


def target_rows(figures):
    rows = []
    for t in figures.targets:
        if not t["asked"]:
            continue
        if "rival" in t:
            asked, seen = f"{t['asked']:.2f} × {t['rival']}", f"{t['seen']:.2f} ×"
        else:
            sign = "≥" if "/s" in t["unit"] else "≤"
            asked, seen = f"{sign} {number(t['asked'])} {t['unit']}", f"{number(t['seen'])} {t['unit']}"
        rows.append(f"| {t['part']}: {t['who']}, {t['what']} | {size(t['n'])} | {asked} | {seen} | {'**missed**' if t['missed'] else 'yes'} |")
    return rows


def told_rows(figures):
    """Ratios to a peer that nobody set a target for."""
    return [f"| {t['part']}: {t['who']}, {t['what']} | {size(t['n'])} | {t['rival']} | {t['seen']:.2f} × |"
            for t in figures.targets if not t["asked"] and "rival" in t]


def growth_rows(figures):
    rows = []
    for part, who, what, expected in GROWTH:
        points = figures.series(part, what, who).get(who, [])
        if len(points) < 2:
            continue
        unit = figures.unit(part, who, what)
        s = slope(points) * (-1 if "/s" in unit else 1)
        verdict = "as expected" if s <= expected else "**steeper**" + (": " + WHY[part, what] if (part, what) in WHY else "")
        rows.append(f"| {part}: {who}, {what} | {size(points[0][0])} to {size(points[-1][0])} | "
                    f"{number(points[0][1])} to {number(points[-1][1])} {unit} | {s:+.2f} | {expected:.2f} | {verdict} |")
    return rows


def part_table(figures, part):
    """One row for each thing measured, one column for each size."""
    cells, units, order, sizes = {}, {}, [], []
    for r in figures.rows:
        if r["part"] != part:
            continue
        key = (r["what"], r["who"])
        if key not in cells:
            cells[key], units[key] = {}, r["unit"]
            order.append(key)
        cells[key][r["n"]] = r["value"]
        if r["n"] not in sizes:
            sizes.append(r["n"])
    sizes.sort()
    first = {what: i for i, (what, _) in reversed(list(enumerate(order)))}
    order.sort(key=lambda k: first[k[0]])
    if part == "run":
        return ["| part | s |", "|---|---:|"] + [f"| {k[1]} | {number(v)} |" for k in order for v in cells[k].values()]
    if len(sizes) > 6:  # sizes differ from row to row: one value a line
        return ["| what | who | size | value | |", "|---|---|---:|---:|---|"] + [
            f"| {k[0]} | {k[1]} | {size(n)} | {number(v)} | {units[k]} |" for k in order for n, v in cells[k].items()]
    head = ["| what | who | " + " | ".join(size(n) for n in sizes) + " | |", "|---|---|" + "---:|" * len(sizes) + "---|"]
    return head + [f"| {k[0]} | {k[1]} | " + " | ".join(number(cells[k][n]) if n in cells[k] else "" for n in sizes) + f" | {units[k]} |" for k in order]


def several_series(figures, name):
    """Lines that are rows of different names or parts."""
    if name == "restart":
        out = {what: figures.series("agent", what).get("tarnd", []) for what in ("restart to readable", "restart to live", "cold start to synced")}
    else:
        out = {"tarn": figures.series("agent", "attach and first read p50").get("tarn", []) + figures.series("tls", "attach and first read p50").get("tarn", [])[-1:],
               "tarn, agent and all": figures.series("informers", "start to synced").get("tarn", [])}
        out.update(figures.series("informers", "attach"))
    return {k: v for k, v in out.items() if v}


def plot(figures, spec, folder):
    name, title, xlabel, unit, part, what = spec
    series = several_series(figures, what) if part in ("attach", "restarts") else {w: p for w, p in figures.series(part, what).items() if len(p) > 1}
    if not any(len(p) > 1 for p in series.values()):
        return None
    path = os.path.join(folder, name + ".svg")
    lines = [f"set terminal svg size 720,420 dynamic background '#ffffff' font 'sans,13'", f"set output '{path}'", f"set title '{title}'",
             "set logscale xy", f"set xlabel '{xlabel}'", f"set ylabel '{unit}'", "set key outside right", "set grid", "set format x '%.0s%c'"]
    plots = []
    for i, (who, points) in enumerate(series.items()):
        lines.append(f"$d{i} << EOD\n" + "\n".join(f"{n} {v}" for n, v in points) + "\nEOD")
        plots.append(f"$d{i} using 1:2 with linespoints lw 2 pt {i + 4} title '{who}'")
    lines.append("plot " + ", ".join(plots))
    try:
        done = subprocess.run(["gnuplot"], input="\n".join(lines) + "\n", text=True, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    if done.returncode:
        print("report.py: gnuplot:", done.stderr.strip(), file=sys.stderr)
        return None
    return f"![{title}](plots/{name}.svg)"


def document(figures, args, plots):
    missed = sum(t["missed"] for t in figures.targets if t["asked"])
    asked = sum(1 for t in figures.targets if t["asked"])
    out = ["# Benchmarks", "",
           "Written by `tools/bench`, which measures tarn and what one would use instead in one run, alternating, on the same objects, and",
           "then writes this page. Absolute numbers move with the neighbours of a virtual machine: trust the ratios. What was tried, what it",
           "brought, and why a target is missed stands in [performance.md](performance.md).", "",
           "```sh skip: minutes on an idle machine, with peers that it installs",
           "tools/bench                      # everything; --quick is shorter", "tools/bench --compare OLD.json   # what a change costs", "```", ""]
    out += machine(args) + [""]
    notes = [n for n in figures.notes if "SKIPPED" in n or "left out" in n]
    notes += [line.strip() for line in open(args.notes, encoding="utf-8")] if args.notes else []
    out += [f"- {n}" for n in dict.fromkeys(notes)] + ([""] if notes else [])
    out += ["## Targets", "", f"{asked - missed} of {asked} met. “× peer” is how many times as good as the peer's figure in the same run.", "",
            "| what | size | asked | seen | met |", "|---|---:|---|---:|---|"] + target_rows(figures) + [""]
    out += ["Ratios that nobody set a target for:", "", "| what | size | beside | seen |", "|---|---:|---|---:|"] + told_rows(figures) + [""]
    out += ["## Growth", "", "The slope of log(value) over log(size): 0 is constant, 1 linear. Per-object figures grow where the data leave a cache.", "",
            "| what | sizes | values | slope | expected at most | |", "|---|---|---|---:|---:|---|"] + growth_rows(figures) + [""]
    out += ["## Plots", ""] + ([p + "\n" for p in plots] or ["SKIPPED: there is no gnuplot here, or too few sizes.", ""])
    others = {r["part"]: ("", "") for r in figures.rows if r["part"] not in PARTS}
    for part, (title, text) in (PARTS | others).items():
        rows = part_table(figures, part)
        if len(rows) > 2:
            out += [f"## {part}: {title}" if title else f"## {part}", ""] + ([text, ""] if text else []) + rows + [""]
    return "\n".join(out)


def compare(new, old):
    """What changed by a tenth or more; whether anything got slower by a quarter."""
    bad = 0
    before = old.at()
    print(f"{'part':8} {'who':15} {'what':38} {'n':>10} {'before':>12} {'now':>12}")
    for key, r in new.at().items():
        o = before.get(key)
        if not o or not o["value"] or not r["value"] or key[2].endswith(" max"):
            continue
        ratio = r["value"] / o["value"] if "/s" not in r["unit"] else o["value"] / r["value"]
        if 0.9 < ratio < 1.1:
            continue
        slower = ratio >= SLOWER and key[1] in ("tarn", "tarnd")
        bad += slower
        print(f"{key[0]:8} {key[1]:15} {key[2]:38} {key[3]:>10} {number(o['value']):>12} {number(r['value']):>12} "
              f"{r['unit']:6} {'slower' if ratio > 1 else 'faster'} {max(ratio, 1 / ratio):.2f} x{'  <--' if slower else ''}")
    print(f"{bad} figures of tarn are slower by a quarter or more")
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--figures", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--compare")
    p.add_argument("--load", default="unknown")
    p.add_argument("--seconds", default="?")
    p.add_argument("--notes")
    p.add_argument("--quick", action="store_true")
    args = p.parse_args()
    figures = Figures(args.figures)
    folder = os.path.join(args.out, "plots")
    os.makedirs(folder, exist_ok=True)
    plots = [x for x in (plot(figures, spec, folder) for spec in PLOTS) if x]
    with open(os.path.join(args.out, "benchmarks.md"), "w", encoding="utf-8") as f:
        f.write(document(figures, args, plots))
    return 3 if args.compare and compare(figures, Figures(args.compare)) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, KeyError) as e:
        print(f"report.py: {e}", file=sys.stderr)
        sys.exit(1)

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
               "array of slots and values of one length: no versions, no checks. A locked table copies the value out."),
    "pods": ("The same with pods of 4 KB, the size without managedFields", ""),
    "core": ("The stores and queues beside client-go's cache", "Both sides take the same pods in the same order; each figure is the best pass."),
    "ingest": ("JSON bytes to objects, and reading fields", "simdjson's rows: its DOM with emission of the same MessagePack, and its mere parse."),
    "agent": ("The agent as a whole, beside tarn-apisim", "CPU is the agent's own; wall times include the simulator, which shares the machine's cores."),
    "tls": ("The agent over TLS, beside a server of pre-encoded pods",
            "CPU is the ingest loop's. `n` is objects for LIST, streams for WATCH. The wall time has the server and the certificate in it."),
    "tls": ("The agent over TLS, beside a server that is faster than it is", "The server is `tarn-pages`; CPU is that of the agent's busiest thread."),
    "fleet": ("N consumers on one host: on tarn, and N informers", "Memory is the sum of PSS, tarn's with the agent inside."),
    "informers": ("What an informer of client-go costs", "The Go program `tests/interop/informerbench`."),
    "floors": ("What this machine allows", ""),
}
# Orders of growth that are expected: the slope of log(value) over log(n). Caches that stop to hold the data add up to 0.35.
GROWTH = [("region", "tarn", "get p50", 0.35), ("region", "tarn", "get p99", 0.35), ("region", "tarn", "get, mean of a loop", 0.35),
          ("region", "tarn", "list, per object", 0.35), ("region", "tarn", "by_index, per object", 0.35),
          ("region", "tarn", "label selector, per object", 0.35), ("region", "tarn", "get_many, per object", 0.35),
          ("region", "tarn", "map and first read p50", 0.1), ("region", "tarn", "commit of 1 p50", 0.35), ("region", "tarn", "get under writes p50", 0.35),
          ("informers", "client-go typed", "attach", 1.1), ("informers", "client-go typed", "get p50", 0.35),
          ("region", "lmdb", "get p50", 0.35), ("region", "lmdb", "list, per object", 0.35),
          ("core", "tarn", "get", 0.35), ("core", "client-go", "get", 0.35), ("core", "tarn", "add", 0.35), ("core", "client-go", "add", 0.35),
          ("core", "tarn", "update", 0.35), ("core", "client-go", "update", 0.35), ("core", "tarn", "list, an object", 0.35),
          ("core", "client-go", "list, an object", 0.35), ("agent", "tarn", "attach and first read p50", 0.1),
          ("agent", "tarn", "tarn_get of a listed key", 0.35), ("agent", "tarnd", "cold start to synced", 1.1), ("agent", "tarnd", "restart to readable", 1.1), ("agent", "tarnd", "memory beside the region, largest", 0.1),
          ("fleet", "tarn", "memory of all", 0.2), ("fleet", "client-go typed", "memory of all", 1.1)]
PLOTS = [  # file, title, x, y, part, what, peers (None: all that have it)
    ("get-p50", "get by key, median", "objects", "ns", "region", "get p50", None),
    ("get-p99", "get by key, 99th percentile", "objects", "ns", "region", "get p99", None),
    ("list", "list, per object", "objects", "ns", "region", "list, per object", None),
    ("core-get", "get in one process", "objects", "ns", "core", "get", None),
    ("fleet-memory", "memory of N consumers", "consumers", "MiB", "fleet", "memory of all", None),
    ("fleet-sent", "bytes the API server sends to start N consumers", "consumers", "MB", "fleet", "bytes sent by the server", None),
    ("attach", "from nothing to the first object", "objects", "us", "attach", "attach", None),
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


def growth_rows(figures):
    rows = []
    for part, who, what, expected in GROWTH:
        points = figures.series(part, what, who).get(who, [])
        if len(points) < 2:
            continue
        s = slope(points)
        verdict = "as expected" if s <= expected else "**steeper**"
        rows.append(f"| {part}: {who}, {what} | {size(points[0][0])} to {size(points[-1][0])} | "
                    f"{number(points[0][1])} to {number(points[-1][1])} | {s:+.2f} | {expected:.2f} | {verdict} |")
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
    if len(sizes) > 6:  # sizes differ from row to row: one value a line
        return ["| what | who | size | value | |", "|---|---|---:|---:|---|"] + [
            f"| {k[0]} | {k[1]} | {size(n)} | {number(v)} | {units[k]} |" for k in order for n, v in cells[k].items()]
    head = ["| what | who | " + " | ".join(size(n) for n in sizes) + " | |", "|---|---|" + "---:|" * len(sizes) + "---|"]
    return head + [f"| {k[0]} | {k[1]} | " + " | ".join(number(cells[k][n]) if n in cells[k] else "" for n in sizes) + f" | {units[k]} |" for k in order]


def attach_series(figures):
    out = {"tarn": figures.series("agent", "attach and first read p50").get("tarn", [])}
    out.update(figures.series("informers", "attach"))
    return {k: v for k, v in out.items() if v}


def plot(figures, spec, folder):
    name, title, xlabel, unit, part, what, _ = spec
    series = attach_series(figures) if part == "attach" else {w: p for w, p in figures.series(part, what).items() if len(p) > 1}
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
    notes = [n for n in figures.notes if "SKIPPED" in n or "left out" in n] + [l.strip() for l in open(args.notes, encoding="utf-8")] if args.notes else []
    out += [f"- {n}" for n in notes] + ([""] if notes else [])
    out += ["## Targets", "", f"{asked - missed} of {asked} met. “× peer” is how many times as good as the peer's figure in the same run.", "",
            "| what | size | asked | seen | met |", "|---|---:|---|---:|---|"] + target_rows(figures) + [""]
    out += ["## Growth", "", "The slope of log(value) over log(size): 0 is constant, 1 linear. Per-object figures grow where the data leave a cache.", "",
            "| what | sizes | values | slope | expected at most | |", "|---|---|---|---:|---:|---|"] + growth_rows(figures) + [""]
    out += ["## Plots", ""] + [p + "\n" for p in plots] if plots else []
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

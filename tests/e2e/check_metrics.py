#!/usr/bin/python3
"""check_metrics.py FILE [EARLIER-FILE] - is this a good Prometheus text exposition (format 0.0.4)?

A strict parser of our own with the rules of `promtool check metrics`; prometheus_client's parser, where it is installed, must see the same samples.
With an earlier scrape of the same process: no counter has gone down.
"""
import re
import sys

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
problems = []


def wrong(line, what):
    problems.append(f"line {line}: {what}")


def labels_of(text, line):
    labels, at = {}, 0
    while at < len(text or ""):
        m = LABEL.match(text, at)
        if not m:
            wrong(line, f"labels {{{text}}}")
            break
        if m.group(1) in labels:
            wrong(line, f"label {m.group(1)} twice")
        labels[m.group(1)] = m.group(2)
        at = m.end()
    return labels


def family_of(name, types):
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix) and types.get(name[: -len(suffix)]) == "histogram":
            return name[: -len(suffix)]
    return name


def lint(name, kind, labels, line):
    if not name.startswith("tarn_") or not re.fullmatch(r"[a-z0-9_]+", name):
        wrong(line, f"{name}: names are tarn_ and snake case")
    if (kind == "counter") != name.endswith("_total"):
        wrong(line, f"{name} is a {kind}: counters, and only they, end in _total")
    if re.search(r"_(ms|us|ns|milliseconds|minutes|kb|kib|mib|count|sum|bucket)$", name.removesuffix("_total")):
        wrong(line, f"{name}: base units are seconds and bytes; suffixes of histograms are theirs")
    for label in labels:
        if label not in ("realm", "resource", "reason", "type", "state", "what", "result", "step", "how", "le", "version", "source", "verb"):
            wrong(line, f"{name}: label {label} is none of the bounded ones")


def parse(path):
    samples, helps, types, order = {}, {}, {}, []
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if not text.endswith("\n"):
        problems.append("does not end with a newline")
    for line, row in enumerate(text.split("\n")[:-1], 1):
        if row.startswith("# HELP ") or row.startswith("# TYPE "):
            _, what, name, rest = row.split(" ", 3)
            known = helps if what == "HELP" else types
            if name in known:
                wrong(line, f"{what} of {name} twice")
            if name in order:
                wrong(line, f"{what} of {name} behind its samples")
            known[name] = rest
            continue
        m = SAMPLE.match(row)
        if not m:
            wrong(line, f"no sample: {row}")
            continue
        name, labels, value = m.group(1), labels_of(m.group(2), line), float(m.group(3))
        family = family_of(name, types)
        if family not in helps or family not in types:
            wrong(line, f"{family} has no HELP or TYPE before it")
        if family in order and order[-1] != family:
            wrong(line, f"the samples of {family} do not stand together")
        if not order or order[-1] != family:
            order.append(family)
        lint(family, types.get(family), labels, line)
        key = (name, tuple(sorted(labels.items())))
        if key in samples:
            wrong(line, f"{key} twice")
        samples[key] = value
    for name in types:
        if name not in order:
            problems.append(f"{name} has no sample")
    return samples, types


def check_histograms(samples, types):
    for name in (n for n, kind in types.items() if kind == "histogram"):
        series = {}
        for (sample, labels), value in samples.items():
            if sample == name + "_bucket":
                rest = tuple(l for l in labels if l[0] != "le")
                series.setdefault(rest, []).append((float(dict(labels)["le"].replace("+Inf", "inf")), value))
        if not series:
            problems.append(f"histogram {name} has no buckets")
        for rest, buckets in series.items():
            bounds, counts = zip(*buckets)
            if list(bounds) != sorted(bounds) or list(counts) != sorted(counts) or bounds[-1] != float("inf"):
                problems.append(f"{name}{rest}: buckets are not cumulative in order up to +Inf")
            if samples.get((name + "_count", rest)) != counts[-1]:
                problems.append(f"{name}{rest}: count is not the last bucket")
            total = samples.get((name + "_sum", rest))
            if total is None or total < 0 or (total > 0 and not counts[-1]):
                problems.append(f"{name}{rest}: sum {total} with count {counts[-1]}")


def check_with_client(path, samples):
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        print("SKIPPED: prometheus_client as a second judge: python3-prometheus-client is not installed")
        return
    with open(path, encoding="utf-8") as f:
        theirs = {(s.name, tuple(sorted(s.labels.items()))): s.value for m in text_string_to_metric_families(f.read()) for s in m.samples}
    if theirs != samples:
        problems.append(f"prometheus_client sees {len(theirs)} samples, this parser {len(samples)}, or other values")


samples, types = parse(sys.argv[1])
check_histograms(samples, types)
check_with_client(sys.argv[1], samples)
if len(sys.argv) > 2:
    for key, value in parse(sys.argv[2])[0].items():
        if types.get(family_of(key[0], types)) in ("counter", "histogram") and samples.get(key, -1) < value:
            problems.append(f"{key} went from {value} to {samples.get(key)}")
for p in problems:
    print(p)
print(f"{len(samples)} samples of {len(types)} metrics, {len(problems)} problems")
sys.exit(bool(problems) or not samples)

"""What a get and a step of a list cost, in ns of this thread's CPU: run by `test_python.sh ... --bench`."""

import random
import time

import tarn

REPEATS = 7


def cost(n, fn):
    """The least of some runs: others on the machine only ever add."""
    best = None
    for _ in range(REPEATS):
        before = time.thread_time_ns()
        fn()
        passed = (time.thread_time_ns() - before) / n
        best = passed if best is None else min(best, passed)
    return best


with tarn.Client() as client:
    client.wait_synced("pods", timeout=120)
    with client.snapshot() as snapshot:
        keys = [pod.key for pod in snapshot.list("pods")]
        random.Random(1).shuffle(keys)

        def gets():
            get = snapshot.get
            for key in keys:
                get("pods", key)

        def walk():
            for _ in snapshot.list("pods"):
                pass

        print(f"get by key, random order, {len(keys)} pods: {cost(len(keys), gets):.0f} ns")
        print(f"a step of a list: {cost(len(keys), walk):.0f} ns")

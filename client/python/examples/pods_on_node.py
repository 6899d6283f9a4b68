"""The pods of one node: from the index, without a copy.

    python pods_on_node.py [NODE]        without one: the node of the first pod that has one
"""

import sys

import tarn

with tarn.Client() as client:
    client.wait_synced("pods", timeout=30)
    with client.snapshot() as snapshot:
        nodes = sys.argv[1:] or snapshot.index_values("pods", "spec.nodeName")[:1]
        for pod in snapshot.by_index("pods", "spec.nodeName", nodes[0]):
            print(f"{pod.namespace}/{pod.name}", pod.path("status.phase", "Unknown"), pod.path("status.podIP", ""))

"""Read a Kubernetes cluster's state from this host's shared memory.

    import tarn

    with tarn.Client() as client:
        client.wait_synced("pods", timeout=10)
        with client.snapshot() as snapshot:
            pod = snapshot.get("pods", "default/web-1")
            for pod in snapshot.by_index("pods", "spec.nodeName", "node-7"):
                print(pod.name, pod["status"]["phase"])

An object is a read-only mapping over the shared bytes: nothing is copied or decoded until it is read. It is good
until its snapshot is closed; ``copy()`` makes one that stays. ``unwrap()`` gives a plain dict, ``memoryview(obj)`` the MessagePack
bytes for any decoder.
"""

from __future__ import annotations

import os as _os
import select as _select
from collections.abc import Mapping as _Mapping, Sequence as _Sequence

from . import _native
from ._native import (
    AccessError,
    ArgumentError,
    Client,
    ExpiredError,
    ForkedError,
    IndexMissingError,
    KeyFormatError,
    List,
    Map,
    NoAgentError,
    Object,
    ObjectIterator,
    ResourceError,
    SelectorError,
    Snapshot,
    StatusError,
    TarnError,
    WaitTimeoutError,
)

__all__ = [
    "AccessError", "ArgumentError", "Client", "ExpiredError", "ForkedError", "IndexMissingError", "Informer", "KeyFormatError",
    "List", "Map", "NoAgentError", "Object", "ObjectIterator", "ResourceError", "SelectorError", "Snapshot", "StatusError",
    "TarnError", "WaitTimeoutError",
]

# Whatever the abstract classes make of item, length and iteration.
for _type in (Object, Map):
    for _name in ("get", "items", "keys", "values"):
        setattr(_type, _name, getattr(_Mapping, _name))
    _Mapping.register(_type)
for _name in ("__contains__", "__reversed__", "count", "index"):
    setattr(List, _name, getattr(_Sequence, _name))
_Sequence.register(List)
del _type, _name


class Informer(_native.Informer):
    """Be told of every change: handlers are called by run() or process(), on that thread.

    Objects given to a handler can be read until it returns; ``copy()`` keeps one.
    """

    def __init__(self, *args, **kwargs):
        self._stop_read, self._stop_write = _os.pipe2(_os.O_CLOEXEC | _os.O_NONBLOCK)

    def run(self) -> None:
        """Call handlers until stop(). What a handler raises ends it and is raised here."""
        poll = _select.poll()
        poll.register(self.fileno(), _select.POLLIN)
        poll.register(self._stop_read, _select.POLLIN)
        self.process()
        while not any(fd == self._stop_read for fd, _ in poll.poll()):
            self.process()
        _os.read(self._stop_read, 4096)

    def stop(self) -> None:
        """Make run() return; from any thread or signal handler."""
        try:
            _os.write(self._stop_write, b"x")
        except BlockingIOError:
            pass  # it was told often enough

    def close(self) -> None:
        """End every watch. Not from a handler."""
        super().close()
        for fd in (self._stop_read, self._stop_write):
            if fd >= 0:
                _os.close(fd)
        self._stop_read = self._stop_write = -1

    def __exit__(self, *exc) -> None:
        self.close()

    def __del__(self):
        if getattr(self, "_stop_read", -1) >= 0:
            self.close()

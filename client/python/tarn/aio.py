"""Changes as an asynchronous iterator.

    async for event in tarn.aio.changes("pods", labels="app=web"):
        print(event.type, event.object.key)
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import AsyncIterator, Literal, NamedTuple, Optional

from . import Informer, Object

__all__ = ["Event", "changes"]


class Event(NamedTuple):
    """A change. Objects are copies: they stay good."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object  #: the new state; of a delete the last one, or a tombstone
    old: Optional[Object] = None  #: of MODIFIED: the state before
    initial: bool = False  #: ADDED: it was there when the watch began


async def changes(resource: str, *, socket: Optional[str] = None, realm: Optional[str] = None, namespace: Optional[str] = None,
                  labels: Optional[str] = None, fields: Optional[str] = None) -> AsyncIterator[Event]:
    """Yield every change of a resource, beginning with what is there, over restarts of the agent.

    Events wait in memory while the consumer is busy, one batch of the region's change log at most: the log is
    read again only when they are consumed.
    """
    pending: deque[Event] = deque()
    loop = asyncio.get_running_loop()
    with Informer(socket, realm=realm) as informer:
        informer.watch(
            resource,
            lambda obj, initial: pending.append(Event("ADDED", obj.copy(), None, initial)),
            lambda old, new: pending.append(Event("MODIFIED", new.copy(), old.copy())),
            lambda obj: pending.append(Event("DELETED", obj.copy())),
            namespace=namespace, labels=labels, fields=fields,
        )
        readable = asyncio.Event()
        fd = informer.fileno()
        while True:
            informer.process()
            while pending:
                yield pending.popleft()
            readable.clear()
            loop.add_reader(fd, readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(fd)

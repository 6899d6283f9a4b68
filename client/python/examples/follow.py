"""Every change of pods, for some seconds.

    python follow.py [SECONDS]
"""

import asyncio
import sys

import tarn.aio


async def follow() -> None:
    async for event in tarn.aio.changes("pods"):
        print(event.type, event.object.key, event.object.resource_version)


try:
    asyncio.run(asyncio.wait_for(follow(), float(sys.argv[1]) if len(sys.argv) > 1 else 3))
except TimeoutError:
    pass

"""Tasks of the event loop that belong together: they begin and end as one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_ASK_AGAIN_S = 2.0


async def until_first_ends(*jobs: Coroutine[Any, Any, Any]) -> None:
    """Run ``jobs`` side by side until the first ends or fails; end the others. Raises what the first one raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(*tasks)
    for task in done:
        task.result()


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel ``tasks`` and wait until they are through.

    Asks again after a while: before Python 3.12 ``asyncio.wait_for`` swallows a cancellation that comes together with
    what it waited for (python/cpython#86296), and aiomqtt waits with it for every answer of the broker.
    """
    going = set(tasks)
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=_ASK_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)  # nobody else asks how they ended

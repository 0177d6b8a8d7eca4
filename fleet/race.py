"""Several tasks that belong together, such as reading, writing and watching one connection: when one ends, so do the others."""

import asyncio
from collections.abc import Coroutine
from typing import Any

AGAIN_SECS = 0.1  # a task can miss that it is cancelled: until Python 3.12, `wait_for` does if what it waits for is there at the same time


async def run_until_first_ends(*work: Coroutine[Any, Any, None]) -> None:
    """Raises what the first one to end raised. All have ended when this returns."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        while pending := [task for task in tasks if not task.done()]:
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=AGAIN_SECS)
        await asyncio.gather(*tasks, return_exceptions=True)

"""Several tasks that belong together, such as reading, writing and watching one connection: when one ends, so do the others."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_until_first_ends(*work: Coroutine[Any, Any, None]) -> None:
    """Raises what the first one to end raised. All have ended when this returns."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

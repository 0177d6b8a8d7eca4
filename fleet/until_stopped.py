"""Programs that work until they are told to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


async def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Until SIGTERM or SIGINT, which cancel the work; or until it ends by itself, with what it raises."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task

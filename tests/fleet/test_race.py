"""Tasks that end together."""

import asyncio

import pytest

from fleet.race import run_until_first_ends


async def ends_soon() -> None:
    await asyncio.sleep(0.01)
    raise OSError("the connection is lost")


async def misses_its_first_cancellation(seen: list[str]) -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append("missed")
    await asyncio.sleep(60)


def test_what_the_first_raises_is_raised_when_all_have_ended() -> None:
    seen: list[str] = []
    with pytest.raises(OSError, match="lost"):
        asyncio.run(asyncio.wait_for(run_until_first_ends(ends_soon(), misses_its_first_cancellation(seen)), 20))
    assert seen == ["missed"]

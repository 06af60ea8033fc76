"""One ahead: the next item is on its way while the last one is handled.

`intake` reads a batch while the store has the one before; whoever handles items still gets them
one by one, in order.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

Item = TypeVar("Item")


async def one_ahead(items: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """The same items; closed together with this.

    What `items` raises comes once everything before it was handled.
    """
    async with aclosing(items):
        coming = asyncio.ensure_future(anext(items))
        try:
            while True:
                try:
                    item = await coming
                except StopAsyncIteration:
                    return
                coming = asyncio.ensure_future(anext(items))
                yield item
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

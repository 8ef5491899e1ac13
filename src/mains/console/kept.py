"""Answers that cost much and change little, kept for a moment for all readers."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Final, TypeVar, cast

KEPT_FOR: Final = timedelta(seconds=20)
KEPT_MAX: Final = 256

Answer = TypeVar("Answer")


class Kept:
    """Answers by key, at most KEPT_MAX, none older than KEPT_FOR; one is made at a time."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[datetime, object]] = OrderedDict()
        self._making = asyncio.Lock()

    async def get(
        self, key: Hashable, make: Callable[[], Awaitable[Answer]], *, now: datetime
    ) -> Answer:
        """Return the answer kept under a key, or make it; each key has answers of one type."""
        async with self._making:
            made_at, answer = self._answers.get(key, (None, None))
            if made_at is None or not made_at <= now < made_at + KEPT_FOR:
                answer = await make()
                self._answers[key] = (now, answer)
                self._answers.move_to_end(key)
                while len(self._answers) > KEPT_MAX:
                    self._answers.popitem(last=False)
            return cast("Answer", answer)

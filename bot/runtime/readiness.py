"""Knows which backends can start a tuning now, by asking Google for what a start needs beside its file.

The bot never waits for this when it starts: the checks run in the background, and each reader gets what is known.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bot.errors import BotError, GoogleUnavailable
from bot.ports.backends import TuningBackend

logger = logging.getLogger(__name__)

# A person waits for the check, so it ends after these seconds, whatever Google does.
CHECK_SECONDS: Final = 10.0
# Only the good result is remembered: what somebody has just repaired counts at once.
REMEMBERED_SECONDS: Final = 300.0
AGAIN_SECONDS: Final = 60.0
NOT_CHECKED: Final = "not checked yet"


class Readiness:
    """Checks each backend, remembers the results, and logs each change of one."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        *,
        check_seconds: float = CHECK_SECONDS,
        remembered_seconds: float = REMEMBERED_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backends = backends
        self._check_seconds = check_seconds
        self._remembered_seconds = remembered_seconds
        self._again_seconds = again_seconds
        self._monotonic = monotonic
        self._results: dict[str, BotError | None] = {}
        self._good_at: dict[str, float] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check(self, name: str) -> BotError | None:
        """Return why a start with this backend would fail now, None if nothing is known against it.

        An error that is `passing` means that the check itself failed. Never raises.
        """
        async with self._locks[name]:
            good_at = self._good_at.get(name)
            if good_at is None or self._monotonic() - good_at >= self._remembered_seconds:
                self._write(name, await self._ask(name))
            return self._results[name]

    def problem(self, name: str) -> BotError | None:
        """Return what the last check of this backend found, None also if there was none yet. Does not wait."""
        return self._results.get(name)

    def problems(self) -> Sequence[str]:
        """Return a sentence for each backend that cannot start a tuning, as far as it is known. Does not wait."""
        known = {name: self._results.get(name, NOT_CHECKED) for name in self._backends}
        return [
            f"{self._backends[name].profile.title}: {found}" for name, found in known.items() if found is not None
        ]

    async def watch(self) -> None:
        """Check every backend now and then, until this is cancelled."""
        while True:
            found = await asyncio.gather(*(self.check(name) for name in self._backends))
            failed = any(error is not None for error in found)
            await asyncio.sleep(self._again_seconds if failed else self._remembered_seconds)

    async def _ask(self, name: str) -> BotError | None:
        try:
            async with asyncio.timeout(self._check_seconds):
                await self._backends[name].check_start()
        except BotError as error:
            return error
        except TimeoutError:
            return GoogleUnavailable("Google did not answer in time.", "Try again in a few minutes.")
        except Exception:
            # A fault in the check of one backend must not end the watch over all of them, nor say "ready".
            logger.exception("the check of %s failed unexpectedly", name)
            return GoogleUnavailable(
                "Google's answer could not be read.", "An administrator finds the reason in the log."
            )
        return None

    def _write(self, name: str, found: BotError | None) -> None:
        known = name in self._results
        if not known or str(self._results[name]) != str(found):
            if found is None:
                logger.info("readiness.ready backend=%s", name)
            else:
                logger.warning("readiness.problem backend=%s: %s", name, found)
        self._results[name] = found
        if found is None:
            self._good_at[name] = self._monotonic()
        else:
            self._good_at.pop(name, None)

"""Runs the checks of the installation, and keeps the newest results for the log and `/readyz`.

The groups of checks run at the same time, the checks of one group one after the other, in their order.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import fill
from typing import Final

from bot.domain.certificates import is_untrusted
from bot.errors import BotError
from bot.ports.diagnosis import Check, Diagnosis, Mark, failed, unknown
from bot.runtime.logs import log_event

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 20.0
# The first moments of a process belong to the work that the last one left.
FIRST_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 3_600.0
# What was not good is checked again so long after its last check, if somebody reads it.
SOON_SECONDS: Final = 60.0
SIGNS: Final = {Mark.GOOD: "ok  ", Mark.LIMITED: "note", Mark.UNKNOWN: "?   ", Mark.FAILED: "FAIL"}
_WIDEST: Final = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the doctor's table."""

    name: str
    title: str
    mark: Mark
    fact: str
    fix: str = ""


async def run_checks(checks: Sequence[Check], check_seconds: float = CHECK_SECONDS) -> list[Row]:
    """Run every check and return a row for each, in their order. Never raises."""
    groups = [list(group) for _, group in groupby(checks, lambda check: check.name.partition(".")[0])]
    found = await asyncio.gather(*(_run_group(group, check_seconds) for group in groups))
    return [row for rows in found for row in rows]


async def _run_group(checks: Sequence[Check], check_seconds: float) -> list[Row]:
    rows: dict[str, Row] = {}
    for check in checks:
        before = rows.get(check.needs)
        if before is not None and before.mark in (Mark.FAILED, Mark.UNKNOWN):
            found = unknown(f"Not checked, because “{before.title}” comes first.")
        else:
            found = await _run(check, check_seconds)
        rows[check.name] = Row(check.name, check.title, found.mark, found.fact, found.fix)
    return list(rows.values())


async def _run(check: Check, check_seconds: float) -> Diagnosis:
    try:
        async with asyncio.timeout(check_seconds):
            return await check.run()
    except BotError as error:
        passes = error.passing and not is_untrusted(error)
        return (unknown if passes else failed)(error.message, error.hint)
    except TimeoutError:
        return unknown(f"No answer within {check_seconds:.0f} seconds.", "Try again; then check the network.")
    except OSError as error:
        # ssl.SSLError is one, for certificates that cannot be read.
        return unknown(f"This machine did not let the check run: {type(error).__name__}.", "See “Certificates”.")
    except Exception as error:
        logger.exception("the check %s failed unexpectedly", check.name)
        return unknown(f"The check itself failed: {type(error).__name__}.", "The log has the details.")


def table_text(rows: Sequence[Row], width: int = 0) -> str:
    """Return the rows as a table for a terminal: a mark, what was checked, the fact, and below it the fix."""
    widest = max((len(row.title) for row in rows), default=0)
    indent = " " * (len(SIGNS[Mark.GOOD]) + widest + 4)
    columns = min(width or shutil.get_terminal_size((100, 24)).columns, _WIDEST)
    lines: list[str] = []
    for row in rows:
        head = f"{SIGNS[row.mark]}  {row.title:<{widest}}  "
        lines.append(_wrapped(head, row.fact, indent, columns))
        # A command must be copied as it is, so a fix is never wrapped.
        lines += [f"{indent}{'     ' if n else 'fix: '}{part}" for n, part in enumerate(row.fix.splitlines())]
    return "\n".join(lines)


def _wrapped(head: str, text: str, indent: str, columns: int) -> str:
    return fill(
        text,
        max(columns, len(indent) + 40),
        initial_indent=head,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


class Doctor:
    """Runs the checks now and then, logs what is not good once, and knows the newest results.

    Who reads the results has what is not good among them checked again, so that a repaired fault is soon gone.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        check_seconds: float = CHECK_SECONDS,
        first_seconds: float = FIRST_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
        soon_seconds: float = SOON_SECONDS,
    ) -> None:
        self._checks = checks
        self._check_seconds = check_seconds
        self._first_seconds = first_seconds
        self._again_seconds = again_seconds
        self._soon_seconds = soon_seconds
        self._rows: dict[str, Row] = {}
        self._read = asyncio.Event()  # somebody has read a result that is not good

    def limits(self) -> list[str]:
        """Return a sentence for each check that is limited or failed, as far as is known. Does not wait."""
        found = [row for row in self._rows.values() if row.mark in (Mark.LIMITED, Mark.FAILED)]
        self._note_read(found)
        return [f"{row.title}: {row.fact}" for row in found]

    def failures(self, names: Collection[str]) -> list[str]:
        """Return what failed of the checks of these names, as far as is known. Does not wait."""
        found = [row for row in self._rows.values() if row.name in names and row.mark is Mark.FAILED]
        self._note_read(found)
        return [row.fact for row in found]

    async def watch(self) -> None:
        """Run the checks soon and then now and then, until this is cancelled."""
        await asyncio.sleep(self._first_seconds)
        while True:
            await self.examine()
            ended = time.monotonic()
            whole_at = ended + self._again_seconds
            while await self._is_read_before(whole_at):
                await asyncio.sleep(ended + self._soon_seconds - time.monotonic())
                self._read.clear()
                await self._examine([check for check in self._checks if not self._is_good(check)])
                ended = time.monotonic()

    async def examine(self) -> None:
        """Run all checks once and log each result that changed. Never raises."""
        await self._examine(self._checks)

    async def _examine(self, checks: Sequence[Check]) -> None:
        for row in await run_checks(checks, self._check_seconds):
            before = self._rows.get(row.name)
            self._rows[row.name] = row
            if before == row or (before is None and row.mark is Mark.GOOD):
                continue
            level = logging.WARNING if row.mark in (Mark.LIMITED, Mark.FAILED) else logging.INFO
            log_event(logger, f"doctor.{row.mark.value}", level, check=row.name, fact=row.fact, fix=row.fix)

    def _note_read(self, found: Sequence[Row]) -> None:
        if found:
            self._read.set()

    def _is_good(self, check: Check) -> bool:
        row = self._rows.get(check.name)
        return row is not None and row.mark is Mark.GOOD

    async def _is_read_before(self, moment: float) -> bool:
        """Wait until somebody reads a result that is not good; return False if nobody did before this moment."""
        left = moment - time.monotonic()
        if left <= 0:
            return False
        try:
            async with asyncio.timeout(left):
                return await self._read.wait()
        except TimeoutError:
            return False

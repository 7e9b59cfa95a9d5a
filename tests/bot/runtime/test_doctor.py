"""Checks run in their order, a fault stops only those that need it, and the bot's log says each change once."""

import asyncio
import logging

import pytest

from bot.errors import GoogleUnavailable, PermissionDenied
from bot.ports.diagnosis import Check, Diagnosis, Mark, good, limited
from bot.runtime.doctor import Doctor, run_checks, table_text
from bot.runtime.logs import RedactingFormatter


class Part:
    """A part of an installation that a test breaks and repairs."""

    def __init__(self, found: Diagnosis | Exception) -> None:
        self.found = found
        self.asked = 0

    async def run(self) -> Diagnosis:
        self.asked += 1
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


async def test_what_needs_a_failed_check_is_not_run() -> None:
    first, second, third = Part(PermissionDenied("No.", "Ask.")), Part(good("Fine.")), Part(good("Fine."))
    rows = await run_checks(
        [
            Check("a.first", "First", first.run),
            Check("a.second", "Second", second.run, needs="a.first"),
            Check("b.third", "Third", third.run),
        ]
    )
    assert [row.mark for row in rows] == [Mark.FAILED, Mark.UNKNOWN, Mark.GOOD]
    assert (rows[0].fact, rows[0].fix) == ("No.", "Ask.")
    assert (second.asked, third.asked) == (0, 1)


async def test_what_passes_by_itself_and_what_does_not_answer_are_unknown_and_not_failed() -> None:
    async def hang() -> Diagnosis:
        await asyncio.Event().wait()
        raise AssertionError

    rows = await run_checks(
        [
            Check("a.away", "Away", Part(GoogleUnavailable("Google is away.")).run),
            Check("b.hangs", "Hangs", hang),
            Check("c.broken", "Broken", Part(ValueError("a private text")).run),
        ],
        check_seconds=0.01,
    )
    assert [row.mark for row in rows] == [Mark.UNKNOWN] * 3
    assert "private" not in str(rows)


async def test_the_log_says_each_change_once_and_limits_are_known(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="bot.runtime.doctor")
    part = Part(limited("No token here.", "Mend it."))
    doctor = Doctor([Check("google.credentials", "Part", part.run)])
    await doctor.examine()
    await doctor.examine()
    assert doctor.limits() == ["Part: No token here."]
    assert doctor.failures({"google.credentials"}) == [], "it works in part"
    part.found = good("Whole.")
    await doctor.examine()
    assert doctor.limits() == []
    log = RedactingFormatter([])
    said = [log.format(record).partition("bot.runtime.doctor: ")[2] for record in caplog.records]
    assert said == [
        'doctor.limited check=google.credentials fact="No token here." fix="Mend it."',
        'doctor.good check=google.credentials fact=Whole. fix=""',
    ]


async def test_the_table_wraps_facts_and_never_commands() -> None:
    command = "gcloud " + "word " * 40
    rows = await run_checks([Check("a.part", "Part", Part(limited("fact " * 30, f"{command}\nthen this")).run)])
    lines = table_text(rows, width=60).splitlines()
    assert lines[0].startswith("note  Part  fact fact")
    assert max(len(line) for line in lines if "gcloud" not in line) <= 60
    assert [line.strip() for line in lines[-2:]] == [f"fix: {command}".strip(), "then this"]

"""Checks run in their order, a fault stops only those that need it, and the bot's log says each change once."""

import asyncio
import logging

import pytest

from bot.errors import GoogleUnavailable, PermissionDenied
from bot.ports.diagnosis import Check, Diagnosis, Mark, good, limited
from bot.runtime.doctor import Doctor, run_checks, table_text
from bot.runtime.logs import RedactingFormatter
from tests.support.waiting import holds, wait_until


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


async def test_a_repaired_fault_is_soon_gone_for_who_reads_the_results_and_good_checks_are_not_run_again() -> None:
    broken, whole = Part(PermissionDenied("No.", "Ask.")), Part(good("Fine."))
    doctor = Doctor(
        [Check("a.broken", "Broken", broken.run), Check("b.whole", "Whole", whole.run)],
        first_seconds=0,
        soon_seconds=0.02,
    )
    watch = asyncio.create_task(doctor.watch())
    try:
        await wait_until(lambda: broken.asked == 1)
        await holds(lambda: broken.asked == 1, 0.1, "nobody reads, so nothing is checked again: that")
        broken.found = good("Mended.")
        await wait_until(lambda: doctor.failures({"a.broken"}) == [])
        assert doctor.limits() == []
        assert (broken.asked, whole.asked) == (2, 1)
    finally:
        watch.cancel()


async def test_a_fault_is_checked_no_more_often_however_often_it_is_read() -> None:
    broken = Part(PermissionDenied("No.", "Ask."))
    doctor = Doctor([Check("a.broken", "Broken", broken.run)], first_seconds=0, soon_seconds=3_600.0)
    watch = asyncio.create_task(doctor.watch())
    try:
        await wait_until(lambda: doctor.failures({"a.broken"}))
        await holds(lambda: doctor.limits() and broken.asked == 1, 0.1, "within the time, one check: that")
    finally:
        watch.cancel()


async def test_all_checks_run_in_their_turn_also_while_a_fault_is_read_all_the_time() -> None:
    broken, whole = Part(PermissionDenied("No.", "Ask.")), Part(good("Fine."))
    doctor = Doctor(
        [Check("a.broken", "Broken", broken.run), Check("b.whole", "Whole", whole.run)],
        first_seconds=0,
        soon_seconds=0,
        again_seconds=0.02,
    )
    watch = asyncio.create_task(doctor.watch())
    try:
        await wait_until(lambda: doctor.limits() and whole.asked == 3)
        assert broken.asked > whole.asked
    finally:
        watch.cancel()

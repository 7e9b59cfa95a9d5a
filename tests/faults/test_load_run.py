"""The ledger balances after a short run with faults, and a ledger that does not balance says so."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.slack import Message
from tests.faults.ledger import Ledger, Row
from tests.faults.load_run import open_load_run

pytestmark = pytest.mark.long

# The long run's jump back of half an hour makes jobs old, which are looked at once a minute.
SHORT_JUMPS = (-5, 5, 1800)
FORGOTTEN: dict[str, Any] = {"forgotten": frozenset({"load-1"}), "lost_keys": frozenset({"k"})}


async def test_after_faults_every_start_is_one_row_job_card_and_end_and_cancelled_as_told(
    tmp_path: Path,
) -> None:
    async with open_load_run(7, tmp_path, people=4, jumps=SHORT_JUMPS) as place:
        ledger = await place.run(12, print)
    print(ledger, place.bystanders, place.spenders, dict(place.faults.counts), sep="\n")
    assert ledger.wrong() == []
    # A backup that is put back may forget a start that nothing was paid for.
    rows = [row for row in ledger.rows if row.name.startswith("load-")]
    assert 12 - len(ledger.forgotten) <= len(rows) <= 12
    # One that a backup forgot, or that Google refused, is not cancelled.
    assert any(row.cancelled_by for row in ledger.rows)
    assert all(place.faults.counts.values())
    assert place.bystanders is not None
    assert place.bystanders.said_by_robot
    assert place.bystanders.attacks
    assert place.bystanders.trespasses
    assert ledger.approved
    assert place.spenders is not None
    assert place.spenders.accepted
    assert place.spenders.refused
    assert place.spenders.looks


def card(state: str = "done", ts: str = "1.1") -> Message:
    return Message("C1", ts, "UBOT", f"Tuning load-1 (a on b): {state}.")


def end(thread: str = "1.1") -> Message:
    return Message("C1", "2.2", "UBOT", "load-1 is ready", thread_ts=thread)


def ledger(row: Row | None = None, **changes: object) -> Ledger:
    """Of one job that is as it should be, but for the changes."""
    row = row or Row("k", "load-1", "succeeded", "operations/1", "1.1")
    sound: dict[str, object] = {
        "rows": [row],
        "pending": 0,
        "undeliverable": 0,
        "at_google": {"k": ["succeeded"]},
        "cards": {"k": [card()]},
        "ends": {"k": [end()]},
        "others": 0,
        "submitted": ["load-1"],
    }
    return Ledger(**{**sound, **changes})  # type: ignore[arg-type]


def cancelled(state: str = "cancelled", by: str = "U1", **changes: object) -> Ledger:
    """Of one job whose cancellation U1 read about."""
    row = Row("k", "load-1", state, "operations/1", "1.1", by)
    shown: dict[str, object] = {
        "at_google": {"k": ["cancelled"]},
        "cards": {"k": [card("cancelled")]},
        "cancelled": {"load-1": "U1"},
        "audited": Counter("k"),
    }
    return ledger(row, **{**shown, **changes})


def test_a_sound_ledger_balances() -> None:
    assert ledger().wrong() == []
    assert ledger(**FORGOTTEN, rows=[], at_google={}).wrong() == []
    failed = Row("k", "load-1", "failed", "", "1.1")
    assert ledger(failed, at_google={}, cards={"k": [card("failed")]}).wrong() == []
    assert cancelled().wrong() == []
    late = Row("k", "load-1", "succeeded", "operations/1", "1.1", "U1")
    assert ledger(late, cancelled={"load-1": "U1"}, audited=Counter("k")).wrong() == []
    asked = Row("k", "load-1", "succeeded", "operations/1", "1.1", owner="UNEW")
    assert ledger(asked, need_approval={"UNEW"}, approved=Counter("k")).wrong() == []
    assert ledger(asked, need_approval={"UNEW"}, restored={"load-1"}).wrong() == []


def test_what_is_twice_missing_or_without_an_owner_is_reported() -> None:
    running = Row("k", "load-1", "running", "operations/1", "1.1")
    never = Row("k", "load-1", "failed", "", "1.1")
    asked = Row("k", "load-1", "succeeded", "operations/1", "1.1", owner="UNEW")
    for unsound in (
        ledger(asked, powerless="UNEW"),
        ledger(asked, need_approval={"UNEW"}),
        ledger(asked, need_approval={"UNEW"}, approved=Counter("kk")),
        ledger(at_google={"k": ["succeeded", "running"]}),
        ledger(at_google={"k": ["failed"]}),
        ledger(at_google={}),
        ledger(at_google={"k": ["succeeded"], "other": ["running"]}),
        ledger(running, at_google={"k": ["running"]}),
        ledger(never, cards={"k": [card("failed")]}),
        ledger(cards={}),
        ledger(cards={"k": [card(), card(ts="1.2")]}),
        ledger(cards={"k": [card("running")]}),
        ledger(cards={"k": [card(ts="1.2")]}),
        ledger(ends={}),
        ledger(ends={"k": [end(), end()]}),
        ledger(ends={"k": [end("1.2")]}),
        ledger(ends={"k": [end()], "other": [end()]}),
        ledger(pending=1),
        ledger(undeliverable=1),
        ledger(others=1),
        ledger(questions=1),
        ledger(disturbed=["a bot was answered"]),
        # A backup that was put back excuses only a job that Google does not have.
        ledger(**FORGOTTEN, at_google={}),
        ledger(**FORGOTTEN, at_google={"k": ["succeeded", "succeeded"]}),
        ledger(**FORGOTTEN, rows=[]),
        ledger(**FORGOTTEN, ends={"k": [end(), end()]}),
        ledger(running, **FORGOTTEN, at_google={"k": ["running"]}),
        ledger(submitted=[]),
        ledger(submitted=["load-1", "load-2"]),
        ledger(rows=[]),
        cancelled(by=""),
        cancelled(by="U2"),
        cancelled("running", at_google={"k": ["running"]}),
        cancelled("cancelled", at_google={"k": ["running"]}),
        cancelled(audited=Counter()),
        cancelled(audited=Counter("kk")),
        cancelled(by="", cancelled={}),
        cancelled(cancelled={"load-1": "U1", "load-2": "U1"}),
    ):
        assert unsound.wrong(), unsound

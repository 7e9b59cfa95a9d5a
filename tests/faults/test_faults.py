"""The books balance after a short storm, and books that do not balance are told."""

from collections import Counter
from pathlib import Path

import pytest

from bot.sandbox.slack import Message
from tests.faults.books import Books, Row
from tests.faults.town import town

pytestmark = pytest.mark.long

# The long run's jump back of half an hour makes jobs old, which are looked at once a minute.
SHORT_JUMPS = (-5, 5, 1800)


async def test_after_a_storm_every_start_is_one_row_job_card_and_end_and_cancelled_as_told(
    tmp_path: Path,
) -> None:
    async with town(7, tmp_path, people=4, jumps=SHORT_JUMPS) as place:
        books = await place.storm(12, print)
    print(books, dict(place.weather.felt), sep="\n")
    assert books.wrong() == []
    assert len(books.rows) == 12
    assert len(books.cancelled) >= 2
    assert place.weather.felt.keys() >= {"kill -9", "SIGTERM", "Slack away", "delivered twice"}


def card(state: str = "done", ts: str = "1.1") -> Message:
    return Message("C1", ts, "UBOT", f"Tuning storm-1 (a on b): {state}.")


def end(thread: str = "1.1") -> Message:
    return Message("C1", "2.2", "UBOT", "storm-1 is ready", thread_ts=thread)


def books(row: Row | None = None, **changes: object) -> Books:
    """Of one job that is as it should be, but for the changes."""
    row = row or Row("k", "storm-1", "succeeded", "operations/1", "1.1")
    sound: dict[str, object] = {
        "rows": [row],
        "pending": 0,
        "undeliverable": 0,
        "at_google": {"k": ["succeeded"]},
        "cards": {"k": [card()]},
        "ends": {"k": [end()]},
        "others": 0,
        "submitted": ["storm-1"],
    }
    return Books(**{**sound, **changes})  # type: ignore[arg-type]


def cancelled(state: str = "cancelled", by: str = "U1", **changes: object) -> Books:
    """Of one job whose cancellation U1 was told of."""
    row = Row("k", "storm-1", state, "operations/1", "1.1", by)
    told: dict[str, object] = {
        "at_google": {"k": ["cancelled"]},
        "cards": {"k": [card("cancelled")]},
        "cancelled": {"storm-1": "U1"},
        "audited": Counter("k"),
    }
    return books(row, **{**told, **changes})


def test_sound_books_balance() -> None:
    assert books().wrong() == []
    failed = Row("k", "storm-1", "failed", "", "1.1")
    assert books(failed, at_google={}, cards={"k": [card("failed")]}).wrong() == []
    assert cancelled().wrong() == []
    late = Row("k", "storm-1", "succeeded", "operations/1", "1.1", "U1")
    assert books(late, cancelled={"storm-1": "U1"}, audited=Counter("k")).wrong() == []


def test_whatever_is_twice_missing_or_of_nobody_is_told() -> None:
    running = Row("k", "storm-1", "running", "operations/1", "1.1")
    never = Row("k", "storm-1", "failed", "", "1.1")
    for unsound in (
        books(at_google={"k": ["succeeded", "running"]}),
        books(at_google={"k": ["failed"]}),
        books(at_google={}),
        books(at_google={"k": ["succeeded"], "other": ["running"]}),
        books(running, at_google={"k": ["running"]}),
        books(never, cards={"k": [card("failed")]}),
        books(cards={}),
        books(cards={"k": [card(), card(ts="1.2")]}),
        books(cards={"k": [card("running")]}),
        books(cards={"k": [card(ts="1.2")]}),
        books(ends={}),
        books(ends={"k": [end(), end()]}),
        books(ends={"k": [end("1.2")]}),
        books(ends={"k": [end()], "other": [end()]}),
        books(pending=1),
        books(undeliverable=1),
        books(others=1),
        books(submitted=[]),
        books(submitted=["storm-1", "storm-2"]),
        books(rows=[]),
        cancelled(by=""),
        cancelled(by="U2"),
        cancelled("running", at_google={"k": ["running"]}),
        cancelled("cancelled", at_google={"k": ["running"]}),
        cancelled(audited=Counter()),
        cancelled(audited=Counter("kk")),
        cancelled(by="", cancelled={}),
        cancelled(cancelled={"storm-1": "U1", "storm-2": "U1"}),
    ):
        assert unsound.wrong(), unsound

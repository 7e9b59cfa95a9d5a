"""Reads the queue of the bot: which jobs wait until Google may be asked to run them, and in which order.

Google's quota is one of the project, so the queue of a backend holds the jobs of all workspaces. Each function
runs inside a transaction of its caller.
"""

from typing import Final

from sqlite_utils import Database as Connection

from bot.domain.jobs import TuningJob
from bot.ports.notifier import NoticeKind
from storage.codecs import micros
from storage.outbox import add_notices_of

# How many cards show their new place after each start. Slack takes about 50 edits a minute.
SHOWN_PLACES: Final = 10

_RUN: Final = "FROM jobs WHERE backend = ? AND state IN ('submitting', 'queued', 'running')"
_RUNNING: Final = f"SELECT COUNT(*) {_RUN}"
_WAITING: Final = "SELECT COUNT(*) FROM jobs WHERE backend = ? AND state = 'waiting'"
_AHEAD: Final = """
SELECT COUNT(*) FROM jobs WHERE backend = ? AND state = 'waiting'
  AND (waits_since, rowid) < (?, (SELECT rowid FROM jobs WHERE key = ?))
"""
_NEXT: Final = "FROM jobs WHERE backend = ? AND state = 'waiting' ORDER BY waits_since, rowid LIMIT ?"


def read_counts(connection: Connection, backend: str) -> tuple[int, int]:
    """Return how many jobs of the backend run or are being sent, and how many wait."""
    return _count(connection, _RUNNING, backend), _count(connection, _WAITING, backend)


def next_keys(connection: Connection, backend: str, at_once: int, most: int) -> list[str]:
    """Return the keys of the jobs that have waited longest, at most as many as may run now."""
    free = max(0, at_once - _count(connection, _RUNNING, backend)) if at_once else most
    return [row["key"] for row in connection.query(f"SELECT key {_NEXT}", [backend, min(most, free)])]


def running_keys(connection: Connection, backend: str) -> list[str]:
    """Return the keys of the backend's jobs that run or are being sent."""
    return [row["key"] for row in connection.query(f"SELECT key {_RUN} ORDER BY created_at, rowid", [backend])]


def count_ahead(connection: Connection, job: TuningJob) -> int:
    """Return how many jobs of the backend have waited longer than this one."""
    if job.waits_since is None:
        return 0
    return int(connection.execute(_AHEAD, [job.backend, micros(job.waits_since), job.key]).fetchone()[0])


def tell_places(connection: Connection, backend: str) -> None:
    """Add the notices that show the new places on the cards of the first jobs that wait."""
    for row in list(connection.query(f"SELECT team, key {_NEXT}", [backend, SHOWN_PLACES])):
        add_notices_of(connection, row["team"], row["key"], [NoticeKind.CARD])


def _count(connection: Connection, query: str, backend: str) -> int:
    return int(connection.execute(query, [backend]).fetchone()[0])

"""Adds notices about jobs to the outbox, in the transaction that writes the state that they show.

A job has at most one pending notice of a kind. While one is pending, further news join it and raise its version.

Each pending notice has a priority; a lower number is sent sooner. It follows from the notice and its job, and is
written again whenever one of the two changes, so that an index finds the next notice however many wait.
"""

from collections.abc import Iterable
from typing import Final

from sqlite_utils import Database as Connection

from bot.domain.jobs import TuningJob
from bot.ports.notifier import NoticeKind

# A reply belongs into the thread of its job's card, so it waits while the first card is pending. Notices of jobs
# that have ended come before those of open jobs.
_SET_PRIORITIES: Final = """
UPDATE outbox SET channel = CASE
    WHEN kind = 'old_card' OR old_card <> '' THEN old_channel
    WHEN target <> '' THEN target
    ELSE jobs.channel
  END, priority = CASE
    WHEN kind = 'approval' THEN CASE old_card WHEN '' THEN 0 ELSE 2 END
    WHEN kind IN ('model_deleted', 'model_unshared') THEN 0
    WHEN kind = 'old_card' THEN 4
    WHEN kind <> 'card' AND jobs.card = '' AND EXISTS (
      SELECT 1 FROM outbox AS first
      WHERE first.job = jobs.key AND first.kind = 'card' AND first.state = 'pending'
    ) THEN 9
    WHEN kind <> 'card' THEN 0
    WHEN jobs.state IN ('awaiting approval', 'waiting', 'submitting', 'queued', 'running')
      THEN CASE jobs.card WHEN '' THEN 1 ELSE 3 END
    ELSE CASE jobs.card WHEN '' THEN 0 ELSE 2 END
  END
FROM jobs WHERE outbox.job = ? AND outbox.state = 'pending' AND jobs.key = outbox.job
"""
_ADD: Final = """
INSERT INTO outbox (team, job, kind, since)
VALUES (?, ?, ?, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
ON CONFLICT (job, kind, target) WHERE state = 'pending' DO UPDATE SET version = version + 1
"""
_ADD_ONCE: Final = """
INSERT INTO outbox (team, job, kind, since)
SELECT ?1, ?2, ?3, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE job = ?2 AND kind = ?3)
"""
# A notice in each channel that chose the job's model; it has the channel as its target.
_ADD_IN_CHANNELS: Final = """
INSERT INTO outbox (team, job, kind, target, since)
SELECT ?1, ?2, 'model_deleted', channel, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
FROM channel_models WHERE team = ?1 AND backend = ?3 AND endpoint = ?4
ON CONFLICT (job, kind, target) WHERE state = 'pending' DO NOTHING
"""
_UNBIND: Final = """
DELETE FROM channel_models WHERE team = ? AND channel = ? AND backend = ? AND endpoint = ?
"""
_ADD_UNSHARED: Final = """
INSERT INTO outbox (team, job, kind, target, since)
VALUES (?, ?, 'model_unshared', ?, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
ON CONFLICT (job, kind, target) WHERE state = 'pending' DO NOTHING
"""
# An approver has one message for each job, which is updated: its notice becomes pending again.
_UPDATE_APPROVAL: Final = """
UPDATE outbox SET
  version = version + 1, due_at = CASE state WHEN 'pending' THEN due_at ELSE 0 END, state = 'pending'
WHERE job = ? AND kind = 'approval' AND target = ? AND state <> 'undeliverable'
"""
_ADD_APPROVAL: Final = """
INSERT INTO outbox (team, job, kind, target, since)
SELECT ?1, ?2, 'approval', ?3, CAST(strftime('%s', 'now') AS INTEGER) * 1000000
WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE job = ?2 AND kind = 'approval' AND target = ?3)
"""
_UPDATE_OLD_CARD_AGAIN: Final = """
UPDATE OR IGNORE outbox SET state = 'pending', due_at = 0 WHERE job = ? AND kind = 'old_card' AND state = 'sent'
"""
_NOT_PLAIN: Final = (NoticeKind.APPROVAL, NoticeKind.MODEL_DELETED, NoticeKind.MISSING)


def add_notices(connection: Connection, job: TuningJob, kinds: Iterable[NoticeKind]) -> None:
    """Add these notices of a job, in the transaction that writes the state that they show."""
    listed = list(kinds)
    if NoticeKind.APPROVAL in listed and job.approval is not None:
        for target in job.approval.targets:
            if not connection.execute(_UPDATE_APPROVAL, [job.key, target]).rowcount:
                connection.execute(_ADD_APPROVAL, [job.place.team, job.key, target])
    if NoticeKind.MODEL_DELETED in listed:
        connection.execute(_ADD_IN_CHANNELS, [job.place.team, job.key, job.backend, job.endpoint])
    if NoticeKind.MISSING in listed:
        connection.execute(_ADD_ONCE, [job.place.team, job.key, NoticeKind.MISSING.value])
    others = [kind for kind in listed if kind not in _NOT_PLAIN]
    add_notices_of(connection, job.place.team, job.key, others)


def close_channels(connection: Connection, job: TuningJob, channels: Iterable[str]) -> None:
    """Let the job's model answer no longer in these channels, and tell those that had chosen it."""
    for channel in channels:
        model = [job.place.team, channel, job.backend, job.endpoint]
        if job.endpoint and connection.execute(_UNBIND, model).rowcount:
            connection.execute(_ADD_UNSHARED, [job.place.team, job.key, channel])
    set_priorities(connection, job.key)


def add_notices_of(connection: Connection, team: str, key: str, kinds: Iterable[NoticeKind]) -> None:
    """Add these notices of the job with this key, whose row need not be decoded for that."""
    for kind in kinds:
        add_notice(connection, team, key, kind)
    connection.execute(_UPDATE_OLD_CARD_AGAIN, [key])
    set_priorities(connection, key)


def add_notice(connection: Connection, team: str, key: str, kind: NoticeKind) -> None:
    """Add one notice, or let the news join the pending one of its kind; the caller sets the priorities."""
    connection.execute(_ADD, [team, key, kind.value])


def set_priorities(connection: Connection, job: str) -> None:
    """Set the priorities of the pending notices of a job."""
    connection.execute(_SET_PRIORITIES, [job])

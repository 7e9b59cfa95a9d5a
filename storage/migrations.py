"""Every step of the schema, in order, and what it was for. Append only: a step that was released never changes.

Times are integers, microseconds since 1970 in UTC: they compare and index as numbers, lose nothing of a datetime,
and cannot differ in zone or spelling as text can. Every row of a workspace carries its `team`, also where
another table could tell it, so that a workspace's data can be found, and removed, without a join.
"""

from dataclasses import dataclass

from sqlite_utils import Database, Migrations

migrations = Migrations("tunebot")


@dataclass(frozen=True, slots=True)
class Schema:
    """What a file holds: our steps applied to it, by name, those it still lacks, and those we do not know."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    foreign: bool

    @property
    def number(self) -> int:
        return len(self.applied)


def read_schema(db: Database) -> Schema:
    """`foreign` means that the file holds tables and none of them came from here."""
    with Database(memory=True, execute_plugins=False) as empty:
        known = [step.name for step in migrations.pending(empty)]
    applied = tuple(step.name for step in migrations.applied(db))
    return Schema(
        applied=applied,
        pending=tuple(name for name in known if name not in applied),
        unknown=tuple(name for name in applied if name not in known),
        foreign=not applied and bool(db.table_names()),
    )


def migrate(db: Database) -> None:
    """Apply what is pending; the caller's transaction, if it has one open, makes all of it one."""
    migrations.apply(db)


@migrations()
def m001_jobs(db: Database) -> None:
    """A proposal waits for a click; its job is written before Google is called; losses are upserted by step."""
    db.table("proposals").create(
        {
            "team": str,
            "id": str,
            "channel": str,
            "thread": str,
            "owner": str,
            "spec": str,
            "created_at": int,
        },
        pk=("team", "id"),
        not_null=("team", "id", "channel", "thread", "owner", "spec", "created_at"),
    )
    db.table("jobs").create(
        {
            "key": str,
            "team": str,
            "channel": str,
            "thread": str,
            "owner": str,
            "name": str,
            "folded_name": str,
            "backend": str,
            "state": str,
            "created_at": int,
            "spec": str,
            "operation": str,
            "google_state": str,
            "tuned_model": str,
            "endpoint": str,
            "total_steps": int,
            "completed_steps": int,
            "epoch": int,
            "started_at": int,
            "ended_at": int,
            "checked_at": int,
            "failure": str,
            "data_stats": str,
            "cancelled_by": str,
            "deleted_by": str,
            "card": str,
        },
        pk="key",
        not_null=(
            *("key", "team", "channel", "thread", "owner", "name", "folded_name", "backend", "state"),
            *("created_at", "spec", "operation", "google_state", "tuned_model", "endpoint"),
            *("cancelled_by", "deleted_by", "card"),
        ),
    )
    jobs = db.table("jobs")
    jobs.create_index(["team", "folded_name", "created_at"], "jobs_by_name")
    jobs.create_index(["team", "created_at"], "jobs_by_age")
    jobs.create_index(["team", "owner", "created_at"], "jobs_by_owner")
    jobs.create_index(["team", "channel", "created_at"], "jobs_by_channel")
    # The poller asks for these in every round; ended jobs pile up and must not slow it down.
    db.execute("CREATE INDEX jobs_open ON jobs (created_at) WHERE state IN ('submitting', 'queued', 'running')")
    db.table("snapshots").create(
        {
            "team": str,
            "job": str,
            "step": int,
            "epoch": int,
            "mean_loss": float,
            "eval_loss": float,
            "computed_at": int,
        },
        pk=("job", "step"),
        # mean_loss may be NULL: it is how SQLite keeps the NaN of a tuning that diverged.
        not_null=("team", "job", "step", "epoch"),
        foreign_keys=[("job", "jobs", "key")],
    )


@migrations()
def m002_outbox(db: Database) -> None:
    """What Slack must still be told is written with the state it tells, so neither exists without the other."""
    db.table("outbox").create(
        {
            "id": int,
            "team": str,
            "job": str,
            "kind": str,
            "version": int,
            "attempts": int,
            "due_at": int,
            "state": str,
            "reason": str,
            "settled_at": int,
        },
        pk="id",
        not_null=("team", "job", "kind", "version", "attempts", "due_at", "state", "reason"),
        defaults={"version": 0, "attempts": 0, "due_at": 0, "state": "pending", "reason": ""},
        foreign_keys=[("job", "jobs", "key")],
    )
    db.execute("CREATE UNIQUE INDEX outbox_pending ON outbox (job, kind) WHERE state = 'pending'")
    db.execute("CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'pending'")
    db.table("outbox").create_index(["job", "kind"], "outbox_by_job")


@migrations()
def m003_conversations(db: Database) -> None:
    """A channel has one model that answers, a thread keeps its own model and what was said in it."""
    db.table("channel_models").create(
        {
            "team": str,
            "channel": str,
            "backend": str,
            "endpoint": str,
            "name": str,
            "bound_by": str,
            "bound_at": int,
        },
        pk=("team", "channel"),
        not_null=("team", "channel", "backend", "endpoint", "name", "bound_by", "bound_at"),
    )
    db.table("conversations").create(
        {
            "id": int,
            "team": str,
            "channel": str,
            "thread": str,
            "backend": str,
            "endpoint": str,
            "name": str,
            "created_at": int,
        },
        pk="id",
        not_null=("team", "channel", "thread", "backend", "endpoint", "name", "created_at"),
    )
    db.table("conversations").create_index(["team", "channel", "thread"], "conversations_by_place", unique=True)
    db.table("turns").create(
        {"id": int, "team": str, "conversation": int, "role": str, "text": str, "created_at": int},
        pk="id",
        not_null=("team", "conversation", "role", "text", "created_at"),
        foreign_keys=[("conversation", "conversations", "id")],
    )
    db.table("turns").create_index(["conversation", "id"], "turns_by_conversation")


@migrations()
def m004_journal(db: Database) -> None:
    """Slack delivers some events twice, so their keys are kept for a while; who did what is kept for good.

    `seen` has no team: the keys are Slack's event ids, unique across workspaces, and nobody reads them back.
    """
    db.table("seen").create({"key": str, "seen_at": int}, pk="key", not_null=("key", "seen_at"))
    db.table("seen").create_index(["seen_at"], "seen_by_age")
    db.table("audit").create(
        {"id": int, "team": str, "at": int, "user": str, "action": str, "subject": str},
        pk="id",
        not_null=("team", "at", "user", "action", "subject"),
    )
    db.table("audit").create_index(["team", "at"], "audit_by_age")


@migrations()
def m005_reports(db: Database) -> None:
    """A file that was checked once is known at once when it is used again; what was found is kept as text."""
    db.table("reports").create(
        {"team": str, "key": str, "report": str, "used_at": int},
        pk=("team", "key"),
        not_null=("team", "key", "report", "used_at"),
    )
    db.table("reports").create_index(["used_at"], "reports_by_use")


@migrations()
def m006_outbox_turns(db: Database) -> None:
    """Whose turn it is must be found without walking all that waits; a post that was begun must survive a crash.

    `turn` and `channel` follow from the notice and its job and are kept here for the index; `begun_*` says where
    and when a post was begun of which nobody knows yet whether Slack took it.
    """
    outbox = db.table("outbox")
    outbox.add_column("channel", str, not_null_default="")
    outbox.add_column("turn", int, not_null_default=0)
    outbox.add_column("begun_at", int)
    outbox.add_column("begun_channel", str, not_null_default="")
    outbox.add_column("begun_thread", str, not_null_default="")
    db.execute("DROP INDEX outbox_due")
    db.execute("CREATE INDEX outbox_turns ON outbox (channel, turn, id, due_at) WHERE state = 'pending'")
    # Written out: a released step may not change with today's rules.
    db.execute(
        """
        UPDATE outbox SET channel = jobs.channel, turn = CASE
            WHEN kind <> 'card' AND jobs.card = '' AND EXISTS (
              SELECT 1 FROM outbox AS card
              WHERE card.job = jobs.key AND card.kind = 'card' AND card.state = 'pending'
            ) THEN 9
            WHEN kind <> 'card' THEN 0
            WHEN jobs.card = '' THEN 1
            ELSE 3
          END
        FROM jobs WHERE jobs.key = outbox.job AND outbox.state = 'pending'
        """
    )


@migrations()
def m007_jobs_that_stand_still(db: Database) -> None:
    """A job that stands still is called stuck, once; why the last look failed is shown on its card.

    A notice remembers since when it waits, for whoever watches the bot.
    """
    jobs = db.table("jobs")
    jobs.add_column("moved_at", int)
    jobs.add_column("stuck_at", int)
    jobs.add_column("trouble", str, not_null_default="")
    # A job that runs while Tunebot is brought up to date has all of its deadline before it.
    db.execute("UPDATE jobs SET moved_at = coalesce(checked_at, created_at)")
    db.table("outbox").add_column("since", int)


@migrations()
def m008_jobs_counted(db: Database) -> None:
    """A list says how many jobs there are; counting thousands must not read each of them."""
    db.table("jobs").create_index(["team", "deleted_by", "state"], "jobs_counted")


@migrations()
def m009_errands(db: Database) -> None:
    """Whoever starts next goes on with the checks that people watch and tells of the repairs that were cut off."""
    db.table("errands").create(
        {
            "team": str,
            "view": str,
            "kind": str,
            "channel": str,
            "thread": str,
            "user": str,
            "request": str,
            "attempts": int,
            "begun_at": int,
        },
        pk=("team", "view"),
        not_null=("team", "view", "kind", "channel", "thread", "user", "request", "attempts", "begun_at"),
    )


@migrations()
def m010_questions(db: Database) -> None:
    """A question is on paper before Slack hears that it arrived, and its answer, which is paid for, before a post.

    A row lives until its question is settled. That its key was there is remembered in `seen`, as of any delivery.
    """
    db.table("questions").create(
        {
            "key": str,
            "team": str,
            "channel": str,
            "thread": str,
            "user": str,
            "text": str,
            "named": str,
            "model": str,
            "quoted": int,
            "asked_at": int,
            "reply": str,
            "posted": int,
            "next_channel": str,
            "next_thread": str,
            "begun_at": int,
            "begun_channel": str,
            "begun_thread": str,
        },
        pk="key",
        not_null=(
            *("key", "team", "channel", "thread", "user", "text", "named", "quoted", "asked_at", "posted"),
            *("next_channel", "next_thread", "begun_channel", "begun_thread"),
        ),
    )


@migrations()
def m011_pending_modals(db: Database) -> None:
    """The table of open modals gets the name that the code uses."""
    db.rename_table("errands", "pending_modals")

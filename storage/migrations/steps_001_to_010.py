"""Steps 1 to 10 of the schema. A step that was released never changes, so each is complete in itself."""

from sqlite_utils import Database

from storage.migrations.migration_set import migrations


@migrations()
def m001_jobs(db: Database) -> None:
    """Create the tables of proposals, of jobs, which are written before Google is called, and of their losses."""
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
    # The poller reads these in every poll; the growing number of ended jobs must not slow it down.
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
    """Create the table of notices, which are written in one transaction with the state that they show."""
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
    """Create the tables of channels' models, of threads with their own model, and of the turns in threads."""
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
    """Create the table of keys of handled deliveries, because Slack delivers some events twice, and the audit log.

    `seen` has no team: the keys are Slack's event ids, unique across workspaces, and the bot never lists them.
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
    """Create the table of dataset reports, so that a file that was checked before needs no second check."""
    db.table("reports").create(
        {"team": str, "key": str, "report": str, "used_at": int},
        pk=("team", "key"),
        not_null=("team", "key", "report", "used_at"),
    )
    db.table("reports").create_index(["used_at"], "reports_by_use")


@migrations()
def m006_outbox_turns(db: Database) -> None:
    """Let an index find the next notice, and store that a post was started, so that a crash does not lose it.

    `turn` and `channel` follow from the notice and its job and are stored for the index; `begun_*` says where and
    when a post was started while Slack's answer is not known.
    """
    outbox = db.table("outbox")
    outbox.add_column("channel", str, not_null_default="")
    outbox.add_column("turn", int, not_null_default=0)
    outbox.add_column("begun_at", int)
    outbox.add_column("begun_channel", str, not_null_default="")
    outbox.add_column("begun_thread", str, not_null_default="")
    db.execute("DROP INDEX outbox_due")
    db.execute("CREATE INDEX outbox_turns ON outbox (channel, turn, id, due_at) WHERE state = 'pending'")
    # The rules are written here and not imported, because a released step must not change with them.
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
    """Store when a job last progressed, when it was reported as stuck, and why its last poll failed.

    `since` of a notice says how long it has waited, for the health check.
    """
    jobs = db.table("jobs")
    jobs.add_column("moved_at", int)
    jobs.add_column("stuck_at", int)
    jobs.add_column("trouble", str, not_null_default="")
    # The deadline of a job that runs during the update starts at its last poll.
    db.execute("UPDATE jobs SET moved_at = coalesce(checked_at, created_at)")
    db.table("outbox").add_column("since", int)


@migrations()
def m008_jobs_counted(db: Database) -> None:
    """Let an index count a workspace's jobs, so that a list with thousands of jobs stays fast."""
    db.table("jobs").create_index(["team", "deleted_by", "state"], "jobs_counted")


@migrations()
def m009_errands(db: Database) -> None:
    """Create the table of open modals, so that the next process resumes their checks and reports their repairs."""
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
    """Create the table of questions, which are written before Slack's request is acknowledged.

    An answer, which costs money, is written before it is posted. A row is deleted when its question is settled;
    its key stays in `seen`, like the key of every delivery.
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

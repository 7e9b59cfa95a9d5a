"""Steps 21 to 30 of the schema. A step that was released never changes, so each is complete in itself."""

from sqlite_utils import Database

from storage.migrations.migration_set import migrations


@migrations()
def m021_start_queue(db: Database) -> None:
    """Store since when a job has waited in the bot for its turn at Google, and find jobs that wait there."""
    db.table("jobs").add_column("waits_since", int)
    db.execute("DROP INDEX jobs_open")
    db.execute(
        "CREATE INDEX jobs_open ON jobs (created_at) "
        "WHERE state IN ('awaiting approval', 'waiting', 'submitting', 'queued', 'running')"
    )
    db.execute("CREATE INDEX jobs_waiting ON jobs (backend, waits_since) WHERE state = 'waiting'")


@migrations()
def m022_answer_settings(db: Database) -> None:
    """Store how models answer in a channel, and what a question sets for itself."""
    db.table("channel_settings").create(
        {"team": str, "channel": str, "settings": str, "set_by": str, "set_at": int},
        pk=("team", "channel"),
        not_null={"settings", "set_by", "set_at"},
        strict=True,
    )
    db.table("questions").add_column("settings", str)


@migrations()
def m023_feedback(db: Database) -> None:
    """Create the tables of votes and corrections, of the answers that they are about, and of the switch."""
    switches = db.table("feedback_switches")
    switches.create(
        {"team": str, "is_on": int, "user": str, "at": int},
        pk="team",
        not_null={"is_on", "user", "at"},
        strict=True,
    )
    answers = db.table("rated_answers")
    texts = ("team", "channel", "thread", "user", "backend", "endpoint", "name", "turns", "settings", "text")
    answers.create(
        {"key": str, **dict.fromkeys(texts, str), "answered_at": int},
        pk="key",
        not_null={*texts, "answered_at"},
        strict=True,
    )
    answers.create_index(["answered_at"], "rated_answers_by_age")
    answers.create_index(["team", "backend", "endpoint"], "rated_answers_of_model")
    votes = db.table("votes")
    votes.create(
        {
            **dict.fromkeys(("answer", "user", "team", "vote", "question", "correction"), str),
            "voted_at": int,
            "corrected_at": int,
        },
        pk=("answer", "user"),
        not_null={"team", "vote", "voted_at", "question", "correction"},
        defaults={"question": "", "correction": ""},
        strict=True,
    )
    votes.create_index(["team", "user"], "votes_of_person")
    exports = db.table("feedback_exports")
    exports.create(
        {"team": str, "backend": str, "endpoint": str, "version": int, "sha256": str, "user": str, "at": int},
        pk=("team", "backend", "endpoint", "version"),
        not_null={"sha256", "user", "at"},
        strict=True,
    )


@migrations()
def m024_approvals(db: Database) -> None:
    """Store which approval a start needs, and let a notice of one job go to several people."""
    db.table("jobs").add_column("approval", str)
    db.table("outbox").add_column("target", str, not_null_default="")
    db.execute("DROP INDEX outbox_pending")
    db.execute("CREATE UNIQUE INDEX outbox_pending ON outbox (job, kind, target) WHERE state = 'pending'")


@migrations()
def m025_shared_jobs(db: Database) -> None:
    """Store with whom a job is shared, as a JSON list of ids, and who changed that last."""
    db.table("jobs").add_column("shared_with", str, not_null_default="[]")
    db.table("jobs").add_column("shared_by", str, not_null_default="")


@migrations()
def m026_live_answers(db: Database) -> None:
    """Store in which message an answer is shown while the model writes it."""
    questions = db.table("questions")
    questions.add_column("live_at", int)
    for column in ("live_channel", "live_thread", "live_ts"):
        questions.add_column(column, str, not_null_default="")


@migrations()
def m027_all_metrics(db: Database) -> None:
    """Store all six metrics that Google computes at a step, and what a job waits for."""
    snapshots = db.table("snapshots")
    for column in ("correct", "eval_correct"):
        snapshots.add_column(column, float)
    for column in ("predictions", "eval_predictions"):
        snapshots.add_column(column, int)
    db.table("jobs").add_column("waits_for", str, not_null_default="")


@migrations()
def m028_budgets(db: Database) -> None:
    """Create the table of budgets; an amount is text, so that it stays exact."""
    db.table("budgets").create(
        {"team": str, "subject": str, "purpose": str, "usd": str, "set_by": str, "set_at": int},
        pk=("team", "subject", "purpose"),
        not_null={"usd", "set_by", "set_at"},
        strict=True,
    )


@migrations()
def m029_threads(db: Database) -> None:
    """Store which question each turn belongs to, where the bot is quiet, and the questions to try again."""
    turns = db.table("turns")
    turns.add_column("question", str, not_null_default="")
    turns.create_index(["team", "question"], "turns_of_question")
    db.table("conversations").add_column("state", str, not_null_default="")
    failed = db.table("failed_questions")
    failed.create(
        {"key": str, "team": str, "question": str, "failed_at": int},
        pk="key",
        not_null={"team", "question", "failed_at"},
        strict=True,
    )
    failed.create_index(["failed_at"], "failed_questions_by_age")


@migrations()
def m030_retention(db: Database) -> None:
    """Store whose words a turn and a report are, to erase them when that person asks for it.

    Of older rows nobody knows whose they are; they are erased when they are old.
    """
    db.table("turns").add_column("user", str, not_null_default="")
    db.table("turns").create_index(["team", "user"], "turns_of_person")
    db.table("turns").create_index(["created_at"], "turns_by_age")
    db.table("reports").add_column("user", str, not_null_default="")

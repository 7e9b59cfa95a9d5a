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


def m022_answer_settings(db: Database) -> None:
    """Store how models answer in a channel, and what a question sets for itself."""
    db.table("channel_settings").create(
        {"team": str, "channel": str, "settings": str, "set_by": str, "set_at": int},
        pk=("team", "channel"),
        not_null={"settings", "set_by", "set_at"},
        strict=True,
    )
    db.table("questions").add_column("settings", str)

"""Steps 41 to 50 of the schema. A step that was released never changes, so each is complete in itself."""

from sqlite_utils import Database

from storage.migrations.migration_set import migrations


@migrations()
def m042_edited_and_deleted_questions(db: Database) -> None:
    """Store which edit of its message a question has, as Slack's `ts` of the event, and that it was deleted."""
    for table in ("questions", "failed_questions", "turns"):
        db.table(table).add_column("edited", str, not_null_default="")
    db.table("questions").add_column("withdrawn", int, not_null_default=0)

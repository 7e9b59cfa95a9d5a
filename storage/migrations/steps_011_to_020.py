"""Steps 11 to 20 of the schema. A step that was released never changes, so each is complete in itself."""

import secrets
import unicodedata

from sqlite_utils import Database

from storage.migrations.migration_set import migrations


@migrations()
def m011_pending_modals(db: Database) -> None:
    """Rename the table of open modals to the name that the code uses."""
    db.rename_table("errands", "pending_modals")


@migrations()
def m012_plain_names(db: Database) -> None:
    """Rename what the code calls handled deliveries, a notice's priority and a job's problem to these names."""
    db.rename_table("seen", "handled_deliveries")
    db.execute("ALTER TABLE handled_deliveries RENAME COLUMN seen_at TO handled_at")
    db.execute("DROP INDEX seen_by_age")
    db.table("handled_deliveries").create_index(["handled_at"], "handled_deliveries_by_age")
    db.execute("ALTER TABLE outbox RENAME COLUMN turn TO priority")
    db.execute("DROP INDEX outbox_turns")
    db.execute("CREATE INDEX outbox_by_priority ON outbox (channel, priority, id, due_at) WHERE state = 'pending'")
    db.execute("ALTER TABLE jobs RENAME COLUMN trouble TO problem")


@migrations()
def m013_prepared_by(db: Database) -> None:
    """Store whose report a job was started from, where another person pressed Start."""
    db.execute("ALTER TABLE jobs ADD COLUMN prepared_by TEXT NOT NULL DEFAULT ''")


@migrations()
def m014_refusals(db: Database) -> None:
    """Store how often and since when Slack has refused a message, and which card stayed in another channel."""
    for table in ("outbox", "questions"):
        db.table(table).add_column("refusals", int, not_null_default=0)
        db.table(table).add_column("first_refused_at", int)
    db.table("outbox").add_column("old_channel", str, not_null_default="")
    db.table("outbox").add_column("old_card", str, not_null_default="")


@migrations()
def m015_sent_starts(db: Database) -> None:
    """Store whether a job's create was sent, how often its start was resumed, and how long it was searched for.

    Of a start that is open during the update nobody knows whether it was sent, so it counts as sent.
    """
    jobs = db.table("jobs")
    jobs.add_column("create_sent_at", int)
    jobs.add_column("resumes", int, not_null_default=0)
    jobs.add_column("search", str)
    db.execute("UPDATE jobs SET create_sent_at = created_at")


@migrations()
def m016_installation(db: Database) -> None:
    """Give the database an id, which the jobs that it starts carry at Google; a backup keeps it."""
    db.table("installation").create({"id": str}, pk="id", not_null=("id",))
    db.table("installation").insert({"id": secrets.token_hex(8)})


@migrations()
def m017_asked(db: Database) -> None:
    """Create the table of the questions of the last hour that were sent to a model, for the limits on them."""
    table = db.table("asked")
    table.create(
        {"key": str, "team": str, "user": str, "channel": str, "thread": str, "asked_at": int},
        pk="key",
        not_null={"team", "user", "channel", "thread", "asked_at"},
        strict=True,
    )
    table.create_index(["asked_at"], "asked_by_age")
    table.create_index(["team", "user", "asked_at"], "asked_by_person")
    table.create_index(["team", "channel", "thread", "asked_at"], "asked_in_thread")


@migrations()
def m018_names_as_typed(db: Database) -> None:
    """Compare names as people type them: with any quotation marks and without invisible characters."""
    as_typed = str.maketrans(
        dict.fromkeys('"“”„‟', '"')
        | dict.fromkeys("'‘’‚‛`", "'")
        | {"—": "--", "…": "..."}
        | dict.fromkeys(map(chr, (*range(65024, 65040), 8204, 8205)))
    )

    def folded(name: str) -> str:
        joined = " ".join(name.split())
        visible = "".join(each for each in joined if unicodedata.category(each) not in {"Cc", "Cf", "Cs"})
        typed = " ".join(visible.split()).translate(as_typed)
        return unicodedata.normalize("NFC", unicodedata.normalize("NFD", typed).casefold())

    for key, name in db.execute("SELECT key, name FROM jobs").fetchall():
        db.execute("UPDATE jobs SET folded_name = ? WHERE key = ?", [folded(name), key])


@migrations()
def m019_retirements(db: Database) -> None:
    """Store which notice that a job's base model retires was told last, so that none is told twice."""
    db.table("jobs").add_column("retirement_told", int)


@migrations()
def m020_roles(db: Database) -> None:
    """Create the table of roles, and store where an act of the audit log was done and how it ended."""
    db.table("roles").create(
        {"team": str, "role": str, "grantee": str, "given_by": str, "given_at": int},
        pk=("team", "role", "grantee"),
        not_null={"given_by", "given_at"},
        strict=True,
    )
    db.table("audit").add_column("channel", str, not_null_default="")
    db.table("audit").add_column("result", str, not_null_default="")

"""Steps 31 to 40 of the schema. A step that was released never changes, so each is complete in itself."""

from sqlite_utils import Database

from storage.migrations.migration_set import migrations


@migrations()
def m031_question_spend(db: Database) -> None:
    """Create the table of what questions cost; an amount is text, so that it stays exact."""
    texts = dict.fromkeys(("month", "team", "channel", "user", "base_model"), str)
    counts = dict.fromkeys(("questions", "unknown", "input_tokens", "output_tokens"), int)
    db.table("question_spend").create(
        {**texts, **counts, "usd": str}, pk=tuple(texts), not_null={*counts, "usd"}, strict=True
    )


@migrations()
def m032_resources(db: Database) -> None:
    """Let indexes find the job of a model, which each question does, however many jobs have ended."""
    db.table("jobs").create_index(["tuned_model"], "jobs_by_model")
    db.table("jobs").create_index(["endpoint"], "jobs_by_endpoint")


@migrations()
def m033_private_answers(db: Database) -> None:
    """Store which questions are answered to one person alone, and their answers until that person shares them."""
    db.table("questions").add_column("private", int, not_null_default=0)
    answers = db.table("private_answers")
    answers.create(
        {"key": str, "team": str, "question": str, "reply": str, "answered_at": int},
        pk="key",
        not_null={"team", "question", "reply", "answered_at"},
        strict=True,
    )
    answers.create_index(["answered_at"], "private_answers_by_age")


@migrations()
def m034_comparisons(db: Database) -> None:
    """Store comparisons of two models: the models in their hidden order, their answers, and people's votes."""
    db.table("questions").add_column("compare", str, not_null_default="")
    places = dict.fromkeys(("key", "team", "channel", "thread", "user", "text"), str)
    comparisons = db.table("comparisons")
    comparisons.create(
        {**places, "asked_at": int, "finished_at": int}, pk="key", not_null={*places, "asked_at"}, strict=True
    )
    comparisons.create_index(["asked_at"], "comparisons_by_age")
    models = dict.fromkeys(("team", "part", "backend", "endpoint", "name"), str)
    sides = db.table("comparison_sides")
    sides.create(
        {"comparison": str, "side": int, **models, "settings": str, "reply": str},
        pk=("comparison", "side"),
        not_null=set(models),
        strict=True,
    )
    sides.create_index(["team", "endpoint"], "comparison_sides_by_endpoint")
    votes = {"comparison": str, "user": str, "team": str, "choice": str, "voted_at": int}
    db.table("comparison_votes").create(votes, pk=("comparison", "user"), not_null=set(votes), strict=True)


@migrations()
def m035_live_messages(db: Database) -> None:
    """Store all messages that show an unfinished answer: a JSON list of channel, thread, when it began, and ts."""
    questions = db.table("questions")
    questions.add_column("live", str, not_null_default="[]")
    db.execute(
        """
        UPDATE questions SET live = json_array(json_array(live_channel, live_thread, live_at, live_ts))
        WHERE live_at IS NOT NULL
        """
    )
    for column in ("live_at", "live_channel", "live_thread", "live_ts"):
        db.execute(f"ALTER TABLE questions DROP COLUMN {column}")


@migrations()
def m036_calls_under_way(db: Database) -> None:
    """Store which calls are sent and have no answer yet, with what they may cost, and why a question has none."""
    texts = dict.fromkeys(("key", "team", "channel", "user", "endpoint", "base_model"), str)
    db.table("calls_under_way").create({**texts, "usd": str}, pk="key", not_null=set(texts), strict=True)
    db.table("questions").add_column("failure", str)


@migrations()
def m037_indexes_of_what_ended(db: Database) -> None:
    """Let ten thousand ended jobs cost no more than the first: whom a list shows is decided by an index alone."""
    seen = ["team", "deleted_by", "created_at", "owner", "prepared_by", "channel", "shared_with"]
    db.table("jobs").create_index(seen, "jobs_seen")
    db.table("jobs").create_index(["ended_at"], "jobs_by_end")


@migrations()
def m040_questions_of_forgotten_people(db: Database) -> None:
    """Mark the open questions of a person whose words were erased: nothing of them is kept when they end."""
    db.table("questions").add_column("forgotten", int, not_null_default=0)

"""Changes what is kept of a question whose message was edited or deleted: open, failed, or in its thread.

A second try is stored under a key of its own, which names the same message, so each is changed with the first.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlite_utils import Database as Connection

from bot.domain.chat import Conversation, Question, Turn, TurnRole, as_edited, second_try
from storage.codecs import Row, json_text
from storage.comparisons import forget_finished
from storage.feedback import change_in_histories, drop_words, exchanges_of
from storage.question_rows import question_row, read_failed, read_question

# A person who failed more often than this with one question has written it anew.
_MOST_TRIES = 20


def change_everywhere(connection: Connection, changed: Question, edited: str) -> Sequence[str]:
    """See QuestionStore.change."""
    team, text = changed.place.team, changed.text
    keys, these = _tries(changed.key)
    mine = f"team = ? AND edited <= ? AND key IN ({these})"
    values = [team, edited, *keys]
    asked_before = exchanges_of(connection, team, keys)
    connection.execute(
        f"""
        UPDATE turns SET edited = ?, text = CASE role WHEN 'user' THEN ? ELSE text END
        WHERE team = ? AND edited <= ? AND question IN ({these})
        """,  # noqa: S608 - the text holds question marks only
        [edited, text, *values],
    )
    change_in_histories(connection, team, asked_before, text)
    for row in list(connection.query(f"SELECT * FROM failed_questions WHERE {mine}", values)):  # noqa: S608
        question = json_text(as_edited(read_failed(row), changed))
        statement = "UPDATE failed_questions SET edited = ?, question = ? WHERE key = ?"
        connection.execute(statement, [edited, question, row["key"]])
    asked_anew = []
    for row in list(connection.query(f"SELECT * FROM questions WHERE {mine}", values)):  # noqa: S608
        asked = read_question(row)
        edited_question = as_edited(asked.question, changed)
        new = question_row(replace(asked, question=edited_question))
        # An answer that exists is posted as the answer to what was asked.
        columns = ("text",) if asked.answer is not None else ("text", "named", "settings", "compare")
        connection.table("questions").update(
            row["key"], {"edited": edited} | {name: new[name] for name in columns}
        )
        # Where the question is the same, as after an edit that Slack delivered twice, it is paid for and goes on.
        if asked.answer is None and edited_question != asked.question:
            asked_anew.append(row["key"])
    return asked_anew


def withdraw_everywhere(connection: Connection, team: str, key: str, edited: str) -> Sequence[str]:
    """See QuestionStore.withdraw."""
    keys, these = _tries(key)
    newest = "AND edited <= ?" if edited else ""
    values = [team, *keys, *([edited] if edited else [])]
    change_in_histories(connection, team, exchanges_of(connection, team, keys), None)
    connection.execute(
        f"DELETE FROM turns WHERE team = ? AND question IN ({these}) {newest}",  # noqa: S608
        values,
    )
    mine = f"team = ? AND key IN ({these}) {newest}"
    connection.execute(f"DELETE FROM failed_questions WHERE {mine}", values)  # noqa: S608
    connection.execute(f"UPDATE questions SET withdrawn = 1 WHERE {mine}", values)  # noqa: S608
    if not edited:
        for each in keys:
            drop_words(connection, team, each)
            forget_finished(connection, team, each)
    query = f"SELECT key FROM questions WHERE {mine} AND reply IS NULL"  # noqa: S608
    return [row["key"] for row in connection.query(query, values)]


def as_it_reads_now(conversation: Conversation, row: Row) -> Conversation:
    """Return the turns of a question with its text as its row has it: it may have been edited meanwhile."""
    turns = tuple(
        Turn(TurnRole.USER, row["text"]) if turn.role is TurnRole.USER else turn for turn in conversation.turns
    )
    return replace(conversation, turns=turns)


def _tries(key: str) -> tuple[list[str], str]:
    """Return the keys of a question and of its further tries, and as many question marks."""
    keys = [key]
    while len(keys) < _MOST_TRIES:
        keys.append(second_try(keys[-1]))
    return keys, ", ".join("?" * len(keys))

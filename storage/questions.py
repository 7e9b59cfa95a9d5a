"""Stores the questions that people wait for, from before Slack's request is acknowledged until they are settled.

A row is deleted when its question is settled: then the thread has its turns, and the table of handled deliveries
has its key. This module does not decide which question is asked again, or when.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database as Connection

from bot.domain.chat import Conversation, ModelAnswer, Question
from bot.domain.place import Place
from bot.domain.spending import QuestionCost
from bot.errors import StorageError
from bot.ports.clock import Clock
from bot.ports.questions import AnswerFailure, AskedTimes, LivePost, OpenQuestion
from bot.ports.stores import AuditEntry
from bot.runtime.clocks import SteadyTime
from bot.runtime.logs import log_event
from storage.audit_log import append_entry, first_time
from storage.codecs import COUNT_REFUSAL, Row, answer_text, micros, moment
from storage.comparisons import drop_unfinished, end_comparison, forget_asker
from storage.conversations import append_turns
from storage.database import Database
from storage.feedback import keep_answer
from storage.question_edits import as_it_reads_now, change_everywhere, withdraw_everywhere
from storage.question_rows import (
    failed_row,
    failure_text,
    live_text,
    private_row,
    question_row,
    read_failed,
    read_live,
    read_question,
    read_shared,
)
from storage.question_spend import add_question, forget_call

logger = logging.getLogger(__name__)

_NO_ATTEMPT = "begun_at = NULL, begun_channel = '', begun_thread = ''"
_NO_REFUSALS = "refusals = 0, first_refused_at = NULL"
_COUNT_REFUSAL = COUNT_REFUSAL.format(table="questions", key="key")

# Whose question it is, and where: the fields of its lines in the log.
_WHO = "SELECT team, channel, user FROM questions WHERE key = ?"

_Live = tuple[LivePost, ...]

_KEPT = timedelta(days=7)  # as long as the keys of deliveries: then “Try again” is asked once


class SqliteQuestions:
    """The QuestionStore of `bot.ports`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        note: Callable[[str], None] = lambda outcome: None,
        first_word: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """`note` is called with what happened to a question: `accepted`, `answered` or `settled`.

        `first_word` is called with the seconds from the question to the first message of its answer in Slack.
        """
        self._database = database
        self._clock = clock
        self._time = SteadyTime(clock)
        self._began_at = clock.now()
        self._note = note
        self._first_word = first_word
        # The questions whose first word was measured, until they are settled.
        self._worded: set[str] = set()

    async def add(self, question: Question) -> OpenQuestion | None:
        asked = OpenQuestion(question, self._clock.now())

        def insert(connection: Connection) -> OpenQuestion | None:
            if not first_time(connection, question.key, asked.asked_at):
                return None
            connection.table("questions").insert(question_row(asked))
            return asked

        if (added := await self._database.write(insert)) is not None:
            place = question.place
            who = {"team": place.team, "channel": place.channel, "user": question.user}
            log_event(logger, "question.accepted", question=question.key, **who)
            self._note("accepted")
        return added

    async def question(self, key: str) -> OpenQuestion | None:
        def read(connection: Connection) -> OpenQuestion | None:
            rows = connection.query("SELECT * FROM questions WHERE key = ?", [key])
            return next(map(read_question, rows), None)

        return await self._database.run(read)

    async def open_questions(self) -> Sequence[OpenQuestion]:
        def read(connection: Connection) -> list[OpenQuestion]:
            rows = connection.query("SELECT * FROM questions ORDER BY asked_at, rowid")
            return list(_readable(rows))

        return await self._database.run(read)

    async def count(
        self, question: Question, window: timedelta, check: Callable[[AskedTimes, datetime], None]
    ) -> None:
        # A clock that is set forward lets nobody ask more, and one that is set back locks nobody out.
        place, now = question.place, self._time.counted()

        def insert(connection: Connection) -> None:
            # An earlier process asked this before the clock was set back: nobody knows when.
            began = micros(self._began_at)
            connection.execute("UPDATE asked SET asked_at = ? WHERE asked_at > ?", [began, micros(now)])
            connection.execute("DELETE FROM asked WHERE asked_at <= ?", [micros(now - window)])
            if next(connection.query("SELECT 1 FROM asked WHERE key = ?", [question.key]), None):
                return
            of_person = "team = ? AND user = ?", [place.team, question.user]
            of_thread = "team = ? AND channel = ? AND thread = ?", [place.team, place.channel, place.thread]
            thread = _times(connection, *of_thread) if place.thread else []
            check(AskedTimes(_times(connection, *of_person), thread), now)
            row = {
                "key": question.key,
                "team": place.team,
                "user": question.user,
                "channel": place.channel,
                "thread": place.thread,
                "asked_at": micros(now),
            }
            connection.table("asked").insert(row)

        # Not durable: what a power failure loses is a question of the last hour that is not counted.
        await self._database.write(insert, durable=False)

    async def store_answer(self, key: str, answer: ModelAnswer, cost: QuestionCost | None = None) -> None:
        now = self._clock.now()
        who: dict[str, str] = {}

        def store(connection: Connection) -> None:
            # The two answers of a comparison were written there as each of them came.
            for asked in connection.query(_WHO, [key]):
                who.update(asked)
                if not answer.sides:
                    act = AuditEntry(asked["user"], "ask", now, asked["channel"])
                    append_entry(connection, asked["team"], act, answer.model.endpoint)
            # What was sent is kept with the answer that people may vote on, and nowhere else.
            reply = answer_text(replace(answer, sent=()))
            forgotten = gone = False
            for row in list(connection.query("SELECT * FROM questions WHERE key = ? AND reply IS NULL", [key])):
                forgotten = bool(row["forgotten"])
                gone = forgotten or bool(row["withdrawn"])
                if cost is not None:
                    add_question(connection, row["team"], row["channel"], row["user"], cost, now)
                if row["private"] and not gone:
                    kept = private_row(read_question(row).question, reply, now)
                    connection.table("private_answers").insert(kept, replace=True)
            connection.execute("UPDATE questions SET reply = ? WHERE key = ?", [reply, key])
            forget_call(connection, key)
            if answer.sides:
                end_comparison(connection, key, now, keep_words=bool(answer.rating_key) and not gone)
                if forgotten:
                    forget_asker(connection, key)
            elif answer.rating_key and not gone:
                keep_answer(connection, key, answer, now)

        await self._database.write(store)
        log_event(logger, "question.answered", question=key, finish=answer.answer.finish.value, **who)
        self._note("answered")

    async def store_failure(self, key: str, failure: AnswerFailure) -> None:
        await self._set(key, "failure = ?", [failure_text(failure)])

    async def record_attempt(self, key: str, place: Place) -> None:
        attempt = [micros(self._clock.now()), place.channel, place.thread]
        await self._set(key, "begun_at = ?, begun_channel = ?, begun_thread = ?", attempt)

    async def refused(self, key: str, *, final: bool = False) -> None:
        now = micros(self._clock.now())

        def forget(connection: Connection) -> None:
            connection.execute(f"UPDATE questions SET {_NO_ATTEMPT} WHERE key = ?", [key])  # noqa: S608 - a constant
            if final:
                connection.execute(_COUNT_REFUSAL, [now, now, key])

        await self._database.write(forget)

    async def count_refusal(self, key: str) -> None:
        now = micros(self._clock.now())
        await self._database.write(lambda connection: connection.execute(_COUNT_REFUSAL, [now, now, key]))

    async def begin_live(self, key: str, place: Place) -> None:
        begun = LivePost(place, self._clock.now())
        await self._change_live(key, lambda live: (*(each for each in live if each.ts), begun))

    async def name_live(self, key: str, ts: str) -> None:
        await self._change_live(key, lambda live: (*live[:-1], *(replace(each, ts=ts) for each in live[-1:])))
        await self._measure_first_word(key)

    async def forget_live(self, key: str) -> None:
        await self._change_live(key, lambda live: live[:-1])

    async def keep_live(self, key: str, number: int) -> None:
        await self._change_live(key, lambda live: live[:number])

    async def _change_live(self, key: str, change: Callable[[_Live], _Live]) -> None:
        def write(connection: Connection) -> None:
            for row in list(connection.query("SELECT team, live FROM questions WHERE key = ?", [key])):
                changed = live_text(change(read_live(row)))
                connection.execute("UPDATE questions SET live = ? WHERE key = ?", [changed, key])

        await self._database.write(write)

    async def posted(self, key: str, thread: Place) -> None:
        change = f"posted = posted + 1, next_channel = ?, next_thread = ?, {_NO_ATTEMPT}, {_NO_REFUSALS}"
        await self._set(key, change, [thread.channel, thread.thread])
        await self._measure_first_word(key)

    async def _measure_first_word(self, key: str) -> None:
        """Measure it once. A figure that cannot be read must not stop an answer that was paid for."""
        if key in self._worded:
            return
        with suppress(StorageError):
            if (asked := await self.question(key)) is not None:
                self._worded.add(key)
                self._first_word(max(0.0, (self._clock.now() - asked.asked_at).total_seconds()))

    async def settle(self, key: str, conversation: Conversation | None = None, *, keep: bool = False) -> None:
        now = self._clock.now()
        who: dict[str, str] = {}

        def forget(connection: Connection) -> None:
            connection.execute("DELETE FROM failed_questions WHERE failed_at < ?", [micros(now - _KEPT)])
            connection.execute("DELETE FROM private_answers WHERE answered_at < ?", [micros(now - _KEPT)])
            row = next(connection.query("SELECT * FROM questions WHERE key = ?", [key]), None)
            connection.execute("DELETE FROM questions WHERE key = ?", [key])
            drop_unfinished(connection, key)
            if row is None:
                return
            who.update({name: row[name] for name in ("team", "channel", "user")})
            if row["withdrawn"] or row["forgotten"]:
                return
            if keep:
                failed = failed_row(read_question(row).question, now, row["edited"])
                connection.table("failed_questions").insert(failed, replace=True)
            if conversation is not None:
                append_turns(connection, as_it_reads_now(conversation, row), now, row["user"], row["edited"])

        await self._database.write(forget)
        self._worded.discard(key)
        log_event(logger, "question.settled", question=key, **who)
        self._note("settled")

    async def failed(self, key: str) -> Question | None:
        def read(connection: Connection) -> Question | None:
            rows = connection.query("SELECT question FROM failed_questions WHERE key = ?", [key])
            return next((read_failed(row) for row in rows), None)

        return await self._database.run(read)

    async def share(self, key: str, team: str, user: str) -> OpenQuestion | None:
        now, shared_key = self._clock.now(), f"share:{key}"

        def share(connection: Connection) -> OpenQuestion | None:
            rows = list(connection.query("SELECT * FROM private_answers WHERE key = ? AND team = ?", [key, team]))
            shared = next((read_shared(row, shared_key, now) for row in rows), None)
            if shared is None or shared.question.user != user:
                return None
            connection.execute("DELETE FROM private_answers WHERE key = ?", [key])
            if not first_time(connection, shared_key, now):
                return None
            connection.table("questions").insert(question_row(shared) | {"reply": rows[0]["reply"]})
            act = AuditEntry(user, "share an answer", now, shared.question.place.channel)
            append_entry(connection, team, act, key)
            return shared

        return await self._database.write(share)

    async def change(self, question: Question, edited: str) -> Sequence[str]:
        return await self._database.write(lambda connection: change_everywhere(connection, question, edited))

    async def withdraw(self, team: str, key: str, edited: str = "") -> Sequence[str]:
        return await self._database.write(lambda connection: withdraw_everywhere(connection, team, key, edited))

    async def _set(self, key: str, change: str, values: list[Any]) -> None:
        statement = f"UPDATE questions SET {change} WHERE key = ?"  # noqa: S608 - only the constant changes above
        await self._database.write(lambda connection: connection.execute(statement, [*values, key]))


def _readable(rows: Iterable[Row]) -> Iterator[OpenQuestion]:
    for row in rows:
        try:
            yield read_question(row)
        except StorageError as error:
            # One row that cannot be read must not keep the other people from their answers.
            logger.error("question %s cannot be read and is skipped: %s", row["key"], error)


def _times(connection: Connection, where: str, values: list[str]) -> list[datetime]:
    """Return when the questions were asked, oldest first; `where` is constant text."""
    query = f"SELECT asked_at FROM asked WHERE {where} ORDER BY asked_at"  # noqa: S608
    return [moment(row["asked_at"]) for row in connection.query(query, values)]

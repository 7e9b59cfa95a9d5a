"""Converts questions, those that failed and those that a person may share to rows and back. No I/O."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.chat import ModelRef, Question
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.place import Place
from bot.ports.notifier import PostAttempt
from bot.ports.questions import AnswerFailure, LivePost, OpenQuestion
from storage.codecs import (
    Row,
    json_text,
    micros,
    moment,
    parsed,
    read_answer,
    read_place,
    read_refusals,
)

_MODEL = msgspec.json.Decoder(ModelRef)
_QUESTION = msgspec.json.Decoder(Question)
_LIVE = msgspec.json.Decoder(list[tuple[str, str, int, str]])
_FAILURE = msgspec.json.Decoder(AnswerFailure)
_GENERATION = msgspec.json.Decoder(GenerationSettings)


def question_row(asked: OpenQuestion) -> dict[str, Any]:
    """Return the row of a question that was just asked."""
    question = asked.question
    return {
        "key": question.key,
        "team": question.place.team,
        "channel": question.place.channel,
        "thread": question.place.thread,
        "user": question.user,
        "text": question.text,
        "named": question.named,
        "model": None if question.model is None else json_text(question.model),
        "quoted": int(question.quoted),
        "settings": None if question.settings == NO_SETTINGS else json_text(question.settings),
        "private": int(question.private),
        "compare": question.compare,
        "asked_at": micros(asked.asked_at),
        "posted": 0,
        "next_channel": "",
        "next_thread": "",
        "begun_channel": "",
        "begun_thread": "",
    }


def read_question(row: Row) -> OpenQuestion:
    place = read_place(row)
    unconfirmed = None
    if row["begun_at"] is not None:
        attempted = Place(place.team, row["begun_channel"], row["begun_thread"])
        unconfirmed = PostAttempt(attempted, moment(row["begun_at"]))
    return OpenQuestion(
        question=Question(
            key=row["key"],
            place=place,
            user=row["user"],
            text=row["text"],
            named=row["named"],
            model=None if row["model"] is None else parsed(_MODEL, row["model"]),
            quoted=bool(row["quoted"]),
            settings=NO_SETTINGS if row["settings"] is None else parsed(_GENERATION, row["settings"]),
            private=bool(row["private"]),
            compare=row["compare"],
        ),
        asked_at=moment(row["asked_at"]),
        answer=None if row["reply"] is None else read_answer(row["reply"]),
        posted=row["posted"],
        thread=Place(place.team, row["next_channel"], row["next_thread"]) if row["posted"] else None,
        unconfirmed=unconfirmed,
        refusals=read_refusals(row),
        live=read_live(row),
        failure=None if row["failure"] is None else parsed(_FAILURE, row["failure"]),
        withdrawn=bool(row["withdrawn"]),
    )


def failed_row(question: Question, now: datetime, edited: str = "") -> dict[str, Any]:
    """Return the row of a question that may be tried again."""
    return {
        "key": question.key,
        "team": question.place.team,
        "question": json_text(question),
        "failed_at": micros(now),
        "edited": edited,
    }


def read_failed(row: Row) -> Question:
    return parsed(_QUESTION, row["question"])


def private_row(question: Question, reply: str, now: datetime) -> dict[str, Any]:
    """Return the row of a private answer that may be shared."""
    return {
        "key": question.key,
        "team": question.place.team,
        "question": json_text(question),
        "reply": reply,
        "answered_at": micros(now),
    }


def read_shared(row: Row, key: str, now: datetime) -> OpenQuestion:
    """Return the question of this key that posts a private answer in the channel."""
    question = replace(parsed(_QUESTION, row["question"]), key=key, private=False)
    return OpenQuestion(question, now, read_answer(row["reply"]))


def read_live(row: Row) -> tuple[LivePost, ...]:
    """Return the messages that show the unfinished answer."""
    return tuple(
        LivePost(Place(row["team"], channel, thread), moment(begun), ts)
        for channel, thread, begun, ts in parsed(_LIVE, row["live"])
    )


def failure_text(failure: AnswerFailure) -> str:
    """Return the JSON of why a question has no answer."""
    return json_text(failure)


def live_text(live: Iterable[LivePost]) -> str:
    """Return the JSON that `read_live` reads."""
    return json_text([(each.place.channel, each.place.thread, micros(each.begun_at), each.ts) for each in live])

"""Google's JSON, also where it is odd: proto3's missing zeros, int64 as text, nanoseconds, other kinds."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.generative_language.wire import model_operation, operation, tuned_model
from bot.backends.google.generation import content_answer, contents, question, text_answer
from bot.backends.google.json_fields import integer, loss_snapshots, number, scalars, timestamp
from bot.backends.vertex.tuning_job_wire import operation as vertex_operation
from bot.backends.vertex.tuning_job_wire import tuned_model as vertex_tuned_model
from bot.domain.chat import Answer, Finish, Role, Turn
from bot.errors import BadArgument
from tests.outside import discovery, protos

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "name",
        "state",
        "metadata",
        "response",
        "error",
        "done",
        "tuningTask",
        "tunedModel",
        "snapshots",
        "createTime",
        "tuningDataStats",
        "labels",
        "candidates",
        "promptFeedback",
        "totalSteps",
        "tunedModelSource",
        "code",
        "message",
        "timeSeriesData",
        "filters",
    ]
)


@given(st.integers(-(2**63), 2**63 - 1))
def test_int64_is_read_as_text_and_as_a_number(value: int) -> None:
    assert integer(str(value)) == integer(value) == value


@pytest.mark.parametrize("value", [None, "", "x", "1.5", 1.5, True, [], {}, "9" * 30, "٣"])
def test_what_is_no_int64_is_unknown(value: object) -> None:
    assert integer(value) is None


@pytest.mark.parametrize(
    ("value", "read"), [(1, 1.0), ("1.5", 1.5), (-1e-6, -1e-6), ("NaN", None), ("Infinity", None)]
)
def test_floats_that_json_lacks_are_unknown(value: object, read: float | None) -> None:
    assert number(value) == read


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(0, 999))  # noqa: DTZ001  Proto wants naive UTC.
def test_times_are_read_as_protobuf_writes_them(moment: datetime, nanos: int) -> None:
    written = Timestamp()
    written.FromDatetime(moment)
    written.nanos += nanos
    assert timestamp(written.ToJsonString()) == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize("value", [None, 7, "", "yesterday", "2023-13-01T00:00:00Z", "2023-09-18"])
def test_what_is_no_time_is_unknown(value: object) -> None:
    assert timestamp(value) is None


def test_time_of_another_zone_is_brought_to_utc() -> None:
    assert timestamp("2023-09-18T13:06:44.532937624+02:00") == datetime(2023, 9, 18, 11, 6, 44, 532937, UTC)


@given(st.dictionaries(FIELDS, ODD, max_size=6))
def test_no_answer_of_google_stops_the_poller(body: dict[str, Any]) -> None:
    operation(body, named="tunedModels/x")
    model_operation(body, name="x", examples=9)
    tuned_model("gemini", body)
    vertex_operation(body)
    vertex_tuned_model("vertex", body)
    content_answer(body)
    text_answer(body)
    scalars(body)


def test_points_at_step_zero_and_of_value_zero_are_read() -> None:
    data = {"timeSeriesData": {"values": [{"scalar": {"value": 2.5}}, {"step": "3", "scalar": {}}]}}
    discovery.vertex().check("ReadTensorboardTimeSeriesDataResponse", data | {})
    assert {step: point[0] for step, point in scalars(data).items()} == {0: 2.5, 3: 0.0}


def test_validation_loss_joins_the_step_before_it() -> None:
    training = {1: (3.0, None), 2: (2.0, None), 4: (1.0, None)}
    shown = loss_snapshots(training, {0: (9.0, None), 3: (2.5, None), 9: (1.5, None)})
    assert [(one.step, one.mean_loss, one.eval_loss) for one in shown] == [
        (1, 3.0, None),
        (2, 2.0, 2.5),
        (4, 1.0, 1.5),
    ]


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ({}, Answer("", Finish.EMPTY)),
        ({"promptFeedback": {"blockReason": "NEW_REASON"}}, Answer("", Finish.BLOCKED, "NEW_REASON")),
        ({"candidates": [{"finishReason": "SAFETY"}]}, Answer("", Finish.BLOCKED, "SAFETY")),
        ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, Answer("", Finish.CUT, "MAX_TOKENS")),
        ({"candidates": [{"finishReason": "UNHEARD_OF"}]}, Answer("", Finish.EMPTY, "UNHEARD_OF")),
        ({"candidates": [{"finishReason": "STOP", "content": {"role": "model"}}]}, Answer("", Finish.EMPTY)),
    ],
)
def test_answers_without_text_say_why(response: dict[str, Any], answer: Answer) -> None:
    assert content_answer(response) == answer


@pytest.mark.parametrize(
    ("reason", "finish", "said"),
    [
        ("STOP", Finish.COMPLETE, ""),
        (None, Finish.COMPLETE, ""),
        ("MAX_TOKENS", Finish.CUT, "MAX_TOKENS"),
        ("RECITATION", Finish.BLOCKED, "RECITATION"),
        ("UNHEARD_OF", Finish.CUT, "UNHEARD_OF"),
    ],
)
def test_answers_with_text_say_how_they_ended(reason: str | None, finish: Finish, said: str) -> None:
    parts = [{"text": "thinking", "thought": True}, {"text": "ni"}, {"text": "ne"}]
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}}
    if reason is not None:
        candidate["finishReason"] = reason
    assert content_answer({"candidates": [candidate]}) == Answer("nine", finish, said)


def test_palm_says_in_filters_why_it_held_back() -> None:
    blocked = {"filters": [{"reason": "SAFETY"}]}
    protos.parse("v1beta3", "GenerateTextResponse", blocked)
    assert text_answer(blocked) == Answer("", Finish.BLOCKED, "SAFETY")
    assert text_answer({"candidates": [{"output": "3 2"}]}) == Answer("3 2")


def test_turns_alternate_and_begin_with_the_user() -> None:
    turns = [
        Turn(Role.MODEL, "hello"),
        Turn(Role.USER, "one"),
        Turn(Role.USER, "two"),
        Turn(Role.MODEL, ""),
        Turn(Role.MODEL, "three"),
        Turn(Role.USER, "four"),
    ]
    sent = contents(turns)
    protos.parse("v1beta", "GenerateContentRequest", {"contents": sent})
    discovery.vertex().check("GenerateContentRequest", {"contents": sent}, outgoing=True)
    assert [(one["role"], [part["text"] for part in one["parts"]]) for one in sent] == [
        ("user", ["one", "two"]),
        ("model", ["three"]),
        ("user", ["four"]),
    ]


@pytest.mark.parametrize("turns", [[], [Turn(Role.USER, " ")], [Turn(Role.USER, "a"), Turn(Role.MODEL, "b")]])
def test_without_a_question_nothing_is_asked(turns: list[Turn]) -> None:
    with pytest.raises(BadArgument, match="no question"):
        contents(turns)
    with pytest.raises(BadArgument, match="no question"):
        question(turns)

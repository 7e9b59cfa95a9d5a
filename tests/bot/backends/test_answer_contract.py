"""Whatever Google answers, reading it never raises, so that one odd answer never stops the poller."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.backends.generative_language.wire import model_operation, operation, tuned_model
from bot.backends.google.generation import content_answer, text_answer
from bot.backends.google.json_fields import scalars
from bot.backends.vertex.tuning_job_wire import operation as vertex_operation
from bot.backends.vertex.tuning_job_wire import tuned_model as vertex_tuned_model
from bot.domain.chat import Finish
from bot.domain.jobs import JobState

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


@given(st.dictionaries(FIELDS, ODD, max_size=6))
def test_no_answer_of_google_stops_the_poller(body: dict[str, Any]) -> None:
    assert operation(body, named="tunedModels/x").state in JobState
    assert model_operation(body, name="x", examples=9).state in JobState
    assert vertex_operation(body).state in JobState
    assert tuned_model("gemini", body).backend == "gemini"
    made = vertex_tuned_model("vertex", body)
    assert made is None or made.endpoint
    assert content_answer(body).finish in Finish
    assert text_answer(body).finish in Finish
    assert all(isinstance(step, int) for step in scalars(body))

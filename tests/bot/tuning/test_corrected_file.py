"""A model is tuned again on itself where its backend takes that, else on its base."""

from dataclasses import replace

from bot.backends.profiles import GEMINI, VERTEX
from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import JobState
from bot.tuning.corrected_file import request_again
from tests.support.builders import job

TUNED = replace(job("k1"), state=JobState.SUCCEEDED, tuned_model="projects/1/models/2", endpoint="e")


def base_of(profile: BackendProfile, base: str, state: JobState = JobState.SUCCEEDED) -> str:
    spec = replace(TUNED.spec, backend=profile.name, base_model=base)
    request = request_again(replace(TUNED, spec=spec, state=state), profile, "slack:F1")
    assert (request.name, request.file, request.hyperparameters) == ("", "slack:F1", spec.hyperparameters)
    return request.base_model


def test_the_base_is_the_tuned_model_where_the_backend_takes_it() -> None:
    assert base_of(VERTEX, "gemini-3.5-flash") == "projects/1/models/2"
    assert base_of(GEMINI, "gemini-1.0-pro-001") == "projects/1/models/2"
    assert base_of(GEMINI, "gemini-1.5-flash-001-tuning") == "gemini-1.5-flash-001-tuning"
    assert base_of(VERTEX, "gemini-3.5-flash", JobState.LOST) == "gemini-3.5-flash"
    assert base_of(replace(VERTEX, takes_tuned_base=False), "gemini-3.5-flash") == "gemini-3.5-flash"

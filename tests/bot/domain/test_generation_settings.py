"""Settings are refused with the limit and the value, and a question's settings stand before the channel's."""

import pytest

from bot.backends.profiles import GEMINI, PALM, VERTEX
from bot.domain.backend_profile import BackendProfile
from bot.domain.generation_settings import GenerationSettings, Safety
from bot.errors import BadArgument


def check(profile: BackendProfile, settings: GenerationSettings, base_model: str = "") -> None:
    profile.generation.check(settings, profile.title, base_model)


@pytest.mark.parametrize(
    ("profile", "settings", "base_model", "message"),
    [
        (VERTEX, {"temperature": 2.1}, "", "The temperature is from 0 to 2, not 2.1."),
        (PALM, {"temperature": 1.5}, "", "The temperature is from 0 to 1, not 1.5."),
        (PALM, {"candidate_count": 9}, "", "The candidate count is a whole number from 1 to 8, not 9."),
        (VERTEX, {"candidate_count": 2}, "", "Vertex AI takes no candidate count."),
        (GEMINI, {"top_k": 0}, "", "The top-k is a whole number from 1 to 1,000, not 0."),
        (VERTEX, {"top_p": -0.1}, "", "The top-p is from 0 to 1, not -0.1."),
        (GEMINI, {"system_instruction": "Be kind."}, "", "The Gemini API takes no system instruction."),
        (VERTEX, {"stop_sequences": tuple("abcdef")}, "", "There are 6 stop sequences; at most 5 are taken."),
        (VERTEX, {"stop_sequences": ("a" * 101,)}, "", "A stop sequence has 101 characters; 1 to 100 are taken."),
        (VERTEX, {"temperature": 1}, "gemini-3.5-flash-lite", "tuned on gemini-3.5-flash-lite ignore the temp"),
    ],
)
def test_what_is_not_taken_is_named(
    profile: BackendProfile, settings: dict[str, object], base_model: str, message: str
) -> None:
    with pytest.raises(BadArgument, match=r".") as caught:
        check(profile, GenerationSettings(**settings), base_model)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert caught.value.field == next(iter(settings))


def test_what_is_taken_passes() -> None:
    check(VERTEX, GenerationSettings(temperature=0, top_p=1, top_k=1, safety=Safety.NONE), "gemini-3.5-flash")
    check(GEMINI, GenerationSettings(system_instruction=""))
    check(PALM, GenerationSettings(candidate_count=8, max_output_tokens=1_024, stop_sequences=("END",)))


def test_a_question_stands_before_its_channel() -> None:
    channel = GenerationSettings(temperature=0.5, top_k=3, system_instruction="Be kind.")
    asked = GenerationSettings(temperature=0.0, system_instruction="")
    assert asked.over(channel) == GenerationSettings(temperature=0.0, top_k=3, system_instruction="")


def test_what_a_base_model_ignores_is_left_out() -> None:
    settings = GenerationSettings(temperature=0.5, candidate_count=2, max_output_tokens=7)
    taken = VERTEX.generation.taken
    assert taken(settings, "gemini-3.5-flash-lite") == GenerationSettings(max_output_tokens=7)
    assert taken(settings, "projects/1/locations/us/models/9") == GenerationSettings(
        temperature=0.5, max_output_tokens=7
    )

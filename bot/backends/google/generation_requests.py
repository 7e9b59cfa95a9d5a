"""Writes the settings of an answer as the requests of generateContent and generateText take them. No I/O.

Source: GenerationConfig and SafetySetting of google/cloud/aiplatform/v1/content.proto and
google/ai/generativelanguage/v1beta/{generative_service,safety}.proto; GenerateTextRequest of
google/ai/generativelanguage/v1beta3/text_service.proto.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.backends.google.generation import contents, question
from bot.backends.google.json_fields import Json
from bot.domain.chat import Turn, after_system
from bot.domain.generation_settings import BaseModelTraits, GenerationProfile, GenerationSettings, Safety, Thinking

_NUMBERS: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "candidate_count": "candidateCount",
    "stop_sequences": "stopSequences",
}
_THRESHOLDS: Final[Mapping[Safety, str]] = {
    Safety.LOW: "BLOCK_LOW_AND_ABOVE",
    Safety.MEDIUM: "BLOCK_MEDIUM_AND_ABOVE",
    Safety.HIGH: "BLOCK_ONLY_HIGH",
    Safety.NONE: "BLOCK_NONE",
}


def content_request(
    turns: Sequence[Turn], settings: GenerationSettings, profile: GenerationProfile, base_model: str = ""
) -> Json:
    """Return the body of generateContent: the turns, and the settings that the base model takes.

    Raises BadArgument if there is no question in the last turn.
    """
    taken = profile.taken(settings, base_model)
    config = _numbers(taken) | _thinking(profile.traits(base_model))
    body: Json = {"contents": contents(_asked(turns, settings, profile))}
    if taken.system_instruction:
        body["systemInstruction"] = {"parts": [{"text": taken.system_instruction}]}
    if config:
        body["generationConfig"] = config
    return body | _safety(taken, profile)


def text_request(turns: Sequence[Turn], settings: GenerationSettings, profile: GenerationProfile) -> Json:
    """Return the body of generateText: the last turn alone, and the settings. Raises BadArgument without one."""
    taken = profile.taken(settings, "")
    return (
        {"prompt": {"text": question(_asked(turns, settings, profile))}}
        | _numbers(taken)
        | _safety(taken, profile)
    )


def _asked(turns: Sequence[Turn], settings: GenerationSettings, profile: GenerationProfile) -> Sequence[Turn]:
    """Return the turns; where there is no field for the system instruction, it stands before the question.

    The rows on which such a system tunes have one question each, with the text before it.
    """
    system = settings.system_instruction
    if profile.takes_system_instruction or not system or not turns or not turns[-1].text.strip():
        return turns
    return [*turns[:-1], replace(turns[-1], text=after_system(system, turns[-1].text))]


def _numbers(settings: GenerationSettings) -> Json:
    given = {name: value for name, value in settings.given().items() if name in _NUMBERS}
    return {_NUMBERS[name]: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


def _thinking(traits: BaseModelTraits) -> Json:
    """Return the config that lets a model think as little as it can, as Google advises for tuned models."""
    match traits.thinking:
        case Thinking.LEVEL:
            return {"thinkingConfig": {"thinkingLevel": "MINIMAL"}}
        case Thinking.BUDGET:
            return {"thinkingConfig": {"thinkingBudget": traits.thinking_budget}}
        case Thinking.UNKNOWN:
            return {}


def _safety(settings: GenerationSettings, profile: GenerationProfile) -> Json:
    if settings.safety is None:
        return {}
    threshold = _THRESHOLDS[settings.safety]
    return {"safetySettings": [{"category": each, "threshold": threshold} for each in profile.safety_categories]}

"""What a question to a model may hold, for the PaLM API, the Gemini API and Vertex AI; and its prompt."""

import math
from typing import Any

from bot.sandbox.google.rpc_status import invalid
from bot.sandbox.google.trainer import Prompt


def check_roles(asked: dict[str, Any]) -> None:
    """Refuse a request without contents or with a role that Google doesn't know."""
    contents = asked.get("contents", [])
    if not contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified\n", "contents")
    for index, content in enumerate(contents):
        if content.get("role", "user").lower() not in ("user", "model", "function"):
            raise invalid("Please use a valid role: user, model.", f"contents[{index}].role")
        if not content.get("parts"):
            raise invalid(
                f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.\n",
                f"contents[{index}].parts",
            )


def check_settings(given: dict[str, Any], at: str = "generation_config", *, warmest: float = 2.0) -> None:
    """Refuse numbers outside of Google's ranges; `given` is a GenerationConfig or a GenerateTextRequest.

    Source: the comments of both in google/ai/generativelanguage and google/cloud/aiplatform.
    """
    for name, shown, least, most in (
        ("temperature", "temperature", 0.0, warmest),
        ("topP", "top_p", 0.0, 1.0),
        ("topK", "top_k", 1.0, math.inf),
        ("maxOutputTokens", "max_output_tokens", 1.0, math.inf),
        ("candidateCount", "candidate_count", 1.0, 8.0),
    ):
        value = given.get(name)
        if value is not None and not least <= value <= most:
            place = f"{at}.{shown}" if at else shown
            raise invalid(f"{shown} must be in the range [{least:g}, {most:g}], got {value:g}", place)
    if len(given.get("stopSequences", ())) > 5 or not all(given.get("stopSequences", ())):
        raise invalid("At most 5 stop sequences are taken, and none of them may be empty.", "stop_sequences")
    thinking = given.get("thinkingConfig", {})
    levels = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
    if not thinking.keys() <= {"includeThoughts", "thinkingBudget", "thinkingLevel"}:
        raise invalid(f"Unknown thinking config: {sorted(thinking)}.", f"{at}.thinking_config")
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise invalid("You can only set one of thinking budget and thinking level.", f"{at}.thinking_config")
    if thinking.get("thinkingLevel", "LOW") not in levels:
        raise invalid(f"Unknown thinking level: {thinking['thinkingLevel']}.", f"{at}.thinking_config")


def check_safety(asked: dict[str, Any]) -> None:
    """Refuse two settings for one category."""
    categories = [setting.get("category") for setting in asked.get("safetySettings", ())]
    if len(set(categories)) < len(categories):
        raise invalid("There is more than one safety setting for a category.", "safety_settings")


def prompt_of(asked: dict[str, Any]) -> Prompt:
    """Return the prompt of a decoded request."""
    settings = asked.get("generationConfig", {})
    return Prompt(
        turns=tuple(
            (content.get("role", "user").lower(), text_of(content)) for content in asked.get("contents", [])
        ),
        system=text_of(asked.get("systemInstruction", {})),
        temperature=settings.get("temperature"),
        max_output_tokens=settings.get("maxOutputTokens"),
        stops=tuple(settings.get("stopSequences", ())),
    )


def text_of(content: dict[str, Any]) -> str:
    """Return the text of a content's parts."""
    return "".join(part.get("text", "") for part in content.get("parts", []))

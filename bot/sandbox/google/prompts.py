"""A generateContent request brought to what a trainer is asked: turns, a system instruction, settings."""

from typing import Any

from bot.sandbox.google.status import invalid
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
    )


def text_of(content: dict[str, Any]) -> str:
    """Return the text of a content's parts."""
    return "".join(part.get("text", "") for part in content.get("parts", []))

"""How a question to a model is read and answered: what tests order, what a trainer says, whole or streamed."""

import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.sandbox.google.fault_injection import Cut
from bot.sandbox.google.router import Call
from bot.sandbox.google.rpc_status import invalid
from bot.sandbox.google.trainer import Prompt, TrainingRun
from bot.sandbox.google.training_files import count_tokens

CATEGORIES = (
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
)
# Reasons for which Google holds back what was written so far.
WITHHELD = {"SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII"}


@dataclass(slots=True)
class Order:
    """What is to happen to the next questions that hold the text `containing`.

    `block` is a prompt's block reason; `finish` a finish reason; `text` the words to say (None: the model's);
    `candidates` False leaves them all out.
    """

    times: int | None
    containing: str
    block: str | None = None
    finish: str | None = None
    text: str | None = None
    candidates: bool = True


@dataclass(slots=True)
class Answers:
    """Orders for the coming questions, first come first served; without any, models answer by themselves."""

    _orders: list[Order] = field(default_factory=list)

    def block(self, reason: str = "SAFETY", *, times: int | None = 1, containing: str = "") -> None:
        """Block the prompt: a block reason and no candidates."""
        self._orders.append(Order(times, containing, block=reason))

    def finish(self, reason: str, text: str = "", *, times: int | None = 1, containing: str = "") -> None:
        """End the answer for this reason, also one that nobody knows, with this text or, empty, no content."""
        self._orders.append(Order(times, containing, finish=reason, text=text))

    def say(self, text: str, *, times: int | None = 1, containing: str = "") -> None:
        """Say this."""
        self._orders.append(Order(times, containing, text=text))

    def leave_out(self, *, times: int | None = 1, containing: str = "") -> None:
        """Answer with no candidates and no reason."""
        self._orders.append(Order(times, containing, candidates=False))

    def clear(self) -> None:
        """Take all orders back."""
        self._orders.clear()

    def take(self, question: str) -> Order:
        """Return the order that this question meets."""
        for order in self._orders:
            if order.times != 0 and order.containing in question:
                if order.times is not None:
                    order.times -= 1
                return order
        return Order(None, "")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer: `finish` and `tokens` (prompt, answer) are set on the last one."""

    text: str = ""
    finish: str | None = None
    block: str | None = None
    candidates: bool = True
    tokens: tuple[int, int] | None = None


async def speak(
    order: Order, training_run: TrainingRun | None, prompt: Prompt, model: str
) -> AsyncIterator[Piece]:
    """Give an answer in pieces; the last one carries the finish reason and the token counts.

    `training_run` is None for a base model, which here knows nothing and says so.
    """
    asked = sum(count_tokens(text) for _, text in prompt.turns) + count_tokens(prompt.system)
    if order.block is not None or not order.candidates:
        yield Piece(block=order.block, candidates=False, tokens=(asked, 0))
        return
    if order.text is not None:
        words = _said(order.text)
    elif training_run is not None:
        words = training_run.answer(prompt)
    else:
        words = _said(f"This is a local stand-in of Google, not {model}: only tuned models answer here.")
    if prompt.stops:
        words = _until_stop(words, prompt.stops)
    room = math.inf if prompt.max_output_tokens is None else prompt.max_output_tokens * 4
    used = 0
    finish = order.finish or "STOP"
    if order.finish not in WITHHELD:
        async for word in words:
            if used + len(word) > room:
                yield Piece(word[: int(room - used)])
                used, finish = int(room), "MAX_TOKENS"
                break
            used += len(word)
            yield Piece(word)
    yield Piece(finish=finish, tokens=(asked, math.ceil(used / 4)))


async def _said(text: str) -> AsyncIterator[str]:
    start = 0
    while start < len(text):
        space = text.find(" ", start + 1)
        end = len(text) if space < 0 else space
        yield text[start:end]
        start = end


async def _until_stop(words: AsyncIterator[str], stops: tuple[str, ...]) -> AsyncIterator[str]:
    """End before the first stop sequence, which may lie across two pieces."""
    kept = max(map(len, stops)) - 1
    held = ""
    async for word in words:
        held += word
        found = [place for stop in stops if (place := held.find(stop)) >= 0]
        if found:
            yield held[: min(found)]
            return
        if len(held) > kept:
            ready = len(held) - kept
            yield held[:ready]
            held = held[ready:]
    yield held


def content_response(piece: Piece, model_version: str, response_id: str, *, vertex: bool) -> dict[str, Any]:
    """Return a piece as a GenerateContentResponse in natural values, for either API."""
    response: dict[str, Any] = {"modelVersion": model_version, "responseId": response_id}
    if piece.candidates:
        candidate: dict[str, Any] = {"index": 0}
        # An answer withheld or empty comes with content that has a role and no parts.
        candidate["content"] = {"role": "model"} | ({"parts": [{"text": piece.text}]} if piece.text else {})
        if piece.finish is not None:
            candidate["finishReason"] = piece.finish
            candidate["safetyRatings"] = _ratings(piece.finish == "SAFETY", vertex=vertex)
        response["candidates"] = [candidate]
    elif piece.block is not None:
        response["promptFeedback"] = {
            "blockReason": piece.block,
            "safetyRatings": _ratings(piece.block == "SAFETY", vertex=vertex),
        }
    if piece.tokens is not None:
        asked, answered = piece.tokens
        response["usageMetadata"] = {
            "promptTokenCount": asked,
            "candidatesTokenCount": answered,
            "totalTokenCount": asked + answered,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}],
        }
        if answered:
            details = [{"modality": "TEXT", "tokenCount": answered}]
            response["usageMetadata"]["candidatesTokensDetails"] = details
    return response


def _ratings(harmful: bool, *, vertex: bool) -> list[dict[str, Any]]:
    ratings = []
    for category in CATEGORIES:
        high = harmful and category == "HARM_CATEGORY_DANGEROUS_CONTENT"
        rating: dict[str, Any] = {"category": category, "probability": "HIGH" if high else "NEGLIGIBLE"}
        if vertex:
            rating |= {
                "probabilityScore": 0.9 if high else 0.01,
                "severity": "HARM_SEVERITY_HIGH" if high else "HARM_SEVERITY_NEGLIGIBLE",
                "severityScore": 0.8 if high else 0.02,
            }
        if high:
            rating["blocked"] = True
        ratings.append(rating)
    return ratings


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


async def stream(call: Call, responses: AsyncIterator[dict[str, Any]]) -> web.StreamResponse:
    """Send each response as soon as there is one.

    Raises:
        Cut: a fault asked for the connection to be cut after so many pieces.
    """
    events = call.query.get("alt") == "sse"
    reply = web.StreamResponse(
        headers={"Content-Type": "text/event-stream" if events else "application/json; charset=UTF-8"}
    )
    await reply.prepare(call.request)
    sent = 0
    async for response in responses:
        if call.cut_after is not None and sent >= call.cut_after:
            raise Cut
        text = json.dumps(response, ensure_ascii=False)
        before, after = ("data: ", "\r\n\r\n") if events else (",\r\n" if sent else "[", "")
        await reply.write(f"{before}{text}{after}".encode())
        sent += 1
        if call.pause is not None:
            await call.pause.wait(sent, call.request)
    # Google's own client for REST refuses anything after the bracket, even a line break.
    if not events:
        await reply.write(b"]" if sent else b"[]")
    await reply.write_eof()
    return reply

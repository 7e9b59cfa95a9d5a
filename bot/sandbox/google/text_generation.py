"""How a question to a model is answered: what tests order, what a trainer says, whole or streamed."""

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.sandbox.google.fault_injection import Cut
from bot.sandbox.google.router import Call, answer
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
    """Orders for the next questions, taken in the order in which they were given; without any, models answer."""

    _orders: list[Order] = field(default_factory=list)

    def block(self, reason: str = "SAFETY", *, times: int | None = 1, containing: str = "") -> None:
        """Block the prompt: a block reason and no candidates."""
        self._orders.append(Order(times, containing, block=reason))

    def finish(self, reason: str, text: str = "", *, times: int | None = 1, containing: str = "") -> None:
        """End the answer for this reason, also an unknown one, with this text; an empty one leaves no content."""
        self._orders.append(Order(times, containing, finish=reason, text=text))

    def say(self, text: str, *, times: int | None = 1, containing: str = "") -> None:
        """Answer with this text."""
        self._orders.append(Order(times, containing, text=text))

    def leave_out(self, *, times: int | None = 1, containing: str = "") -> None:
        """Answer with no candidates and no reason."""
        self._orders.append(Order(times, containing, candidates=False))

    def clear(self) -> None:
        """Delete all orders."""
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


async def generate(
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
        words = _words_of(order.text)
    elif training_run is not None:
        words = training_run.answer(prompt)
    else:
        words = _words_of(f"This is a local stand-in of Google, not {model}: only tuned models answer here.")
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


async def _words_of(text: str) -> AsyncIterator[str]:
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


class ContentRoutes(ABC):
    """generateContent and its stream: each API says how it reads a question and how it writes an answer."""

    @abstractmethod
    def _generate(self, call: Call) -> AsyncIterator[Piece]:
        """Check a request, and return its answer in pieces."""

    @abstractmethod
    def _response(self, call: Call, piece: Piece) -> dict[str, Any]:
        """Return a piece as the API's GenerateContentResponse."""

    async def generate_content(self, call: Call) -> web.Response:
        """Answer in one piece."""
        pieces = [piece async for piece in self._generate(call)]
        text = "".join(piece.text for piece in pieces)
        return answer(self._response(call, dataclasses.replace(pieces[-1], text=text)))

    async def stream_content(self, call: Call) -> web.StreamResponse:
        """Answer piece by piece, each as soon as there is one.

        Raises:
            Cut: a fault asked for the connection to be cut after so many pieces.
        """
        # A refusal comes from here, before the headers leave, and so is an HTTP error.
        pieces = self._generate(call)
        events = call.query.get("alt") == "sse"
        reply = web.StreamResponse(
            headers={"Content-Type": "text/event-stream" if events else "application/json; charset=UTF-8"}
        )
        await reply.prepare(call.request)
        sent = 0
        async for piece in pieces:
            if call.cut_after is not None and sent >= call.cut_after:
                raise Cut
            text = json.dumps(self._response(call, piece), ensure_ascii=False)
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

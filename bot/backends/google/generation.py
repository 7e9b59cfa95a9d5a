"""Questions and answers on the wire: turns to `contents`, generateContent's and generateText's answers to Answer.

Blocked, cut and empty answers are results here, not errors, and a finish reason that is new to us still renders.
No I/O.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from bot.backends.google.json_fields import Json, record, records, text
from bot.domain.chat import Answer, Finish, Role, Turn
from bot.errors import BadArgument

_FINISHED: Final = frozenset({"", "STOP", "FINISH_REASON_UNSPECIFIED"})
_BLOCKED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)


def contents(turns: Sequence[Turn]) -> list[Json]:
    """`contents` as Gemini models take them: a user's turn first and last, one role after the other.

    Raises BadArgument if there is no question in the last turn.
    """
    merged: list[tuple[Role, list[str]]] = []
    for turn in turns:
        if not turn.text.strip() or (not merged and turn.role is Role.MODEL):
            continue
        if merged and merged[-1][0] is turn.role:
            merged[-1][1].append(turn.text)
        else:
            merged.append((turn.role, [turn.text]))
    if not merged or merged[-1][0] is not Role.USER:
        raise _no_question()
    return [{"role": role.value, "parts": [{"text": part} for part in parts]} for role, parts in merged]


def question(turns: Sequence[Turn]) -> str:
    """The last turn alone, for models that take no history. Raises BadArgument if it is no question."""
    last = turns[-1] if turns else None
    if last is None or last.role is not Role.USER or not last.text.strip():
        raise _no_question()
    return last.text


@dataclass(slots=True)
class _Read:
    """What the pieces of one answer said so far."""

    texts: list[str] = field(default_factory=list)
    finish_reason: str = ""
    block_reason: str = ""

    def take(self, piece: Json) -> str:
        """Read one GenerateContentResponse; returns the text that is new."""
        blocked = text(record(piece.get("promptFeedback")).get("blockReason"))
        if blocked and blocked != "BLOCKED_REASON_UNSPECIFIED":
            self.block_reason = blocked
        candidate = next(iter(records(piece.get("candidates"))), {})
        self.finish_reason = text(candidate.get("finishReason")) or self.finish_reason
        parts = records(record(candidate.get("content")).get("parts"))
        # A thinking model's thoughts come as parts too; they are not the answer.
        new = "".join(text(part.get("text")) for part in parts if not part.get("thought"))
        if new:
            self.texts.append(new)
        return new

    def finished(self) -> Answer:
        """The whole answer and how it ended."""
        said = "".join(self.texts)
        reason = self.finish_reason
        if self.block_reason and not said:
            return Answer("", Finish.BLOCKED, self.block_reason)
        if reason in _BLOCKED:
            return Answer(said, Finish.BLOCKED, reason)
        if reason == "MAX_TOKENS" or (said and reason not in _FINISHED):
            return Answer(said, Finish.CUT, reason)
        if not said.strip():
            return Answer("", Finish.EMPTY, "" if reason in _FINISHED else reason)
        return Answer(said)


def content_answer(response: Json) -> Answer:
    """The answer in a GenerateContentResponse."""
    read = _Read()
    read.take(response)
    return read.finished()


async def content_answers(pieces: AsyncGenerator[Json, None]) -> AsyncGenerator[Answer, None]:
    """Each new text as an Answer, then an Answer without text that says how it finished; closes `pieces`."""
    read = _Read()
    async with aclosing(pieces):
        async for piece in pieces:
            if new := read.take(piece):
                yield Answer(new)
    finished = read.finished()
    yield Answer("", finished.finish, finished.reason)


def text_answer(response: Json) -> Answer:
    """The answer in a PaLM GenerateTextResponse, which says why it held something back in `filters`."""
    said = next((text(candidate.get("output")) for candidate in records(response.get("candidates"))), "")
    if said.strip():
        return Answer(said)
    filters = records(response.get("filters"))
    if filters:
        return Answer("", Finish.BLOCKED, text(filters[0].get("reason")) or "OTHER")
    return Answer("", Finish.EMPTY)


def _no_question() -> BadArgument:
    return BadArgument(
        "There is no question.", "Write it after the command: /ask What comes after 7?", field="question"
    )

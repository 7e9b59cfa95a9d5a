"""Translates turns to the `contents` of a request, and the answers of generateContent and generateText to Answer.

Blocked, cut and empty answers are results, not errors, and a finish reason that is new to us is passed on. No I/O.
Source: google/ai/generativelanguage/v1beta/generative_service.proto (Candidate.FinishReason,
PromptFeedback.BlockReason), google/ai/generativelanguage/v1beta3/{text_service,safety}.proto, and
google/cloud/aiplatform/v1/{content,prediction_service}.proto.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from bot.backends.google.json_fields import Json, integer, record, records, text
from bot.domain.chat import Answer, Finish, Turn, TurnRole
from bot.domain.spending import TokenUse
from bot.errors import BadArgument, GoogleUnavailable

# Candidate.finish_reason: "If empty, the model has not stopped generating tokens."
_UNSAID: Final = frozenset({"", "FINISH_REASON_UNSPECIFIED"})
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
    """Return `contents` as Gemini models take them: a user's turn first and last, the two roles in alternation.

    Raises BadArgument if there is no question in the last turn.
    """
    merged: list[tuple[TurnRole, list[str]]] = []
    for turn in turns:
        if not turn.text.strip() or (not merged and turn.role is TurnRole.MODEL):
            continue
        if merged and merged[-1][0] is turn.role:
            merged[-1][1].append(turn.text)
        else:
            merged.append((turn.role, [turn.text]))
    if not merged or merged[-1][0] is not TurnRole.USER:
        raise _no_question()
    return [{"role": role.value, "parts": [{"text": part} for part in parts]} for role, parts in merged]


def question(turns: Sequence[Turn]) -> str:
    """Return the last turn, for models that take no history. Raises BadArgument if it is not a question."""
    last = turns[-1] if turns else None
    if last is None or last.role is not TurnRole.USER or not last.text.strip():
        raise _no_question()
    return last.text


@dataclass(slots=True)
class _PartialAnswer:
    """The parts of one answer that were received so far."""

    texts: list[str] = field(default_factory=list)
    finish_reason: str = ""
    block_reason: str = ""
    usage: TokenUse | None = None

    def add(self, response: Json) -> str:
        """Add one GenerateContentResponse; returns its text."""
        blocked = text(record(response.get("promptFeedback")).get("blockReason"))
        if blocked and blocked != "BLOCKED_REASON_UNSPECIFIED":
            self.block_reason = blocked
        self.usage = _usage(record(response.get("usageMetadata"))) or self.usage
        candidate = next(iter(records(response.get("candidates"))), {})
        self.finish_reason = text(candidate.get("finishReason")) or self.finish_reason
        parts = records(record(candidate.get("content")).get("parts"))
        # A thinking model sends its thoughts as parts with `thought`; they do not belong to the answer.
        new = "".join(text(part.get("text")) for part in parts if not part.get("thought"))
        if new:
            self.texts.append(new)
        return new

    def finished(self) -> Answer:
        """Return the whole answer, how it ended and what Google charges for it."""
        return replace(self._answer(), usage=self.usage)

    def _answer(self) -> Answer:
        answer = "".join(self.texts)
        reason = self.finish_reason
        if self.block_reason and not answer:
            return Answer("", Finish.BLOCKED, self.block_reason)
        if reason in _BLOCKED:
            return Answer(answer, Finish.BLOCKED, reason)
        code = "" if reason in _UNSAID else reason
        if code == "MAX_TOKENS" or (answer.strip() and code != "STOP"):
            return Answer(answer, Finish.CUT, code)
        if not answer.strip():
            return Answer("", Finish.EMPTY, "" if code == "STOP" else code)
        return Answer(answer)


def content_answer(response: Json) -> Answer:
    """Read the answer in a GenerateContentResponse."""
    read = _PartialAnswer()
    read.add(response)
    return read.finished()


async def content_answers(responses: AsyncGenerator[Json, None]) -> AsyncGenerator[Answer, None]:
    """Yield each new text as an Answer, then an Answer without text that says how it ended; closes `responses`."""
    read = _PartialAnswer()
    async with aclosing(responses):
        async for response in responses:
            if new := read.add(response):
                yield Answer(new)
    if read.texts and not read.finish_reason:
        # A proxy can end a response in a way that looks complete; Google's last response has a finish reason.
        raise GoogleUnavailable("The answer ended before it was complete.", "Ask again.")
    finished = read.finished()
    yield Answer("", finished.finish, finished.reason, usage=finished.usage)


def _usage(metadata: Json) -> TokenUse | None:
    """Read UsageMetadata; thoughts are charged for as answers are. None where Google says nothing."""
    sent = integer(metadata.get("promptTokenCount"))
    written = integer(metadata.get("candidatesTokenCount"))
    if sent is None and written is None:
        return None
    return TokenUse(sent or 0, (written or 0) + (integer(metadata.get("thoughtsTokenCount")) or 0))


def text_answer(response: Json) -> Answer:
    """Read the answer in a PaLM GenerateTextResponse, whose `filters` say why there is none."""
    outputs = [text(candidate.get("output")) for candidate in records(response.get("candidates"))]
    answers = [output for output in outputs if output.strip()]
    if answers:
        return Answer(answers[0], others=tuple(answers[1:]))
    filters = records(response.get("filters"))
    if filters:
        return Answer("", Finish.BLOCKED, text(filters[0].get("reason")) or "OTHER")
    return Answer("", Finish.EMPTY)


def _no_question() -> BadArgument:
    return BadArgument(
        "There is no question.", "Write it after the command: /ask What comes after 7?", field="question"
    )

"""Builds the two answers of a comparison, what a vote shows, and the sums of the votes.

Nothing in the two answers says which model wrote which, until one person votes; that person alone is told.
"""

from collections.abc import Sequence
from typing import Final

from bot.domain.chat import ModelAnswer
from bot.domain.comparison import Comparison, ComparisonSum, Part, Preference, Side
from bot.errors import Outdated
from handlers.blocks.chat.answer import (
    PIECE,
    answer_note,
    left_out_note,
    quoted_question,
    settings_note,
    text_pieces,
)
from handlers.blocks.elements import actions, button, context, section
from handlers.blocks.formatting import count
from handlers.blocks.message import Block, Message, clip, code, compose, escape_line, markdown_as_text, mention

_LETTERS: Final = ("A", "B")
FIRST_BETTER_ACTION = "comparison_a"
SECOND_BETTER_ACTION = "comparison_b"
SAME_ACTION = "comparison_same"
VOTE_ACTIONS: Final = (FIRST_BETTER_ACTION, SECOND_BETTER_ACTION, SAME_ACTION)
_CHOICES: Final = {
    Preference.A: ("A is better", FIRST_BETTER_ACTION),
    Preference.B: ("B is better", SECOND_BETTER_ACTION),
    Preference.SAME: ("About the same", SAME_ACTION),
}


def build_comparison(
    answered: ModelAnswer, asked: tuple[str, str] | None = None, *, goes_on: bool = True
) -> list[Message]:
    """Build the two answers under each other, with the buttons to vote; what does not fit becomes more messages.

    `asked` is the person and their question, where no message beside it shows the question. `goes_on` says that
    people may reply to the answers, as they cannot to private ones.
    """
    first = _intro(answered, asked)
    pages: list[tuple[list[Block], list[str]]] = [([first], [str(first["text"]["text"])])]
    room = PIECE
    for letter, side in zip(_LETTERS, answered.sides, strict=True):
        title = f"*{letter}*" if answered.compared else f"*{letter}:* {code(side.model.name, 128)}"
        heading: list[Block] = [section(title, f"side_{letter.lower()}")]
        for piece in text_pieces(side.answer) or [""]:
            if len(piece) > room:
                pages.append(([], []))
                room = PIECE
            blocks, texts = pages[-1]
            blocks += heading
            texts += [title] if heading else []
            heading = []
            if piece:
                blocks.append({"type": "markdown", "text": piece})
                texts.append(markdown_as_text(piece))
                room -= len(piece)
        if note := _side_note(side):
            pages[-1][0].append(context(note, f"notes_{letter.lower()}"))
            pages[-1][1].append(note)
    closing = _closing(answered, goes_on=goes_on)
    pages[-1][0].append(context(closing, "answer_notes"))
    pages[-1][1].append(closing)
    if answered.compared:
        pages[-1][0].append(_buttons(answered.compared))
    return [compose("\n".join(texts), blocks) for blocks, texts in pages]


def _intro(answered: ModelAnswer, asked: tuple[str, str] | None) -> Block:
    """Return the block that says which two models were asked; their order in it says nothing."""
    other = next(side for side in answered.sides if side.model != answered.model)
    names = f"{code(answered.model.name, 128)} and {_name(other.model.name, is_base=other.is_base)}"
    if asked is None:
        return section(f"Here are the answers of {names}{settings_note(answered)}, in random order.", "question")
    user, question = asked
    heading = f"{mention(user)} compared {names}{settings_note(answered)}, in random order:"
    return section(clip(f"{heading}\n{quoted_question(question)}", 1_600), "question")


def _name(name: str, *, is_base: bool) -> str:
    return f"its base model {code(name, 128)}" if is_base else code(name, 128)


def _side_note(side: ModelAnswer) -> str:
    if side.problem:
        return f"No answer: {escape_line(side.problem, 600)}"
    notes = [answer_note(side.answer)]
    if side.history_dropped:
        notes.append("This model takes no earlier messages: it saw only the last question.")
    if side.history_cut:
        notes.append("This thread is longer than the model takes: it saw only the newest messages of it.")
    return "\n".join(filter(None, notes))


def _closing(answered: ModelAnswer, *, goes_on: bool) -> str:
    blind = "Vote, and I tell you alone which model wrote which."
    how = blind if answered.compared else "There is nothing to vote on."
    more = f" Replies go to {code(answered.model.name, 128)}." if goes_on else ""
    # The order of the notes says nothing of the order of the answers; a base model is asked as the tuned one is.
    sides = sorted(answered.sides, key=lambda side: side.model != answered.model)
    left_out = [left_out_note(side, named=True) for side in sides if not side.is_base]
    return "\n".join(filter(None, [how + more, *left_out, escape_line(answered.note, 600)]))


def _buttons(key: str) -> Block:
    return actions(
        [
            button(text, action, f"{choice.value} {key}", label=f"Vote: {text}")
            for choice, (text, action) in _CHOICES.items()
        ],
        "comparison",
    )


def read_choice(value: str) -> tuple[str, Preference]:
    """Return the key and the vote of a pressed button. Raises Outdated."""
    choice, _, key = value.partition(" ")
    if choice not in [each.value for each in Preference] or not key:
        raise Outdated("I cannot read this button any more.", "Ask the two models again.")
    return key, Preference(choice)


def build_voted(comparison: Comparison, choice: Preference) -> Message:
    """Build what a person sees after a vote: which model is which."""
    names = " and ".join(
        f"{letter} is {_called(side)}" for letter, side in zip(_LETTERS, comparison.sides, strict=True)
    )
    vote = "that both are about the same" if choice is Preference.SAME else f"for {choice.value.upper()}"
    text = f"Your vote {vote} is stored. {names}. Press another button if you change your mind."
    return compose(text, [section(text, "voted")])


def _called(side: Side) -> str:
    return f"{'the base model ' if side.part is Part.BASE else ''}*{escape_line(side.model.name, 128)}*"


def with_comparisons(card: Message, sums: Sequence[ComparisonSum]) -> Message:
    """Return the card with the votes on comparisons of the model, unchanged where there are none."""
    if not sums:
        return card
    text = "\n".join(map(_sum_text, sums))
    return compose(f"{card.whole or card.text}\n{text}", [*card.blocks, context(text, "job_comparisons")])


def _sum_text(each: ComparisonSum) -> str:
    name = _name(each.other.name, is_base=each.against_base) if each.other.name else "another model"
    better = count(each.better, "vote")
    return f"Compared with {name}: {better} for this model, {each.worse:,} against, {each.same:,} for neither."

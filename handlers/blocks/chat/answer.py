"""Builds the messages of an answer: the model's Markdown, and why it is missing or ends early."""

from typing import Any

from bot.domain.chat import Answer, Finish, ModelAnswer, ModelRef
from bot.domain.generation_settings import GenerationSettings, label_of
from handlers.blocks.chat.channel_settings import settings_lines
from handlers.blocks.chat.feedback import feedback_buttons
from handlers.blocks.chat.links import show_addresses
from handlers.blocks.chat.markdown import split_markdown
from handlers.blocks.elements import actions, button, context, section
from handlers.blocks.formatting import listed
from handlers.blocks.message import (
    Block,
    Message,
    clip,
    code,
    compose,
    escape,
    escape_line,
    escape_markdown,
    markdown_as_text,
    mention,
    shorten,
)

AGAIN_ACTION = "question_again"
SHARE_ACTION = "answer_share"
FAILED_BLOCK = "try_again_failed"
PIECE = 11_000  # below Slack's 12,000 for Markdown, so that question and notes fit under 13,200 for all blocks
_QUESTION = 1_000
_QUESTION_BLOCK = "question"
_WRITES = "is writing…"
_WHY = {
    "SAFETY": "it may be unsafe",
    "RECITATION": "it repeats text from somewhere else too closely",
    "BLOCKLIST": "it holds words on a block list",
    "PROHIBITED_CONTENT": "it may hold content that Google forbids",
    "SPII": "it may hold personal data",
    "LANGUAGE": "it is in a language that the model does not take",
    "IMAGE_SAFETY": "a picture in it may be unsafe",
    "IMAGE_PROHIBITED_CONTENT": "a picture in it may hold content that Google forbids",
    "IMAGE_RECITATION": "a picture in it repeats another one too closely",
    "MODEL_ARMOR": "a rule of your own organisation at Google (Model Armor) forbids it",
    "MALFORMED_FUNCTION_CALL": "the model wrote a broken function call",
    "UNEXPECTED_TOOL_CALL": "the model called a function, and it was offered none",
    "TOO_MANY_TOOL_CALLS": "the model called too many functions one after another",
    "MALFORMED_RESPONSE": "the model wrote what Google cannot read",
    "OTHER": "Google does not say why",
}
_NEW_REASON = "Google gave a reason that this bot does not know"


def build_asked_answer(user: str, question: str, answered: ModelAnswer) -> list[Message]:
    """Build question and answer for /ask; what does not fit becomes more messages for the thread."""
    first, plain = _asked(user, question, answered.model, settings_note(answered))
    return _messages(answered, before=[first], text_before=plain)


def build_answer(answered: ModelAnswer) -> list[Message]:
    """Build the answer to a mention or to a reply in a thread, with the model's name below it."""
    return _messages(answered, after=f"Answered by {code(answered.model.name, 128)}{settings_note(answered)}.")


def settings_note(answered: ModelAnswer) -> str:
    """Return ` with temperature: 0.2`, what the question itself set; empty if it set nothing."""
    own = {name: value for name, value in answered.settings.given().items() if name in answered.overrides}
    # A system instruction is a text of its own, longer than the line.
    shown = settings_lines(GenerationSettings(**{**own, "system_instruction": None}))
    return f" with {listed(shown)}" if shown else ""


def _text(answer: Answer) -> str:
    """Return the model's Markdown, and all answers where there are several."""
    answers = [each.strip() for each in (answer.text, *answer.others)]
    if len(answers) == 1:
        return answers[0]
    return "\n\n".join(
        f"**Answer {index} of {len(answers)}**\n\n{text}" for index, text in enumerate(answers, start=1)
    )


def build_unfinished(model: ModelRef, markdown: str, asked: tuple[str, str] | None = None) -> Message:
    """Build the message of an answer that the model still writes; `asked` is the person and their question.

    The Markdown comes from `GrowingMarkdown`.
    """
    blocks: list[Block] = []
    text = ""
    if asked is not None:
        first, text = _asked(*asked, model)
        blocks.append(first)
    if markdown:
        blocks.append({"type": "markdown", "text": markdown})
        text += markdown_as_text(markdown)
    writing = f"{code(model.name, 128)} {_WRITES}"
    blocks.append(context(writing, "answer_notes"))
    return compose(clip(text, 3_000) + f"\n{writing}", blocks)


def shown_words(shown: dict[str, Any], *, quoted: bool) -> list[Block]:
    """Return the blocks of a message, as Slack has it, with the words of an unfinished answer, if any.

    The question that it quotes stands before them.
    """
    blocks = [each for each in shown.get("blocks") or [] if not _says_that_a_model_writes(each)]
    if any(each.get("block_id") != _QUESTION_BLOCK for each in blocks):
        return blocks
    text = _without_last_line(str(shown.get("text") or ""))
    return [section(clip(text, 3_000), "words")] if text and not blocks and not quoted else []


def build_cut_note(why: Message | None) -> Message:
    """Build what stands under the words of an answer that no process finishes; `why` says why no more come."""
    text = "*This answer was cut:* I was interrupted while the model wrote it."
    if why is None:
        return compose(text, [section(text, "cut")])
    more = f"{text} I could not get the rest."
    return compose(f"{more} {why.text}", [section(more, "cut"), *why.blocks])


def build_cut(shown: dict[str, Any], words: list[Block], note: Message) -> Message:
    """Build the message that keeps the words and has the note under them."""
    text = _without_last_line(str(shown.get("text") or ""))
    return compose(f"{clip(text, 3_000)}\n{note.text}", [*words, *note.blocks])


def _says_that_a_model_writes(block: Block) -> bool:
    elements = block.get("elements") or []
    return block.get("type") == "context" and any(
        str(each.get("text") or "").endswith(_WRITES) for each in elements
    )


def _without_last_line(text: str) -> str:
    """Return a message's text without the line that says that the model writes."""
    before, _, last = text.rpartition("\n")
    return before if last.endswith(_WRITES) else text


def build_full(model: ModelRef, piece: str, asked: tuple[str, str] | None = None) -> Message:
    """Build a message of an answer that goes on in the next one, as in the finished answer."""
    blocks, text = [], ""
    if asked is not None:
        first, text = _asked(*asked, model)
        blocks.append(first)
    blocks.append({"type": "markdown", "text": piece})
    return compose((text + markdown_as_text(piece)).strip(), blocks)


def _asked(user: str, question: str, model: ModelRef, settings: str = "") -> tuple[Block, str]:
    """Return the block and the text that quote a question."""
    asked = f"{mention(user)} asked {code(model.name, 128)}{settings}:"
    block = section(clip(f"{asked}\n{quoted_question(question)}", 1_400), _QUESTION_BLOCK)
    return block, f"{asked} {escape_line(question, _QUESTION)}\n"


def quoted_question(question: str) -> str:
    """Return a question as mrkdwn that quotes it, cut where it is long."""
    return "\n".join(f"> {escape(line)}" for line in shorten(question.strip(), _QUESTION).splitlines() or [" "])


def with_try_again(message: Message, key: str, *, failed: bool = False) -> Message:
    """Return the message with a button that asks the question of this key once more.

    `failed` says that the message holds no word of an answer, so that nothing is lost when it goes.
    """
    again = button("Try again", AGAIN_ACTION, key, label="Ask the same question again")
    row = actions([again], FAILED_BLOCK if failed else "try_again")
    return Message(message.text, (*message.blocks, row), message.whole)


def left_out_note(answered: ModelAnswer, *, named: bool = False) -> str:
    """Return which of the channel's settings were not sent, empty where there is none to tell of."""
    if not answered.left_out:
        return ""
    unused = listed(label_of(name) for name in answered.left_out)
    which = code(answered.model.name, 128) if named else "this model"
    pronoun = "it" if len(answered.left_out) == 1 else "them"
    return f"Set here but not sent, because {which} does not take {pronoun}: {unused}."


def with_share(message: Message, key: str) -> Message:
    """Return a private answer with a button that posts the answer to the question of this key in the channel."""
    share = button("Share", SHARE_ACTION, key, label="Post this answer in the channel for everybody")
    note = "Only you see this answer."
    blocks = [*message.blocks, context(note, "private"), actions([share], "share")]
    return compose(f"{message.whole or message.text}\n{note}", blocks)


def build_shared(channel: str) -> Message:
    """Build what takes the place of a private answer that was shared."""
    text = f"I post this answer in <#{channel}>."
    return compose(text, [section(text, "shared")])


def answer_note(answer: Answer) -> str:
    """Return why the answer is missing or ends early, with Google's reason, as mrkdwn; empty if complete."""
    word = f" Google's word for it is {code(answer.reason, 80)}." if answer.reason.strip() else ""
    why = _WHY.get(answer.reason.strip().upper())
    match answer.finish:
        case Finish.BLOCKED:
            stopped = (
                "Google's filters held the answer back"
                if not answer.text.strip()
                else ("Google's filters stopped the answer here")
            )
            return f"{stopped}{': ' + why if why else ''}.{word} Try to put the question differently."
        case Finish.CUT if not answer.text.strip():
            return (
                "The model used up its limit for one answer before it wrote a word: a model's thoughts count too."
                f"{word} Ask for less at a time, or allow longer answers with /tune settings."
            )
        case Finish.CUT if not word:
            return "The answer may end early: Google did not say that it is complete. Ask it to go on."
        case Finish.CUT:
            if answer.reason.strip().upper() == "MAX_TOKENS":
                why = "the model reached its limit for one answer"
            return f"The answer ends early: {why or _NEW_REASON}.{word} Ask it to go on."
        case Finish.DROPPED:
            return "The answer ends early: the connection to Google broke. This much of it arrived."
        case Finish.STOPPED:
            return "Stopped here, as somebody asked." if answer.text.strip() else "Stopped before the first word."
        case Finish.EMPTY:
            because = f": {why or _NEW_REASON}" if word else ""
            return f"The model gave no answer{because}.{word} Try to put the question differently."
        case Finish.COMPLETE:
            return "" if answer.text.strip() else "The model gave no answer. Try to put the question differently."


def _messages(
    answered: ModelAnswer,
    *,
    before: list[Block] | None = None,
    text_before: str = "",
    after: str = "",
) -> list[Message]:
    answer = answered.answer
    pieces = text_pieces(answer) or [""]
    notes = [answer_note(answer)]
    if answered.history_dropped:
        notes.append("This model takes no earlier messages: it saw only the last question.")
    if answered.history_cut:
        notes.append("This thread is longer than the model takes: it saw only the newest messages of it.")
    notes.append(left_out_note(answered))
    notes += [escape_line(answered.note, 600), after]
    closing = "\n".join(note for note in notes if note)
    messages = []
    for index, piece in enumerate(pieces):
        blocks: list[Block] = list(before or []) if index == 0 else []
        text = text_before if index == 0 else ""
        if piece:
            blocks.append({"type": "markdown", "text": piece})
            text += markdown_as_text(piece)
        if index == len(pieces) - 1 and closing:
            blocks.append(context(closing, "answer_notes"))
            text = clip(text, 3_000) + "\n" + closing
        if index == len(pieces) - 1 and answered.rating_key:
            blocks.append(feedback_buttons(answered.rating_key))
        messages.append(compose(text.strip(), blocks))
    return messages


def text_pieces(answer: Answer) -> list[str]:
    """Return the model's Markdown, escaped, in pieces that each fit into a message; none for an empty answer."""
    return _pieces(escape_markdown(_text(answer)))


def _pieces(markdown: str) -> list[str]:
    """Cut an escaped answer; links are checked in each piece, since a cut may move one out of its code."""
    pieces: list[str] = []
    for piece in split_markdown(markdown, PIECE):
        shown = show_addresses(piece)
        pieces += [piece] if shown == piece else _pieces(shown)
    return pieces

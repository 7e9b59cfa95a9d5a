"""Builds the thumbs under an answer, the form of a correction, and what `/tune feedback` answers.

`WHY` is read before feedback is switched on.
"""

from dataclasses import dataclass
from typing import Any, Final

from bot.chat.feedback_service import CorrectionExport, FeedbackSummary
from bot.domain.feedback import FeedbackSums, FeedbackSwitch, RatedAnswer, Vote
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.errors import Outdated
from bot.tuning.corrected_file import CorrectedFile
from handlers.blocks.elements import actions, button, context, input_block, modal, plain, section, text_input
from handlers.blocks.formatting import count, moment
from handlers.blocks.message import Block, Message, compose, escape, escape_line, mention, shorten
from handlers.blocks.private_metadata import pack_requester, unpack_requester
from handlers.blocks.replies import build_reply

VOTE_ACTION = "answer_vote"
AGAIN_ACTION = "corrections_again"
SWITCH_ACTION = "feedback_switch_on"
CORRECTION_VIEW = "correction_form"
JOINING_ID = "joining_file"
_BLOCK: Final = "answer_feedback"
_FIELD: Final = 3_000  # Slack's limit for a text field
_NAME: Final = 128
_SHOWN: Final = 5
WHY: Final = (
    "*Switch feedback on for this workspace?*\n"
    "• Under each answer of a tuned model there will be two thumbs. A vote is stored with the exact question, the "
    "earlier messages that were sent with it, the model, its settings, the answer, who voted and when.\n"
    "• The thumb down opens a form for a better answer. The owner of the model can tune it again with these "
    "corrections.\n"
    "• Slack's developer policy forbids to train models on data from Slack. So the bot trains only on what people "
    "type into that form, or upload, for this purpose: never on messages, and never on a question or an answer as "
    "such. The form says so.\n"
    "• Answers that nobody votes on are deleted after 30 days. `/tune feedback off` ends all of it; what is "
    "stored until then stays."
)


@dataclass(frozen=True, slots=True)
class CorrectionForm:
    """The submitted form: the key of the answer, and what the person typed."""

    requester: Requester
    key: str
    question: str
    text: str


def feedback_buttons(key: str) -> Block:
    """Build Slack's two thumbs for the answer to this question.

    Source: docs.slack.dev/reference/block-kit/block-elements/feedback-buttons-element.
    """
    return {
        "type": "context_actions",
        "block_id": _BLOCK,
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": VOTE_ACTION,
                "positive_button": _thumb("Good answer", Vote.UP, key),
                "negative_button": _thumb("Bad answer", Vote.DOWN, key),
            }
        ],
    }


def _thumb(text: str, vote: Vote, key: str) -> Block:
    return {"text": plain(text, 75), "value": f"{vote.value} {key}", "accessibility_label": text}


def read_vote(value: str) -> tuple[str, Vote]:
    """Return the key and the vote of a pressed thumb. Raises Outdated."""
    vote, _, key = value.partition(" ")
    if vote not in [each.value for each in Vote] or not key:
        raise Outdated("I cannot read this button any more.", "Ask the model again.")
    return key, Vote(vote)


def build_thanks() -> Message:
    """Build what a person sees after a thumb up."""
    return build_reply("Thank you, your vote is stored. Press the other thumb if you change your mind.")


def build_correction_form(requester: Requester, answer: RatedAnswer) -> dict[str, Any]:
    """Build the form that a thumb down opens; the vote is stored already."""
    question = answer.turns[-1].text
    wrong = escape(shorten(answer.text.strip(), 600))
    blocks = [
        section(
            f"Your vote against this answer of *{escape_line(answer.model.name, _NAME)}* is stored. What would "
            "have been a better answer?",
            "correction_intro",
        ),
        context("\n".join(f"> {line}" for line in wrong.splitlines() or [" "]), "correction_wrong"),
        input_block(
            "question",
            "Question",
            text_input("question", initial=question, longest=_FIELD, multiline=True),
            hint="Write it so that it can be understood alone, without the messages before it.",
        ),
        input_block(
            "better",
            "Better answer",
            text_input("better", placeholder="What the model should say", longest=_FIELD, multiline=True),
        ),
        context(
            "The model may be tuned on what you save here. Your name and the time are stored with it.",
            "correction_use",
        ),
    ]
    return modal(
        CORRECTION_VIEW,
        "A better answer",
        blocks,
        submit="Save",
        close="No, thanks",
        metadata=pack_requester(requester, answer=answer.key),
    )


def read_correction_form(view: dict[str, Any], sender: Requester) -> CorrectionForm:
    """Read the form that the sender submitted. Raises Forbidden if it is not theirs, Outdated."""
    requester, kept = unpack_requester(str(view.get("private_metadata") or ""), sender)
    values = (view.get("state") or {}).get("values") or {}
    question, text = (
        str((values.get(name) or {}).get(name, {}).get("value") or "") for name in ("question", "better")
    )
    return CorrectionForm(requester, str(kept.get("answer", "")), question, text)


def build_why() -> Message:
    """Build the reasons that are read before feedback is switched on, with the button that does it."""
    blocks = [
        section(WHY, "feedback_why"),
        actions([button("Switch feedback on", SWITCH_ACTION, "on", style="primary")], "feedback_switch"),
    ]
    return compose(WHY, blocks)


def build_switched(*, on: bool, by: str) -> Message:
    """Build the answer to a switch that was changed."""
    if on:
        return _message(f"Feedback is on, as {mention(by)} decided. New answers have two thumbs below them.")
    return _message("Feedback is off. No more votes are stored.")


def build_switch(switch: FeedbackSwitch | None) -> Message:
    """Build the answer to `/tune feedback` alone."""
    if switch is None:
        return _message("Feedback is off. An owner of the bot can read why and switch it on: `/tune feedback on`.")
    state = "on" if switch.on else "off"
    return _message(f"Feedback is {state} since {moment(switch.at)}, as {mention(switch.user)} decided.")


def build_again(job: TuningJob) -> Message:
    """Build the button that opens the form to tune a model again with its corrections."""
    text = f"Tune *{escape_line(job.name, _NAME)}* again on its file and the corrections of its answers?"
    return compose(text, [section(text, "feedback"), _again(job)])


def _again(job: TuningJob) -> Block:
    return actions([button("Tune again", AGAIN_ACTION, job.key)], "feedback_again")


def build_summary(summary: FeedbackSummary, *, in_public: bool = False) -> Message:
    """Build what people say of a model: sums, and the newest corrections if the reader may see them."""
    name = escape_line(summary.job.name, _NAME)
    lines = [f"*{name}*: {sums_text(summary.sums)}."]
    corrections = list(summary.corrections or ())
    if summary.corrections is None:
        lines.append("Its owner and approvers can see the corrections.")
    elif in_public and corrections:
        lines.append(f"See the corrections with `/tune feedback {name}`.")
    elif corrections:
        for each in corrections[: -_SHOWN - 1 : -1]:
            question, better = (escape_line(text, 200) for text in (each.question, each.text))
            lines.append(f"• {moment(each.at)}: {question} → {better}")
        lines.append(f"`/tune export {name}` sends you all of them.")
    text = "\n".join(lines)
    return compose(text, [section(text, "feedback"), *([_again(summary.job)] if corrections else [])])


def sums_text(sums: FeedbackSums) -> str:
    """Return the sums as words: `3 votes for its answers, 1 against, 1 correction`."""
    votes = count(sums.up, "vote")
    return f"{votes} for its answers, {sums.down:,} against, {count(sums.corrections, 'correction')}"


def with_votes(card: Message, sums: FeedbackSums) -> Message:
    """Return the card with the votes on the model's answers, unchanged where there are none."""
    if sums == FeedbackSums():
        return card
    text = f"Feedback: {sums_text(sums)}."
    return compose(f"{card.whole or card.text} {text}", [*card.blocks, context(text, "job_votes")])


def build_exported(export: CorrectionExport) -> Message:
    """Build the answer after the files of an export were sent."""
    name = escape_line(export.job.name, _NAME)
    return _message(
        f"I sent you the corrections of *{name}* directly, version {export.version}: "
        f"{count(export.count, 'row')} in the form of its training file, and a second file that says where each "
        "row comes from."
    )


def build_joining_view(requester: Requester) -> dict[str, Any]:
    """Build the view that is shown while the training file and the corrections become one file."""
    text = "I am putting the training file and the corrections together."
    return modal(JOINING_ID, "Tune again", [section(text, "joining")], metadata=pack_requester(requester))


def build_joined(name: str, made: CorrectedFile) -> Message:
    """Build the message beside the file that the form was opened with."""
    instead = f" in place of {count(made.replaced, 'row')}" if made.replaced else ""
    added = count(made.added, "correction")
    return _message(f"This is the training file of *{escape_line(name, _NAME)}* with {added}{instead}.")


def _message(text: str) -> Message:
    return compose(text, [section(text, "feedback")])

"""Builds the views and messages around a report: while a file is read or repaired, and where that failed."""

from dataclasses import replace
from typing import Any

from bot.datasets import DatasetReport, shown_encoding
from bot.domain.place import Requester
from bot.domain.requests import StartRequest
from bot.errors import BadArgument, BotError, FileUnavailable
from bot.tuning.dataset_repair import RepairedFiles
from handlers.blocks.elements import actions, button, confirm, context, modal, section
from handlers.blocks.formatting import count
from handlers.blocks.jobs.wording import NAME
from handlers.blocks.message import Block, Message, code, compose, escape, escape_line
from handlers.blocks.private_metadata import pack_request, pack_requester
from handlers.blocks.replies import error_text

CHECKING_ID = "checking"
ERROR_ID = "start_error"
AGAIN_ACTION = "form_again"
REPAIR_ACTION = "report_repair"
POST_ACTION = "report_post"
MASK_ACTION = "report_mask"
ENCODING_ACTION = "report_encoding"
CHECK_ACTION = "report_check"


def build_checking_view(name: str, percent: int = 0) -> dict[str, Any]:
    """Build the view that is shown while the file is checked; closing it stops the check."""
    text = (
        f"I am checking {escape_line(name, NAME)}. For a large file this can take a minute. Nothing starts yet. "
        "If you close this, I stop."
    )
    progress = [context(f"{percent}% read.", "checked")] if percent else []
    return modal(
        CHECKING_ID,
        "Checking the file",
        [section(text, "checking"), *progress],
        close="Stop",
        notify_on_close=True,
    )


def build_stopped_message() -> Message:
    """Build the message to a person who closed the view of a check."""
    text = "I stopped checking your file, because you closed its window. Nothing was started."
    return compose(text, [section(text, "stopped")])


def build_repairing_view(requester: Requester, *, in_channel: bool = False) -> dict[str, Any]:
    """Build the view that is shown while the file is repaired."""
    where = "post in the channel" if in_channel else "send to you alone"
    text = (
        f"I am repairing the file. Then I {where} what I kept, with the number of rows that I left out, and show "
        "you here whether you can start. You can close this."
    )
    return modal(
        CHECKING_ID, "Repairing the file", [section(text, "repairing")], metadata=pack_requester(requester)
    )


def build_reencoding_view(requester: Requester) -> dict[str, Any]:
    """Build the view that is shown while the file is written as UTF-8."""
    text = (
        "I am writing the file as UTF-8. Then I send it to you alone, and show you here whether you can start. "
        "You can close this."
    )
    return modal(
        CHECKING_ID, "Writing it as UTF-8", [section(text, "reencoding")], metadata=pack_requester(requester)
    )


def build_error_view(error: BotError, requester: Requester, request: StartRequest | None = None) -> dict[str, Any]:
    """Build the view that replaces a failed one; with a `request`, a button opens the form again, filled in."""
    blocks = [section(error_text(error), "error"), *build_way_out(None, request)]
    return modal(ERROR_ID, "That did not work", blocks, metadata=pack_requester(requester))


def build_message_view(message: Message) -> dict[str, Any]:
    """Build a view that shows a message."""
    return modal(ERROR_ID, "That did not work", list(message.blocks))


def build_repaired_message(repaired: RepairedFiles, uploaded: int = 0, apart: int = 0) -> Message:
    """Build the message on a repair: how many rows were kept, repaired and left out.

    It promises only the files that were `uploaded` to its thread already, or sent to the person `apart`.
    """
    kept = f"*{escape_line(repaired.name, 100)}* repaired: {count(repaired.kept, 'row')} kept"
    if repaired.repaired:
        kept += f", {repaired.repaired:,} of them repaired"
    if repaired.masked:
        kept += f", personal data masked in {repaired.masked:,}"
    if repaired.rejected:
        left_out = f" {count(repaired.rejected, 'row')} left out"
    else:
        left_out = " No row left out" if repaired.cut_turns else " Nothing left out"
    if repaired.duplicates:
        left_out += f", {count(repaired.duplicates, 'duplicate')} among them"
    if repaired.cut_turns:
        left_out += f". {count(repaired.cut_turns, 'turn')} without a question or an answer cut off"
    text = f"{kept}.{left_out}.{_uploaded(uploaded)}"
    if apart:
        text += " The rows that were left out were sent to the person who asked."
    return compose(text, [section(text, "repaired")])


def _uploaded(files: int) -> str:
    if not files:
        return ""
    if files == 1:
        return " The repaired file is in this thread."
    return " Both files are in this thread; each row that was left out says why."


def nothing_kept(repaired: RepairedFiles) -> FileUnavailable:
    """Return the error for a file in which no row can be kept, with the reason of the first one."""
    return FileUnavailable(
        f"No row of {repaired.name} can be tuned on as it is, so there is nothing to repair it to.",
        f"The first one: {repaired.first_reason}" if repaired.first_reason else "The file holds no row.",
    )


def build_way_out(report: DatasetReport | None, request: StartRequest | None) -> list[Block]:
    """Build what a person can do next in a view: answer a question, repair the file, change the form."""
    if request is None:
        return []
    try:
        again = [button("Change something", AGAIN_ACTION, pack_request(request))]
        if report is not None and (question := build_question(report, request)):
            *above, asked = question
            return [*above, {**asked, "elements": [*asked["elements"], *again]}]
        encoding = _encoding(report, request) if report is not None else []
        # Where no row is UTF-8, a repair has nothing to keep.
        repairs = _repairs(report, request) if report is not None and (report.examples or not encoding) else []
    except BadArgument:
        # Too long for a button: the person opens the form with the command instead.
        return []
    chosen = [actions([*repairs, *again], "report_choices")]
    if report is None or not repairs:
        return [*encoding, *chosen]
    text = ""
    if report.repairable:
        can = "can" if report.examples else "can try to"
        text = (
            f"*I {can} repair this file.* I keep the good rows, put right what can only have been meant in one "
            "way, and list the rest with reasons. Both files go to you alone. "
        )
    if report.may_be_masked:
        text += (
            "*I can mask personal data and keys:* each value becomes a placeholder such as `[EMAIL_1]`, the same "
            "one in all rows. "
        )
    text += "Your own file stays as it is."
    return [*encoding, section(text, "report_way_out"), *chosen]


def _encoding(report: DatasetReport, request: StartRequest) -> list[Block]:
    """Build the question whether the guessed encoding of a file is right, nothing where none is guessed."""
    shown = shown_encoding(report.guessed_encoding)
    if not shown or report.pictures:
        return []
    text = (
        f"*Is this file written in {escape(shown)}?* Then I write it as UTF-8, send that file to you alone, and "
        "show you the report on it. Look at its first rows: where they are garbled, it is in another encoding."
    )
    yes = button(
        "Yes, read it so",
        ENCODING_ACTION,
        pack_request(replace(request, encoding=report.guessed_encoding)),
        style="primary",
    )
    return [section(text, "report_encoding"), actions([yes], "report_encoding_choice")]


def _repairs(report: DatasetReport, request: StartRequest) -> list[Block]:
    """Build the buttons that repair the file, that mask its private values, or that do both; or none of them."""
    if not (report.repairable or report.may_be_masked):
        return []
    buttons = []
    if report.repairable:
        buttons.append(button("Repair and continue", REPAIR_ACTION, pack_request(request), style="primary"))
    if report.may_be_masked:
        text = "Repair, mask and continue" if report.repairable else "Mask and continue"
        masked = pack_request(replace(request, mask=True))
        # Two buttons of one block must have ids of their own.
        buttons.append(button(text, MASK_ACTION, masked))
    pictures = " Its pictures are posted as they are." if report.pictures else ""
    ask = confirm(
        "Post it in the channel?",
        "Everybody in the channel can read the repaired rows then, and start a tuning on them. Personal data "
        f"that I recognize is masked.{pictures} The rows that are left out go to you alone.",
        "Post it",
        "Keep it private",
    )
    buttons.append(button("Repair and post here", POST_ACTION, pack_request(request), ask=ask))
    return buttons


def build_question(report: DatasetReport, request: StartRequest) -> list[Block]:
    """Build the question that only a person can answer, with its buttons; nothing where there is none.

    Raises BadArgument for a request that is too long for a button.
    """
    guess = report.guessed_mapping if report.dialect is None else None
    if guess is not None:
        keys = " with ".join(code(key, 60) for key in guess.input.split("+"))
        text = f"*Is {keys} what people ask, and {code(guess.output, 60)} what the model should say?*"
        yes, answered = "Yes, check it so", replace(request, mapping=guess)
    elif report.asks_for_preferred and not request.preferred_only:
        text = (
            "*Each row has a preferred answer and another one. Should the model learn the preferred answers, and "
            "nothing of the others?*"
        )
        yes, answered = "Yes, the preferred ones", replace(request, preferred_only=True)
    else:
        return []
    check = button(yes, CHECK_ACTION, pack_request(answered), style="primary")
    return [section(text, "report_question"), actions([check], "report_choices")]

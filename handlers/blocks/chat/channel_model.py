"""Says which model answers in a channel, who chose it, and that this has changed."""

from bot.chat.chat_service import ChosenModel
from handlers.blocks.elements import section
from handlers.blocks.formatting import moment
from handlers.blocks.message import Message, compose, escape, escape_line, mention

_NAME = 128
_CHOOSE = "Choose one with `/tune use NAME`."


def build_channel_model(chosen: ChosenModel | None, *, direct: bool = False) -> Message:
    """Build the answer to `/tune use` alone; `direct` says that it was typed in direct messages."""
    if chosen is None:
        return _message(f"No model was chosen for {_place(direct)}. {_CHOOSE}")
    bound = chosen.chosen
    name = f"*{escape_line(bound.model.name, _NAME)}*"
    since = f"{mention(bound.user)} chose it {moment(bound.at)}"
    if chosen.deleted_by:
        return _message(
            f"{name} answered in {_place(direct)}, and was deleted by {mention(chosen.deleted_by)}. No model "
            f"answers in its place. {_CHOOSE}"
        )
    if not chosen.may_answer:
        return _message(
            f"The model that {mention(bound.user)} chose for this channel may not be used here any more. No model "
            f"answers in its place. {_CHOOSE}"
        )
    return _message(f"{name} answers in {_place(direct)}. {since}. `/tune use none` ends that.")


def build_chosen(name: str, by: str = "", *, greeting: str = "", direct: bool = False) -> Message:
    """Build the message that the model answers in the channel from now on; `by` is who chose it.

    `greeting` is the channel's own text, which people wrote. In direct messages nobody needs to mention the bot.
    """
    ask = "Ask it: just write." if direct else "Ask it with `/ask`, or mention me."
    text = f"*{escape_line(name, _NAME)}* answers in {_place(direct)} now"
    text = f"{text}, chosen by {mention(by)}. {ask}" if by and not direct else f"{text}. {ask}"
    return _message(f"{text}\n{escape(greeting)}".strip())


def build_none_chosen(before: ChosenModel, by: str = "", *, direct: bool = False) -> Message:
    """Build the message that no model answers in the channel any more; `by` is who decided it."""
    who = f", as {mention(by)} decided" if by else ""
    # What the channel may not know any more has no name here.
    name = f"*{escape_line(before.chosen.model.name, _NAME)}*" if before.may_answer else "The chosen model"
    return _message(f"{name} no longer answers in {_place(direct)}{who}. {_CHOOSE}")


def build_model_deleted(name: str, by: str) -> Message:
    """Build the message to a channel whose model was deleted."""
    return _message(
        f"*{escape_line(name, _NAME)}*, which answered in this channel, was deleted by {mention(by)}. No model "
        f"answers in its place. {_CHOOSE}"
    )


def build_model_unshared(name: str, by: str) -> Message:
    """Build the message to a channel with which its model is no longer shared."""
    return _message(
        f"*{escape_line(name, _NAME)}*, which answered in this channel, is no longer shared with it, as "
        f"{mention(by)} decided. No model answers in its place. {_CHOOSE}"
    )


def _place(direct: bool) -> str:
    return "these direct messages" if direct else "this channel"


def _message(text: str) -> Message:
    return compose(text, [section(text, "channel_model")])

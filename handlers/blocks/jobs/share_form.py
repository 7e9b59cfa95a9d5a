"""Builds and reads the modal of the “Share” button, and the messages on what is shared."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from bot.domain.jobs import TuningJob
from bot.domain.names import quoted
from bot.domain.place import Requester
from bot.domain.roles import EVERYONE, is_channel, is_person
from bot.errors import Outdated
from handlers.blocks.elements import Choice, context, input_block, modal, option, section
from handlers.blocks.jobs.wording import NAME, shared_text
from handlers.blocks.message import COMMAND_LINE, Message, code, compose, escape_line, mention
from handlers.blocks.private_metadata import pack_requester, unpack_requester

SHARE_VIEW = "job_share"
_ABOUT: Final = (
    "They see the card, the name and the model, and may ask it: people in direct messages with me, a channel in "
    "that channel. Everybody in its own channel sees it anyway. Nothing is changed at Google."
)


@dataclass(frozen=True, slots=True)
class ShareForm:
    """The submitted form: whose it is and in which place, the key of the job, and with whom to share it.

    `shown` is with whom the form said that it is shared: only what the person changed in the form changes.
    """

    requester: Requester
    key: str
    targets: tuple[str, ...]
    shown: tuple[str, ...] = ()


def build_share_form(requester: Requester, job: TuningJob) -> dict[str, Any]:
    """Build the modal, filled in with those with whom the job is shared."""
    channels: dict[str, Any] = {
        "type": "multi_conversations_select",
        "action_id": "channels",
        "filter": {"include": ["public", "private"], "exclude_external_shared_channels": True},
    }
    if chosen := [target for target in job.shared_with if is_channel(target)]:
        channels["initial_conversations"] = chosen
    people: dict[str, Any] = {"type": "multi_users_select", "action_id": "people"}
    if chosen := [target for target in job.shared_with if is_person(target)]:
        people["initial_users"] = chosen
    all_of_them = option(Choice(EVERYONE, "Every full member of this workspace"))
    everyone: dict[str, Any] = {"type": "checkboxes", "action_id": "everyone", "options": [all_of_them]}
    if EVERYONE in job.shared_with:
        everyone["initial_options"] = [all_of_them]
    blocks = [
        section(f"With whom is *{escape_line(job.name, NAME)}* shared?", "share_what"),
        input_block("channels", "Channels", channels, optional=True),
        input_block("people", "People", people, optional=True),
        input_block("everyone", "Everyone", everyone, optional=True),
        context(_ABOUT, "share_about"),
    ]
    return modal(SHARE_VIEW, "Share", blocks, submit="Share", metadata=pack_requester(requester, key=job.key))


def read_share_form(view: dict[str, Any], sender: Requester) -> ShareForm:
    """Read the form from a view that the sender submitted. Raises Forbidden if it is not theirs, Outdated."""
    requester, packed = unpack_requester(str(view.get("private_metadata") or ""), sender)
    values = (view.get("state") or {}).get("values") or {}
    try:
        channels = msgspec.convert(values["channels"]["channels"].get("selected_conversations") or [], list[str])
        people = msgspec.convert(values["people"]["people"].get("selected_users") or [], list[str])
        everyone = [EVERYONE] if values["everyone"]["everyone"].get("selected_options") else []
        return ShareForm(requester, str(packed["key"]), (*channels, *people, *everyone), _shown(view))
    except (KeyError, AttributeError, TypeError, msgspec.ValidationError) as error:
        raise Outdated("I cannot read this form.", "Open it again with the button Share.") from error


def _shown(view: dict[str, Any]) -> tuple[str, ...]:
    """Return with whom the form, which Slack sends back as it was built, said that the job is shared."""
    elements = [block.get("element") or {} for block in view.get("blocks") or ()]
    found: list[str] = []
    for each in elements:
        found += each.get("initial_conversations") or each.get("initial_users") or ()
        found += [str(chosen["value"]) for chosen in each.get("initial_options") or ()]
    return tuple(found)


def build_shared_reply(job: TuningJob) -> Message:
    """Build the answer to the person who changed with whom the job is shared."""
    with_whom = f"shared with {shared_text(job)}" if job.shared_with else "not shared beyond its channel"
    text = f"*{escape_line(job.name, NAME)}* is {with_whom}."
    return compose(text, [section(text, "shared_now")])


def build_shared_news(job: TuningJob, by: str) -> Message:
    """Build the post to a channel or a person with whom the job is shared from now on."""
    line = code(f"/ask model={quoted(job.name)} your question", COMMAND_LINE)
    ask = f" Ask it: {line}" if job.can_answer else ""
    text = f"{mention(by)} shared the tuning *{escape_line(job.name, NAME)}* here.{ask}"
    return compose(text, [section(text, "shared_news")])

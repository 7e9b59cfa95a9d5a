"""``conversations.*``: opening, describing and reading conversations."""

import re
from collections.abc import Callable
from typing import TypeVar

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.records import Json, Message
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.slack_app import READ_SCOPES

T = TypeVar("T")

PAGE = 100


def open_conversation(call: Call) -> Json:
    """Open the direct message with one person."""
    users = [user for user in call.text("users").split(",") if user]
    if not users:
        raise SlackError("users_list_not_supplied")
    if len(users) > 1:
        raise SlackError("method_not_supported_for_channel_type")
    if users[0] not in call.workspace.users:
        raise SlackError("user_not_found")
    channel = call.workspace.direct_message(call.app.bot_user_id, users[0])
    return {"ok": True, "channel": {"id": channel.id}}


def info(call: Call) -> Json:
    """Describe a conversation."""
    channel = call.channel()
    call.need(READ_SCOPES[channel.kind])
    return {"ok": True, "channel": call.objects.channel(channel)}


def members(call: Call) -> Json:
    """List who is in a conversation."""
    channel = call.channel()
    call.need(READ_SCOPES[channel.kind])
    page, cursor = _page(call, sorted(channel.members))
    return {"ok": True, "members": page, "response_metadata": {"next_cursor": cursor}}


def history(call: Call) -> Json:
    """Read a conversation, newest first, replies left out."""
    channel = call.readable_channel()
    asked_for = _range(call)
    found = [
        message
        for message in reversed(channel.messages)
        if (message.thread_ts in (None, message.ts) or message.broadcast) and asked_for(message)
    ]
    page, cursor = _page(call, found)
    shown = [_shown(call, message) for message in page]
    more = {"response_metadata": {"next_cursor": cursor}} if cursor else {}
    return {"ok": True, "messages": shown, "has_more": bool(cursor), "pin_count": 0, **more}


def replies(call: Call) -> Json:
    """Read a thread, its root first."""
    channel = call.readable_channel()
    ts = call.required("ts")
    root = channel.message(ts)
    if root is None and not channel.goes_on(ts):
        raise SlackError("thread_not_found")
    root_ts = ts if root is None else root.thread_ts or root.ts
    thread = [message for message in channel.messages if message.ts == root_ts]
    thread += filter(_range(call), channel.replies.get(root_ts, ()))
    page, cursor = _page(call, [message for message in thread if _visible(message)])
    shown = [_shown(call, message) for message in page]
    more = {"response_metadata": {"next_cursor": cursor}} if cursor else {}
    return {"ok": True, "messages": shown, "has_more": bool(cursor), **more}


def _visible(message: Message) -> bool:
    return not message.deleted and message.visible_to is None


def _range(call: Call) -> Callable[[Message], bool]:
    """Return what says whether a message can be read and lies in the range of time that was asked for."""
    oldest, latest = float(call.text("oldest", "0") or 0), float(call.text("latest") or "inf")
    inclusive = call.flag("inclusive")

    def contains(message: Message) -> bool:
        ts = float(message.ts)
        inside = oldest <= ts <= latest if inclusive else oldest < ts < latest
        return inside and _visible(message)

    return contains


def _shown(call: Call, message: Message) -> Json:
    return call.objects.message(message, with_metadata=call.flag("include_all_metadata"))


def _page(call: Call, items: list[T]) -> tuple[list[T], str]:
    """Return one page and the cursor of the next, empty at the end."""
    cursor = call.text("cursor")
    if cursor and not re.fullmatch(r"page:\d+", cursor):
        raise SlackError("invalid_cursor")
    start = int(cursor.removeprefix("page:") or 0)
    limit = call.number("limit", PAGE)
    if not 1 <= limit <= 1000:
        raise SlackError("invalid_limit")
    following = start + limit
    return items[start:following], f"page:{following}" if following < len(items) else ""

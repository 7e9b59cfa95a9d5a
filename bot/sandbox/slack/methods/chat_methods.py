"""``chat.*`` except streaming: posting, editing, deleting."""

from typing import Any

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.records import Channel, Json, Message, Revision
from bot.sandbox.slack.references import live_in_message
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.rules.surfaces import message_blocks

POST_CHARACTERS = 40_000
UPDATE_CHARACTERS = 4_000
MARKDOWN_CHARACTERS = 12_000
METADATA_NAME = 255


def content(call: Call, limit: int) -> tuple[str, list[Json]]:
    """Return text and blocks of a message, or refuse them."""
    text = call.text("text")
    blocks = call.data("blocks")
    if len(text) > limit:
        raise SlackError("msg_too_long")
    kept = message_blocks(blocks, call.workspace) if blocks not in (None, "", []) else []
    if not text.strip() and not kept:
        raise SlackError("no_text")
    return text, kept


def metadata(call: Call) -> Json | None:
    """Return the message metadata, or refuse it."""
    given: Any = call.data("metadata")
    if given in (None, "", {}):
        return None
    if not isinstance(given, dict):
        raise SlackError("invalid_metadata_format")
    sound = isinstance(given.get("event_type"), str) and isinstance(given.get("event_payload"), dict)
    if not sound or len(given["event_type"]) > METADATA_NAME:
        raise SlackError("invalid_metadata_schema")
    return given


def thread(call: Call, channel: Channel) -> str | None:
    """Return the root ts of the thread to post into; a reply's own ts leads to its root.

    Under a root that was deleted, Slack keeps a thread that has replies. One without replies is gone, and Slack
    posts what was meant for it in the channel, without a word: https://github.com/slack-go/slack/issues/1571.
    """
    ts = call.text("thread_ts")
    if not ts:
        return None
    root = channel.message(ts)
    if root is not None:
        return root.thread_ts or root.ts
    if not any(each.ts == ts and each.deleted for each in channel.messages):
        raise SlackError("thread_not_found")
    return ts if channel.goes_on(ts) else None


def bot_message(call: Call, channel: Channel, text: str, blocks: list[Json]) -> Message:
    """Return a message by the app that is not yet in its channel."""
    return Message(
        channel=channel.id,
        ts=call.workspace.new_ts(),
        user=call.app.bot_user_id,
        bot_id=call.app.bot_id,
        text=text,
        blocks=blocks,
        live=live_in_message(text, blocks, parse=call.text("parse", "none")),
        extra={
            name: call.args[name]
            for name in ("unfurl_links", "unfurl_media", "parse", "mrkdwn", "username")
            if name in call.args
        },
    )


def post_message(call: Call) -> Json:
    """Post a message as the app."""
    channel = call.writable_channel()
    text, blocks = content(call, POST_CHARACTERS)
    message = bot_message(call, channel, text, blocks)
    message.thread_ts = thread(call, channel)
    message.broadcast = call.flag("reply_broadcast")
    message.metadata = metadata(call)
    call.workspace.add_message(message)
    call.events.message_posted(message)
    shown = call.objects.message(message, with_metadata=True)
    return {"ok": True, "channel": channel.id, "ts": message.ts, "message": shown}


def post_ephemeral(call: Call) -> Json:
    """Show a message to one person only."""
    channel = call.writable_channel()
    user = call.required("user")
    if user not in call.workspace.users:
        raise SlackError("user_not_found")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = content(call, POST_CHARACTERS)
    message = bot_message(call, channel, text, blocks)
    message.thread_ts = call.text("thread_ts") or None
    message.visible_to = user
    call.workspace.add_message(message)
    return {"ok": True, "message_ts": message.ts}


def update(call: Call) -> Json:
    """Edit the app's own message; blocks that are not sent again are gone."""
    channel = call.channel()
    message = call.own_message(channel, "cant_update_message")
    if channel.is_archived:
        raise SlackError("is_inactive")
    if message.streaming_until is not None and call.workspace.now() < message.streaming_until:
        raise SlackError("streaming_state_conflict")
    text, blocks = content(call, UPDATE_CHARACTERS)
    changed = metadata(call)
    previous = call.objects.message(message)
    rewrite(call, message, text, blocks)
    if "metadata" in call.args:
        message.metadata = changed
    call.workspace.changed()
    call.events.message_changed(message, previous)
    return {
        "ok": True,
        "channel": channel.id,
        "ts": message.ts,
        "text": text,
        "message": call.objects.message(message, with_metadata=True),
    }


def rewrite(call: Call, message: Message, text: str, blocks: list[Json]) -> None:
    """Replace what a message says and keep what it said before."""
    message.revisions.append(Revision(message.text, message.blocks, call.workspace.now()))
    message.text, message.blocks = text, blocks
    message.live = live_in_message(text, blocks, parse=call.text("parse", "none"))


def delete(call: Call) -> Json:
    """Delete the app's own message."""
    channel = call.channel()
    message = call.own_message(channel, "cant_delete_message")
    call.events.message_deleted(message)
    message.deleted = True
    call.workspace.changed()
    return {"ok": True, "channel": channel.id, "ts": message.ts}

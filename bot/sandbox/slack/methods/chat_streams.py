"""``chat.startStream``, ``appendStream`` and ``stopStream``: answers that grow while they are read."""

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.methods.agent_methods import STATUSES
from bot.sandbox.slack.methods.chat_methods import MARKDOWN_CHARACTERS, bot_message, metadata, thread
from bot.sandbox.slack.records import ChannelKind, Json, Message
from bot.sandbox.slack.references import live_in_message
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.rules.surfaces import message_blocks

STREAM_SECONDS = 300.0


def start_stream(call: Call) -> Json:
    """Begin a streamed message in a thread, for one reader where it is not a direct message."""
    channel = call.writable_channel()
    root = thread(call, channel)
    if root is None and call.text("thread_ts"):
        raise SlackError("thread_not_found")
    if root is None:
        raise SlackError("invalid_arguments", messages=["[ERROR] missing required field: thread_ts"])
    if channel.kind is not ChannelKind.IM:
        for name in ("recipient_team_id", "recipient_user_id"):
            if not call.text(name):
                raise SlackError(f"missing_{name}")
        if call.text("recipient_team_id") != call.workspace.team_id:
            raise SlackError("team_not_found")
        if call.text("recipient_user_id") not in call.workspace.users:
            raise SlackError("user_not_found")
    message = bot_message(call, channel, "", [])
    message.thread_ts = root
    message.streaming_until = call.workspace.now() + STREAM_SECONDS
    _grow(call, message)
    call.workspace.add_message(message)
    return {"ok": True, "channel": channel.id, "ts": message.ts}


def append_stream(call: Call) -> Json:
    """Add to a streamed message."""
    message = _streaming(call)
    if not call.text("markdown_text"):
        raise SlackError("no_text")
    _grow(call, message)
    call.workspace.changed()
    return {"ok": True, "channel": message.channel, "ts": message.ts}


def stop_stream(call: Call) -> Json:
    """Add the last words and blocks, and end the stream."""
    message = _streaming(call)
    blocks = call.data("blocks")
    kept = message_blocks(blocks, call.workspace) if blocks else []
    described = metadata(call)
    status = call.text("session_status")
    if status not in ("", *STATUSES):
        raise SlackError("invalid_arguments", messages=[f"[ERROR] invalid session_status: {status}"])
    _grow(call, message)
    if not message.text and not kept:
        raise SlackError("no_text")
    message.blocks = [*message.blocks, *kept]
    message.metadata = described or message.metadata
    message.streaming_until = None
    session = call.workspace.agent_sessions.get((message.channel, message.thread_ts or ""))
    if session is not None and status:
        session.status = status
    call.workspace.changed()
    call.events.message_posted(message)
    shown = call.objects.message(message, with_metadata=True)
    return {"ok": True, "channel": message.channel, "ts": message.ts, "message": shown}


def _streaming(call: Call) -> Message:
    channel = call.channel()
    message = call.own_message(channel, "message_not_owned_by_app")
    if message.streaming_until is None or call.workspace.now() >= message.streaming_until:
        raise SlackError("message_not_in_streaming_state")
    return message


def _grow(call: Call, message: Message) -> None:
    text = call.text("markdown_text")
    if len(text) > MARKDOWN_CHARACTERS:
        raise SlackError("msg_too_long")
    message.text += text
    answer = {"type": "markdown", "block_id": "stream", "text": message.text}
    message.blocks = [answer] if message.text else []
    message.live = live_in_message("", message.blocks)

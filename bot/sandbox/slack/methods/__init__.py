"""The Web API methods by name, each with the scopes of which one is needed."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.methods import (
    agent_methods,
    chat_methods,
    chat_streams,
    conversations_methods,
    files_methods,
    views_methods,
    workspace_methods,
)
from bot.sandbox.slack.methods.files_methods import Uploads
from bot.sandbox.slack.records import Json


@dataclass(frozen=True, slots=True)
class Method:
    """What answers a call, and what the token must be allowed."""

    perform: Callable[[Call], Json]
    scopes: tuple[str, ...] = ()


def method_table(uploads: Uploads) -> dict[str, Method]:
    """Return every method that a bot token may call here: those that the bot calls."""
    post = ("chat:write",)
    read_files, write_files = ("files:read",), ("files:write",)
    return {
        "auth.test": Method(workspace_methods.auth_test),
        "usergroups.users.list": Method(workspace_methods.usergroups_users_list, ("usergroups:read",)),
        "users.info": Method(workspace_methods.users_info, ("users:read",)),
        "chat.postMessage": Method(chat_methods.post_message, post),
        "chat.postEphemeral": Method(chat_methods.post_ephemeral, post),
        "chat.update": Method(chat_methods.update, post),
        "chat.delete": Method(chat_methods.delete, post),
        "chat.startStream": Method(chat_streams.start_stream, post),
        "chat.appendStream": Method(chat_streams.append_stream, post),
        "chat.stopStream": Method(chat_streams.stop_stream, post),
        "blocks.validate": Method(workspace_methods.validate_blocks),
        "views.open": Method(views_methods.open_view),
        "views.push": Method(views_methods.push),
        "views.update": Method(views_methods.update),
        "views.publish": Method(views_methods.publish),
        "conversations.open": Method(conversations_methods.open_conversation, ("im:write",)),
        "conversations.info": Method(conversations_methods.info),
        "conversations.members": Method(conversations_methods.members),
        "conversations.history": Method(conversations_methods.history),
        "conversations.replies": Method(conversations_methods.replies),
        "files.info": Method(files_methods.info, read_files),
        "files.list": Method(files_methods.list_files, read_files),
        "files.getUploadURLExternal": Method(uploads.get_url, write_files),
        "files.completeUploadExternal": Method(uploads.complete, write_files),
        "agents.sessions.setStatus": Method(agent_methods.set_session_status, post),
        "assistant.threads.setSuggestedPrompts": Method(agent_methods.set_suggested_prompts, ("assistant:write",)),
    }

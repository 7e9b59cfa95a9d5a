"""The Web API methods by name, each with the scopes of which one is needed."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.methods import chat, conversations, files, people, streams, views
from bot.sandbox.slack.methods.files import Uploads
from bot.sandbox.slack.records import Json


@dataclass(frozen=True, slots=True)
class Method:
    """What answers a call, and what the token must be allowed."""

    perform: Callable[[Call], Json]
    scopes: tuple[str, ...] = ()


def method_table(uploads: Uploads) -> dict[str, Method]:
    """Return every method that a bot token may call here."""
    post = ("chat:write",)
    assistant = ("assistant:write", "chat:write")
    read_files, write_files = ("files:read",), ("files:write",)
    return {
        "api.test": Method(people.api_test),
        "auth.test": Method(people.auth_test),
        "team.info": Method(people.team_info, ("team:read",)),
        "users.info": Method(people.users_info, ("users:read",)),
        "bots.info": Method(people.bots_info, ("users:read",)),
        "chat.postMessage": Method(chat.post_message, post),
        "chat.postEphemeral": Method(chat.post_ephemeral, post),
        "chat.update": Method(chat.update, post),
        "chat.delete": Method(chat.delete, post),
        "chat.getPermalink": Method(chat.get_permalink),
        "chat.startStream": Method(streams.start_stream, post),
        "chat.appendStream": Method(streams.append_stream, post),
        "chat.stopStream": Method(streams.stop_stream, post),
        "views.open": Method(views.open_view),
        "views.push": Method(views.push),
        "views.update": Method(views.update),
        "views.publish": Method(views.publish),
        "conversations.open": Method(conversations.open_conversation, ("im:write",)),
        "conversations.info": Method(conversations.info),
        "conversations.list": Method(conversations.list_conversations),
        "conversations.members": Method(conversations.members),
        "conversations.join": Method(conversations.join, ("channels:join",)),
        "conversations.history": Method(conversations.history),
        "conversations.replies": Method(conversations.replies),
        "files.info": Method(files.info, read_files),
        "files.list": Method(files.list_files, read_files),
        "files.delete": Method(files.delete, write_files),
        "files.getUploadURLExternal": Method(uploads.get_url, write_files),
        "files.completeUploadExternal": Method(uploads.complete, write_files),
        "reactions.add": Method(people.add_reaction, ("reactions:write",)),
        "reactions.remove": Method(people.remove_reaction, ("reactions:write",)),
        "assistant.threads.setStatus": Method(people.set_status, assistant),
        "assistant.threads.setTitle": Method(people.set_title, ("assistant:write",)),
        "assistant.threads.setSuggestedPrompts": Method(people.set_suggested_prompts, ("assistant:write",)),
    }

"""``auth.test``, ``blocks.validate``, ``users.*``, ``usergroups.*``, ``bots.*`` and ``reactions.*``."""

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.records import Json, Message
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.rules.surfaces import message_blocks, view_definition


def api_test(call: Call) -> Json:
    """Answer what was asked; ``error`` makes it fail with that code."""
    if call.text("error"):
        raise SlackError(call.text("error"), args=call.args)
    return {"ok": True, "args": call.args}


def auth_test(call: Call) -> Json:
    """Say whose token this is."""
    workspace, app = call.workspace, call.app
    return {
        "ok": True, "url": f"{call.objects.origin}/", "team": workspace.name, "user": app.name.lower(),
        "team_id": workspace.team_id, "user_id": app.bot_user_id, "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }  # fmt: skip


def validate_blocks(call: Call) -> Json:
    """Judge blocks or a view without posting: https://docs.slack.dev/reference/methods/blocks.validate"""
    if call.data("view") is not None:
        view_definition(call.data("view"))
    else:
        message_blocks(call.data("blocks"), call.workspace)
    return {"ok": True}


def users_info(call: Call) -> Json:
    """Describe a person."""
    user = call.workspace.users.get(call.text("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"ok": True, "user": call.objects.user(user)}


def bots_info(call: Call) -> Json:
    """Describe the app's own bot, or another app's."""
    wanted = call.text("bot", call.app.bot_id)
    if wanted == call.app.bot_id:
        return {"ok": True, "bot": call.objects.bot()}
    other = next((user for user in call.workspace.users.values() if user.bot_id == wanted), None)
    if other is None:
        raise SlackError("bot_not_found")
    return {"ok": True, "bot": call.objects.bot(other)}


def usergroups_users_list(call: Call) -> Json:
    """List the users of a user group: https://docs.slack.dev/reference/methods/usergroups.users.list"""
    users = call.workspace.usergroups.get(call.required("usergroup"))
    if users is None:
        raise SlackError("no_such_subteam")
    return {"ok": True, "users": list(users)}


def add_reaction(call: Call) -> Json:
    """React to a message as the bot."""
    message, name = _reacted(call)
    users = message.reactions.setdefault(name, [])
    if call.app.bot_user_id in users:
        raise SlackError("already_reacted")
    users.append(call.app.bot_user_id)
    call.workspace.changed()
    call.events.reaction("added", call.app.bot_user_id, name, message)
    return {"ok": True}


def remove_reaction(call: Call) -> Json:
    """Take the bot's reaction back."""
    message, name = _reacted(call)
    users = message.reactions.get(name, [])
    if call.app.bot_user_id not in users:
        raise SlackError("no_reaction")
    users.remove(call.app.bot_user_id)
    if not users:
        del message.reactions[name]
    call.workspace.changed()
    call.events.reaction("removed", call.app.bot_user_id, name, message)
    return {"ok": True}


def _reacted(call: Call) -> tuple[Message, str]:
    name = call.text("name").strip(":")
    if not name:
        raise SlackError("invalid_name")
    message = call.channel().message(call.text("timestamp"))
    if message is None:
        raise SlackError("message_not_found")
    return message, name

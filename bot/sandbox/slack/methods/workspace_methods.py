"""Who is who: tests of the token, users, bots, the team, reactions and the assistant's thread."""

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.records import Json, Message
from bot.sandbox.slack.refusals import SlackError


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


def users_info(call: Call) -> Json:
    """Describe a person."""
    user = call.workspace.users.get(call.text("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"ok": True, "user": call.objects.user(user)}


def bots_info(call: Call) -> Json:
    """Describe the app's bot."""
    if call.text("bot", call.app.bot_id) != call.app.bot_id:
        raise SlackError("bot_not_found")
    return {"ok": True, "bot": call.objects.bot()}


def team_info(call: Call) -> Json:
    """Describe the team."""
    workspace = call.workspace
    team = {"id": workspace.team_id, "name": workspace.name, "domain": workspace.domain, "icon": {}}
    return {"ok": True, "team": team}


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


def set_status(call: Call) -> Json:
    """Show "is thinking..." in a thread; the next message there takes it away."""
    return _keep(call, "status", call.text("status"))


def set_title(call: Call) -> Json:
    """Name an assistant thread."""
    return _keep(call, "title", call.required("title"))


def set_suggested_prompts(call: Call) -> Json:
    """Offer up to four things to say."""
    prompts = call.data("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
        raise SlackError("invalid_arguments")
    return _keep(call, "prompts", prompts)


def _keep(call: Call, name: str, value: object) -> Json:
    channel = call.channel("channel_id")
    thread_ts = call.text("thread_ts")
    if thread_ts and channel.message(thread_ts) is None:
        raise SlackError("thread_not_found")
    thread = call.workspace.assistant_threads.setdefault((channel.id, thread_ts), {})
    thread[name] = value
    if not value:
        del thread[name]
    call.workspace.changed()
    return {"ok": True}

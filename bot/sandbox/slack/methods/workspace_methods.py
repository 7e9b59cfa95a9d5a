"""``auth.test``, ``blocks.validate``, ``users.info`` and ``usergroups.users.list``."""

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.records import Json
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.rules.surfaces import message_blocks, view_definition


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


def usergroups_users_list(call: Call) -> Json:
    """List the users of a user group: https://docs.slack.dev/reference/methods/usergroups.users.list"""
    users = call.workspace.usergroups.get(call.required("usergroup"))
    if users is None:
        raise SlackError("no_such_subteam")
    return {"ok": True, "users": list(users)}

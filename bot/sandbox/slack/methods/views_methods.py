"""``views.*``: modals that a trigger opens, and the Home tab."""

import secrets

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.records import Json, View
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.rules.surfaces import view_definition
from bot.sandbox.slack.workspace import SlackWorkspace

DEEPEST_STACK = 3


def open_view(call: Call) -> Json:
    """Open a modal for the person whose trigger this is."""
    definition = view_definition(call.data("view"), kind="modal")
    user = call.workspace.spend_trigger(call.text("trigger_id"))
    view = new_view(call.workspace, user, definition)
    call.workspace.closed_views += call.workspace.modals.get(user, [])
    call.workspace.modals[user] = [view]
    return _answer(call, view)


def push(call: Call) -> Json:
    """Put a modal on top of the open one."""
    definition = view_definition(call.data("view"), kind="modal")
    user = call.workspace.spend_trigger(call.text("trigger_id"))
    return _answer(call, push_view(call.workspace, user, definition))


def update(call: Call) -> Json:
    """Replace an open modal's content; what was typed into blocks that stay is kept."""
    definition = view_definition(call.data("view"))
    view = call.workspace.view(call.text("view_id"))
    if view is None:
        raise SlackError("not_found")
    _refuse_stale_hash(call, view)
    replace_view(view, definition)
    return _answer(call, view)


def publish(call: Call) -> Json:
    """Show a Home tab to one person."""
    definition = view_definition(call.data("view"), kind="home")
    user = call.required("user_id")
    if user not in call.workspace.users:
        raise SlackError("user_not_found")
    shown = call.workspace.homes.get(user)
    if shown is None:
        shown = call.workspace.homes[user] = new_view(call.workspace, user, definition)
    else:
        _refuse_stale_hash(call, shown)
        replace_view(shown, definition)
    return _answer(call, shown)


def new_view(workspace: SlackWorkspace, user: str, definition: Json) -> View:
    """Return a view with ids of its own, not yet shown."""
    view_id = workspace.new_id("V")
    return View(view_id, _new_hash(workspace), user, definition, root_view_id=view_id)


def push_view(workspace: SlackWorkspace, user: str, definition: Json) -> View:
    """Put a view on top of a person's stack; three are the most."""
    stack = workspace.modals.get(user, [])
    if not stack:
        raise SlackError("not_found")
    if len(stack) >= DEEPEST_STACK:
        raise SlackError("push_limit_reached")
    view = new_view(workspace, user, definition)
    view.root_view_id, view.previous_view_id = stack[0].id, stack[-1].id
    stack.append(view)
    return view


def replace_view(view: View, definition: Json) -> None:
    """Give a view new content and a new hash; values of inputs that stay are kept."""
    view.definition = definition
    view.hash = f"{view.hash.split('.', maxsplit=1)[0]}.{secrets.token_hex(4)}"
    view.updates += 1
    view.errors = {}
    kept = {block["block_id"] for block in view.blocks}
    view.entered = {block_id: values for block_id, values in view.entered.items() if block_id in kept}


def _new_hash(workspace: SlackWorkspace) -> str:
    return f"{int(workspace.now())}.{secrets.token_hex(4)}"


def _refuse_stale_hash(call: Call, view: View) -> None:
    if call.text("hash") and call.text("hash") != view.hash:
        raise SlackError("hash_conflict")


def _answer(call: Call, view: View) -> Json:
    call.workspace.changed()
    return {"ok": True, "view": {**call.objects.view(view), "state": {"values": {}}}}

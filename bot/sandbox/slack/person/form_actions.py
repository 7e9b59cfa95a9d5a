"""Modals and interactive elements: opening, filling, clicking, submitting, closing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.sandbox.slack.methods.views_methods import push_view, replace_view
from bot.sandbox.slack.person.inputs import (
    INPUTS,
    Given,
    Key,
    entered_values,
    find_element,
    unmet,
    wire_value,
)
from bot.sandbox.slack.person.payload_sender import PayloadSender
from bot.sandbox.slack.records import Delivery, File, Json, Message, User, View
from bot.sandbox.slack.refusals import ClientRefusal, SlackError
from bot.sandbox.slack.rules.surfaces import view_definition


@dataclass(frozen=True, slots=True)
class Submission:
    """What came of sending a form.

    `action` is ``close``, ``errors``, ``update``, ``push``, ``clear``, or ``error`` where Slack shows its own
    error: no acknowledgement in time, or one it cannot follow (`problem` says why).
    """

    delivery: Delivery
    action: str
    view: View | None
    errors: dict[str, str] = field(default_factory=dict)
    problem: str = ""


class FormActions:
    """What a person does with modals, buttons and selects."""

    def __init__(self, sender: PayloadSender, user: User) -> None:
        self.user = user
        self.id = user.id
        self._sender = sender
        self._workspace = sender.workspace

    def _top(self, view: View | None) -> View:
        """Return the view meant: the one given, or the modal that the person sees."""
        seen = view or self._workspace.top_view(self.id)
        if seen is None:
            raise ClientRefusal(f"{self.user.name} has no modal open")
        return seen

    def _see(self, surface: Message | View) -> None:
        """Refuse what this person does not see any more, or never saw."""
        if isinstance(surface, View):
            if self._workspace.view(surface.id) is not surface or surface.user != self.id:
                raise ClientRefusal(f"{self.user.name} does not see this view")
        elif surface.deleted or surface.visible_to not in (None, self.id):
            raise ClientRefusal(f"{self.user.name} does not see this message")

    def fill(self, values: Mapping[Key, Given], view: View | None = None) -> View:
        """Put values, keyed by block id or action id, into the open modal without sending anything."""
        seen = self._top(view)
        for block_id, actions in entered_values(seen.blocks, values, self._to_file).items():
            seen.entered.setdefault(block_id, {}).update(actions)
        self._workspace.changed()
        return seen

    def _to_file(self, given: Given) -> Json:
        if isinstance(given, File):
            return self._sender.objects.file(given)
        name, content = given
        return self._sender.objects.file(self._workspace.add_file(self.id, name, content))

    async def click(self, surface: Message | View, key: Key, value: str | None = None) -> Delivery:
        """Press a button; `value` tells apart those with one action id, and chooses one of two thumbs."""
        self._see(surface)
        block, element = find_element(_with_value(surface.blocks, key, value), key)
        action: Json = {"type": element["type"]}
        match element["type"]:
            case "button":
                action |= {name: element[name] for name in ("text", "value", "style") if name in element}
            case "feedback_buttons":
                side = "negative_button" if value in ("negative", element["negative_button"]["value"]) else (
                    "positive_button"
                )  # fmt: skip
                action |= {name: element[side][name] for name in ("text", "value")}
            case kind:
                raise ClientRefusal(f"a {kind} cannot be clicked; use select")
        return await self._send_action(surface, block, element, action)

    async def select(self, surface: Message | View, key: Key, given: Given) -> Delivery | None:
        """Type into an input, or choose: a list where several can be chosen.

        The app is told where the element acts at once.
        """
        self._see(surface)
        block, element = find_element(surface.blocks, key)
        if element["type"] not in INPUTS:
            raise ClientRefusal(f"a {element['type']} holds no value; use click")
        value = wire_value(element, given, self._to_file)
        surface.entered.setdefault(block["block_id"], {})[element["action_id"]] = value
        self._workspace.changed()
        if block["type"] == "input" and not block.get("dispatch_action"):
            return None
        return await self._send_action(surface, block, element, value)

    async def _send_action(self, surface: Message | View, block: Json, element: Json, action: Json) -> Delivery:
        self._sender.app.require_interactivity()
        head = self._sender.head("block_actions", self.user)
        ids = {"action_id": element["action_id"], "block_id": block["block_id"]}
        actions = [{**ids, **action, "action_ts": self._workspace.new_ts()}]
        return await self._sender.interaction(
            {**head, **self._sender.surface(self.user, surface), "actions": actions}
        )

    async def submit_view(self, view: View | None = None, values: Mapping[Key, Given] | None = None) -> Submission:
        """Fill in and send a modal, and do what the acknowledgement says.

        The values are texts, numbers, option values, lists of them, and files as (name, bytes).
        """
        view = self.fill(values or {}, view)
        self._see(view)
        state = self._sender.state(view)
        view.errors = unmet(view.blocks, state)
        if view.errors:
            self._workspace.changed()
            raise ClientRefusal("the form is not complete", view.errors)
        self._sender.app.require_interactivity()
        payload = self._sender.head("view_submission", self.user) | {
            "view": self._sender.view(view),
            "response_urls": [],
        }
        delivery = await self._sender.interaction(payload)
        if not delivery.acked:
            return Submission(delivery, "error", view, problem="the form was not acknowledged in time")
        try:
            return self._follow(view, delivery)
        except SlackError as error:
            return Submission(delivery, "error", view, problem=f"{error.code}: {'; '.join(error.messages)}")
        finally:
            self._workspace.changed()

    def _follow(self, view: View, delivery: Delivery) -> Submission:
        ack = delivery.ack or {}
        action = str(ack.get("response_action") or "close")
        match action:
            case "close":
                self._remove(view)
            case "clear":
                self._workspace.closed_views += self._workspace.modals.pop(self.id, [])
            case "update":
                replace_view(view, view_definition(ack.get("view"), kind="modal"))
            case "push":
                push_view(self._workspace, self.id, view_definition(ack.get("view"), kind="modal"))
            case "errors":
                return self._show_errors(view, delivery, dict(ack.get("errors") or {}))
            case _:
                raise SlackError("invalid_response_action", messages=[action])
        return Submission(delivery, action, self._workspace.top_view(self.id))

    def _show_errors(self, view: View, delivery: Delivery, errors: dict[str, str]) -> Submission:
        inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
        unknown = sorted(errors.keys() - inputs)
        if unknown or not errors:
            raise SlackError("invalid_errors", messages=[f"no input block is called {name}" for name in unknown])
        view.errors = errors
        return Submission(delivery, "errors", view, errors)

    async def close_view(self, view: View | None = None) -> Delivery | None:
        """Close a modal; the app is told where the view asked for that."""
        view = self._top(view)
        everything = view.definition.get("clear_on_close", False)
        if everything:
            self._workspace.closed_views += self._workspace.modals.pop(self.id, [])
        else:
            self._remove(view)
        self._workspace.changed()
        if not view.definition.get("notify_on_close"):
            return None
        payload = self._sender.head("view_closed", self.user, trigger=False)
        return await self._sender.interaction(
            {**payload, "view": self._sender.view(view), "is_cleared": everything}
        )

    def _remove(self, view: View) -> None:
        stack = self._workspace.modals.get(self.id, [])
        if view in stack:
            stack.remove(view)
            self._workspace.closed_views.append(view)


def _with_value(blocks: list[Json], key: Key, value: str | None) -> list[Json]:
    """Return the blocks, narrowed to the button with this value where several share an action id."""
    if value is None:
        return blocks
    narrowed = []
    for block in blocks:
        elements = block.get("elements")
        if block["type"] == "actions" and elements:
            same = [
                element
                for element in elements
                if element.get("action_id") != key
                or element["type"] != "button"
                or value in (element.get("value"), element["text"]["text"])
            ]
            narrowed.append({**block, "elements": same})
        else:
            narrowed.append(block)
    return narrowed

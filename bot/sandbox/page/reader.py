"""Acts for one person at one window, and shows what Slack does not allow."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from nicegui import ui
from nicegui.client import Client

from bot.sandbox.page.markup import QUIETLY, button, html, tag
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.page.texts.mrkdwn import Names, text_object
from bot.sandbox.slack import ClientRefusal, Delivery, File, Message, Person, View
from bot.sandbox.slack.person.inputs import state_values
from bot.sandbox.slack.records import Json

T = TypeVar("T")


class Reader:
    """The person at this window. It draws dialogs and short notices, and not the workspace."""

    def __init__(self, sandbox: Sandbox, person: Person, client: Client) -> None:
        self.sandbox = sandbox
        self.person = person
        self.client = client
        self.names = Names(sandbox.slack.workspace, person.id)

    @property
    def bot_name(self) -> str:
        """The app's display name."""
        return self.sandbox.slack.app.name

    def has_read(self, place: str, ts: str) -> None:
        """Note that this person has seen a place up to here; a window that was closed sees nothing."""
        if self.client.has_socket_connection:
            self.sandbox.mark_read(self.person, place, ts)

    def acts(self) -> None:
        """Note that the person does something in this window."""
        self.sandbox.acts_in(self.person, self.client.id)

    def notify(self, text: str) -> None:
        """Show a short notice that goes away by itself."""
        with self.client:
            ui.notify(text, position="top", color="dark", timeout=6000, classes="toast")

    async def attempt(self, act: Awaitable[T]) -> T | None:
        """Do what a person wants; where Slack's own app would refuse, say why."""
        self.acts()
        try:
            done = await act
        except ClientRefusal as refusal:
            if not refusal.fields:
                self.notify(f"Slack does not let you do that: {refusal}.")
            return None
        if isinstance(done, Delivery):
            self.check(done)
        return done

    def check(self, delivery: Delivery) -> None:
        """Say so where the app did not answer what was handed to it."""
        if delivery.acked:
            return
        outcome = delivery.attempts[-1].outcome if delivery.attempts else "no_connection"
        why = {
            "timeout": f"{self.bot_name} did not answer within 3 seconds.",
            "no_connection": f"{self.bot_name} is not connected to Slack.",
        }.get(outcome, f"The connection to {self.bot_name} broke.")
        self.notify(f"{why} Try again in a moment.")

    async def confirm(self, wanted: dict[str, Any]) -> bool:
        """Ask as a Block Kit `confirm` object says."""
        with self.client, ui.dialog() as dialog:
            with tag("div", classes="modal modal-small"):
                title = tag("h2", wanted["title"]["text"], "modal-title")
                text = html(text_object(wanted["text"], self.names), "modal-body words")
                with tag("div", classes="modal-foot"):
                    button(wanted["deny"]["text"], on_click=lambda: dialog.submit(False))
                    yes = button(
                        wanted["confirm"]["text"], f"btn-{wanted.get('style', 'primary')}", data_autofocus=""
                    )
                    yes.on("click", lambda: dialog.submit(True), js_handler=QUIETLY)
            dialog.props["role"] = "alertdialog"
            dialog.props["aria-labelledby"] = title.html_id
            dialog.props["aria-describedby"] = text.html_id
        answer = await dialog
        dialog.delete()
        return answer is True


class Surface:
    """Where blocks are shown. `show_error` holds, by block id, what puts an error under an input."""

    def __init__(self, reader: Reader, thing: Message | View) -> None:
        self.reader = reader
        self.thing = thing
        self.show_error: dict[str, Callable[[str], None]] = {}

    async def click(self, block: Json, element: Json, value: str | None = None) -> None:
        """Press a button or choose from a menu, after the question that the element asks first, if any."""
        if "confirm" in element and not await self.reader.confirm(element["confirm"]):
            return
        key = (block["block_id"], element["action_id"])
        await self.reader.attempt(self.reader.person.click(self.thing, key, value))

    async def put(self, block: Json, element: Json, given: Any) -> None:
        """Put a value into an input; the app is told where the element acts at once."""
        key = (block["block_id"], element["action_id"])
        await self.reader.attempt(self.reader.person.select(self.thing, key, given))

    def fill(self, block: Json, element: Json, given: Any) -> None:
        """Put a value into an input of a view without telling the app."""
        if isinstance(self.thing, View):
            self.reader.person.fill({(block["block_id"], element["action_id"]): given}, self.thing)

    def value(self, block: Json, element: Json) -> Json:
        """What the element holds now, as its wire value."""
        values = state_values([block], self.thing.entered)
        found: Json = values[block["block_id"]][element["action_id"]]
        return found

    def files(self, block: Json, element: Json) -> list[File]:
        """The files that a file input holds."""
        held = self.value(block, element)["files"] or []
        return [self.reader.sandbox.slack.workspace.files[file["id"]] for file in held]

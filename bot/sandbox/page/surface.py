"""A message or a view in a person's hands: what its buttons and inputs do."""

from collections.abc import Callable
from typing import Any

from bot.sandbox.page.reader import Reader
from bot.sandbox.slack import File, Message, View
from bot.sandbox.slack.person.inputs import state_values
from bot.sandbox.slack.records import Json


class Surface:
    """Where blocks stand. `show_error` holds, by block id, what puts an error under an input."""

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
        """Put a value into an input; the app hears of it where the element acts at once."""
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

"""HTML elements, menus, avatars, lists that follow the workspace, and the few scripts that run in the browser.

Native elements are preferred to the toolkit's widgets wherever the browser's own are as good: they bring focus,
names and keys that assistive software knows.
"""

import json
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from bot.sandbox.slack import User

T = TypeVar("T")

# A handler in the browser that sends nothing but the fact that it ran.
QUIETLY: Final = "() => emit()"


class Tag(TextElement):
    """One HTML element; text that changes is set as `text`."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(tag=name, text=text)

    def attribute(self, name: str, value: str | None) -> None:
        """Set an attribute, or take it away."""
        self.props.set_optional(name, value)


def tag(name: str, /, text: str = "", classes: str = "", **attributes: str | None) -> Tag:
    """Put an element here; underscores in attribute names become hyphens, None leaves one out."""
    element = Tag(name, text)
    if classes:
        element.classes(classes)
    for key, value in attributes.items():
        element.props.set_optional(key.strip("_").replace("_", "-"), value)
    return element


def html(content: str, classes: str = "", name: str = "div") -> ui.html:
    """Put HTML here that `texts` made, which lets through nothing but words."""
    element = ui.html(content, sanitize=False, tag=name)
    if classes:
        element.classes(classes)
    return element


def icon(name: str) -> Element:
    """A picture that a screen reader leaves out."""
    return tag("span", name, "icon material-icons", aria_hidden="true")


def button(
    text: str = "",
    classes: str = "",
    *,
    on_click: Callable[[], Any] | None = None,
    symbol: str = "",
    **attributes: str | None,
) -> Tag:
    """A native button; with a `symbol` and no text it needs an `aria_label`."""
    element = tag("button", "", f"btn {classes}", type="button", **attributes)
    with element:
        if symbol:
            icon(symbol)
        if text:
            tag("span", text)
    if on_click is not None:
        element.on("click", on_click, js_handler=QUIETLY)
    return element


def busy_while(drawn: Tag, act: Callable[[], Awaitable[None]]) -> None:
    """Press to act; the button takes no second press until the first is done."""

    async def press() -> None:
        drawn.attribute("aria-busy", "true")
        try:
            await act()
        finally:
            if not drawn.is_deleted:
                drawn.attribute("aria-busy", None)

    drawn.on(
        "click", press, js_handler="(event) => { if (!event.currentTarget.hasAttribute('aria-busy')) emit(); }"
    )


def run_script(element: Element, body: str) -> None:
    """Run a script in the browser of this element's window; `$` in it is the element."""
    element.client.run_javascript(f"(($) => {{ if ($) {{ {body} }} }})(getHtmlElement({element.id}))")


def quoted(value: str) -> str:
    """A string as a literal of a script."""
    return json.dumps(value).replace("<", "\\u003c")


Redraw = Callable[[T], None]
Draw = Callable[[T], Redraw[T] | None]


@dataclass(slots=True)
class _Row(Generic[T]):
    holder: Element
    state: object
    redraw: Redraw[T] | None


class Keyed(Generic[T]):
    """Children kept in step with a list: only what changed is touched, so focus and typed words stay.

    `draw` puts one thing into its holder; where it returns a function, that one shows later versions in place.
    """

    def __init__(
        self, container: Element, draw: Draw[T], *, name: str = "div", classes: str = "", role: str | None = None
    ) -> None:
        self._container = container
        self._draw = draw
        self._name = name
        self._classes = classes
        self._role = role
        self._rows: dict[str, _Row[T]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def holder(self, key: str) -> Element | None:
        """The element around one thing."""
        row = self._rows.get(key)
        return row.holder if row is not None else None

    def show(self, things: Sequence[tuple[str, object, T]]) -> None:
        """Show exactly these, in this order: (key, what it looks like, the thing)."""
        wanted = {key for key, _, _ in things}
        for key in [key for key in self._rows if key not in wanted]:
            self._rows.pop(key).holder.delete()
        for key, state, thing in things:
            row = self._rows.get(key)
            if row is None:
                self._rows[key] = self._new(state, thing)
            elif row.state != state:
                row.state = state
                if row.redraw is not None:
                    row.redraw(thing)
                else:
                    row.holder.clear()
                    with row.holder:
                        row.redraw = self._draw(thing)
        self._put_in_order([key for key, _, _ in things])

    def _new(self, state: object, thing: T) -> _Row[T]:
        with self._container:
            holder = tag(self._name, classes=self._classes, role=self._role)
        with holder:
            redraw = self._draw(thing)
        return _Row(holder, state, redraw)

    def _put_in_order(self, keys: list[str]) -> None:
        children = self._container.default_slot.children
        for index, key in enumerate(keys):
            holder = self._rows[key].holder
            if children[index] is not holder:
                holder.move(self._container, index)


def opens_menu(opener: Tag, fill: Callable[[], None]) -> None:
    """Make the menu when it is first wanted: most messages never need theirs."""
    opener.attribute("aria-haspopup", "menu")
    menus: list[ui.menu] = []

    def show() -> None:
        if not menus:
            with opener:
                menus.append(ui.menu().props("auto-close no-parent-event").classes("menu"))
            with menus[0]:
                fill()
        menus[0].open()

    opener.on("click", show, js_handler="(event) => { if (!event.target.closest('.q-menu')) emit(); }")


def menu_item(text: str, act: Callable[[], object], detail: str = "") -> Element:
    """One line of a menu."""
    with ui.item().classes("menu-item").props("clickable role=menuitem tabindex=0") as item:
        tag("span", text)
        if detail:
            tag("span", detail, "menu-detail")
    item.on("click", act, js_handler=QUIETLY)
    return item


# Each is dark enough for white letters on it.
_COLOURS: Final = ("#7a3e9d", "#a03a2c", "#1f6f54", "#8a5a00", "#365fa8", "#a02c66")


def avatar(user: User, *, small: bool = False) -> Element:
    """A square with initials; the bot has a symbol. The name is always shown beside it."""
    with tag("span", classes=f"avatar{' avatar-small' if small else ''}", aria_hidden="true") as face:
        if user.is_bot:
            face.classes("avatar-bot")
            icon("tune" if user.id != "USLACKBOT" else "smart_toy")
        else:
            tag("span", "".join(word[0] for word in user.real_name.split()[:2]).upper())
            face.style(f"background: {_COLOURS[zlib.crc32(user.name.encode()) % len(_COLOURS)]}")
    return face

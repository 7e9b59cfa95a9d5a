"""Draws the field to write in: text, commands that complete while a person types, files, the sample dataset."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from bot.sandbox.page.completion import Suggestion, command, suggestions, usage
from bot.sandbox.page.file_controls import Picker, size
from bot.sandbox.page.markup import Keyed, Redraw, button, icon, run_script, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.sample_dataset import SAMPLE, SAMPLE_NAME

# Enter sends what is typed; while completions are shown, the keys that choose among them do that instead. The
# browser itself puts the chosen words in and the sent ones away, so that nothing typed meanwhile is lost.
_KEYS: Final = """(event) => {
  if (event.isComposing || event.shiftKey) return;
  const box = event.target;
  const write = (text) => {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, text);
    box.dispatchEvent(new Event('input', {bubbles: true}));
  };
  const list = box.dataset.offers === 'true' ? document.getElementById(box.getAttribute('aria-controls')) : null;
  const chosen = list?.querySelector('[aria-selected=true]')?.dataset.text;
  // The list may be a moment behind what was typed: only what still fits is put in.
  const fits = chosen?.toLowerCase().startsWith(box.value.toLowerCase());
  const written = chosen?.trim() === box.value.trim();
  const take = () => { event.preventDefault(); event.stopPropagation(); };
  if (chosen !== undefined && ['ArrowUp', 'ArrowDown', 'Escape'].includes(event.key)) {
    take(); emit(event.key, box.value);
  } else if (fits && (event.key === 'Tab' || event.key === 'Enter' && !written)) {
    take(); write(chosen);
  } else if (event.key === 'Enter') {
    // Later, so that the page is told of the empty box first.
    take(); const text = box.value; write(''); setTimeout(() => emit('Enter', text), 0);
  }
}"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is sent."""

    text: str
    files: tuple[tuple[str, bytes], ...]


# Sends the message and returns whether Slack took it; a refused one stays in the composer.
Send = Callable[[Draft], Awaitable[bool]]


class Composer:
    """One composer; `in_thread` knows no commands, as in Slack."""

    def __init__(self, reader: Reader, send: Send, *, in_thread: bool = False) -> None:
        self._reader = reader
        self._send = send
        self._commands = [] if in_thread else reader.sandbox.commands()
        self._files: list[tuple[str, bytes]] = []
        self._offered: list[Suggestion] = []
        self._chosen = 0
        self._dismissed = ""
        with tag("div", classes="composer") as self._zone:
            self._list = tag("ul", classes="completions", role="listbox", aria_label="Completions")
            self._list.set_visibility(False)
            self._options = Keyed[Suggestion](self._list, self._option, name="li", role="none")
            self._usage = tag("p", classes="usage")
            self._usage.set_visibility(False)
            self._chips = Keyed[tuple[str, bytes]](tag("ul", classes="file-list", aria_label="Files to send"),
                                                   self._draw_file, name="li")  # fmt: skip
            self._box = ui.textarea(on_change=self._typed).props("borderless autogrow").classes("composer-box")
            self._box.props["aria-autocomplete"] = "list"
            self._box.props["aria-controls"] = self._list.html_id
            self._box.props["data-offers"] = "false"
            self._box.on("keydown", self._key, js_handler=_KEYS)
            self._tools()
        self._picker = Picker(self._zone, self._take)
        self._picker.opens_from(self._add)

    def _tools(self) -> None:
        with tag("div", classes="composer-tools"):
            self._add = button(
                "Upload", "btn-quiet", symbol="attach_file", title="Upload files from your computer"
            )
            button(
                "Sample data", "btn-quiet", symbol="science", on_click=self.offer_sample,
                title=f"Attach {SAMPLE_NAME}: fifteen pairs of a number and the next one",
            )  # fmt: skip
            tag("span", "Enter sends, Shift + Enter begins a new line", "composer-hint")
            button("Send", "btn-send", symbol="send", on_click=self._send_now)

    def address(self, label: str) -> None:
        """Show the name of the conversation to write to."""
        self._box.props["placeholder"] = label
        self._box.props["aria-label"] = label

    def takes_drops_on(self, zone: Element) -> None:
        """Take files that are dropped on this part of the page as well."""
        self._picker.takes_drops_on(zone)

    def focus(self) -> None:
        """Put the cursor here."""
        run_script(self._box, "$.focus();")

    async def offer_sample(self) -> None:
        """Attach the sample, with words that make the bot offer its form, where nothing is written yet."""
        await self._take([(SAMPLE_NAME, SAMPLE)])
        if not self._box.value:
            self._write(f"@{self._reader.bot_name} tune")
            self._show([])

    def begin(self, text: str) -> None:
        """Put text here that the person continues."""
        self._write(text)
        self._typed()
        self.focus()

    # Files

    async def _take(self, files: list[Any]) -> None:
        names = {name for name, _ in files}
        self._files = [*(kept for kept in self._files if kept[0] not in names), *files]
        self._show_files()
        self.focus()

    def _show_files(self) -> None:
        self._chips.show([(name, len(content), (name, content)) for name, content in self._files])

    def _draw_file(self, file: tuple[str, bytes]) -> None:
        name, content = file

        def remove() -> None:
            self._files = [kept for kept in self._files if kept[0] != name]
            self._show_files()
            self.focus()

        with tag("div", classes="file-chip"):
            icon("description")
            tag("span", name, "file-name")
            tag("span", size(len(content)), "file-size")
            button(symbol="close", classes="btn-icon", aria_label=f"Remove {name}", on_click=remove)

    # Typing

    def _people(self) -> list[str]:
        users = self._reader.sandbox.slack.workspace.users.values()
        me = self._reader.person.id
        return [user.real_name for user in users if user.id not in (me, "USLACKBOT")]

    def _typed(self) -> None:
        text = str(self._box.value or "")
        offered = suggestions(text, self._commands, self._people())
        self._show([] if text == self._dismissed else offered)
        hint = usage(text, self._commands)
        self._usage.text = f"Usage: {hint}" if hint else ""
        self._usage.set_visibility(bool(hint))

    def _show(self, offered: list[Suggestion]) -> None:
        self._chosen = 0 if offered != self._offered else self._chosen
        self._offered = offered
        self._list.set_visibility(bool(offered))
        self._box.props["data-offers"] = "true" if offered else "false"
        if not offered:
            self._box.props.set_optional("aria-activedescendant", None)
        self._options.show([(each.text, index == self._chosen, each) for index, each in enumerate(offered)])

    def _option(self, offer: Suggestion) -> Redraw[Suggestion]:
        with tag("div", classes="completion", role="option", data_text=offer.text) as option:
            tag("span", offer.name, "completion-name")
            if offer.usage:
                tag("code", offer.usage, "completion-usage")
            if offer.about:
                tag("span", offer.about, "completion-about")
        # Pressed rather than clicked, so that the cursor never leaves the composer.
        option.on(
            "mousedown",
            lambda: self.begin(offer.text),
            js_handler="(event) => { event.preventDefault(); emit(); }",
        )

        def show(now: Suggestion) -> None:
            chosen = self._offered.index(now) == self._chosen
            option.attribute("aria-selected", str(chosen).lower())
            if chosen:
                self._box.props["aria-activedescendant"] = option.html_id

        show(offer)
        return show

    async def _key(self, event: GenericEventArguments) -> None:
        key, text = event.args
        match key:
            case "ArrowDown" | "ArrowUp":
                step = 1 if key == "ArrowDown" else -1
                self._chosen = (self._chosen + step) % len(self._offered) if self._offered else 0
                self._show(self._offered)
            case "Escape":
                self._dismissed = text
                self._show([])
            case "Enter":
                await self._send_text(text)

    def _write(self, text: str) -> None:
        self._box.value = text

    # Sending

    async def _send_now(self) -> None:
        await self._send_text(str(self._box.value or ""))
        self.focus()

    async def _send_text(self, text: str) -> None:
        words = text.strip()
        if not words and not self._files:
            return
        if command(words) is not None and self._files:
            self._reader.notify("A slash command takes no files. Send the file first, or upload it in the form.")
            return
        files, self._files = self._files, []
        self._write("")
        self._show([])
        self._usage.set_visibility(False)
        self._show_files()
        if not await self._send(Draft(words, tuple(files))):
            self._files = files
            self._write(text)
            self._show_files()

"""The strip at the bottom for people who evaluate or develop: the bot's state, and faults on demand."""

import inspect
from collections.abc import Sequence
from functools import partial
from typing import Final

from nicegui import ui

from bot.sandbox.page.fault_menu import (
    FaultAction,
    active,
    bot_state,
    google_actions,
    make_normal,
    process_actions,
    slack_actions,
    trainer_words,
)
from bot.sandbox.page.markup import QUIETLY, Keyed, busy_while, button, icon, tag
from bot.sandbox.page.price_dialog import PriceFile, change_prices
from bot.sandbox.page.reader import Reader
from bot.sandbox.stage import Stage

_LOG_LINES: Final = 60
_LOG_SECONDS: Final = 1.0


class ControlStrip:
    """Closed it shows one line; open, everything."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._open = False
        with tag("section", classes="controls", aria_label="Sandbox controls"):
            with tag("div", classes="controls-line"):
                self._toggle = tag("button", "", "controls-toggle", type="button", aria_expanded="false")
                with self._toggle:
                    icon("build")
                    tag("span", "Sandbox controls")
                self._toggle.on("click", self._flip, js_handler=QUIETLY)
                with tag("span", classes="state", role="status") as self._state:
                    tag("span", classes="state-mark", aria_hidden="true")
                    self._state_words = tag("span")
                self._active = Keyed[str](
                    tag("ul", classes="active", aria_label="Faults that are on"), self._one, name="li"
                )
                self._normal = button("Make everything normal", "btn-small", on_click=self._make_normal)
            self._panel = tag("div", classes="controls-panel")
        self._panel.set_visibility(False)
        self._toggle.attribute("aria-controls", self._panel.html_id)
        with self._panel:
            self._groups()
            self._log = tag("pre", "", "log", tabindex="0", role="log", aria_label="The end of the bot's log",
                            aria_live="off")  # fmt: skip
        self._timer = ui.timer(_LOG_SECONDS, self._show_log, active=False)

    def refresh(self) -> None:
        """Show how the bot is and what is switched on."""
        state, words = bot_state(self._reader.sandbox)
        if self._state_words.text != words:
            self._state_words.text = words
            self._state.classes(replace=f"state state-{state}")
        on = active(self._reader.sandbox)
        self._active.show([(f"{index} {each}", each, each) for index, each in enumerate(on)])
        self._normal.set_visibility(bool(on))
        google = self._reader.sandbox.google
        if google is not None and self._open:
            self._trainer.text = trainer_words(google)

    def _one(self, words: str) -> None:
        tag("span", words, "active-one")

    def _groups(self) -> None:
        sandbox = self._reader.sandbox
        with tag("div", classes="control-groups"):
            if sandbox.stage is not None:
                self._group("The bot", process_actions(sandbox, sandbox.stage))
                self._money(sandbox.stage)
            if sandbox.google is not None:
                self._group("Google", google_actions(sandbox.google))
            self._group("Slack", slack_actions(sandbox.slack))
            self._trainer = tag("p", classes="toy")

    def _money(self, stage: Stage) -> None:
        prices = PriceFile(stage)
        with tag("div", classes="control-group", role="group", aria_label="Money"):
            tag("h3", "Money", "control-title")
            drawn = button("Prices", "btn-small", title="Change the bot's table of prices.")
            busy_while(drawn, lambda: change_prices(self._reader, prices))

    def _group(self, title: str, actions: Sequence[FaultAction]) -> None:
        with tag("div", classes="control-group", role="group", aria_label=title):
            tag("h3", title, "control-title")
            for action in actions:
                drawn = button(action.name, "btn-small", title=action.about)
                busy_while(drawn, partial(self._make, action))

    async def _make(self, action: FaultAction) -> None:
        try:
            came = action.act()
            done = await came if inspect.isawaitable(came) else came
            words = done if isinstance(done, str) else action.about
        except RuntimeError as error:
            # The bot could not start; its own last words say why.
            words = str(error)
        self._reader.notify(words)
        self._reader.sandbox.slack.workspace.changed()

    def _make_normal(self) -> None:
        self._reader.notify(make_normal(self._reader.sandbox))
        self._reader.sandbox.slack.workspace.changed()

    def _flip(self) -> None:
        self._open = not self._open
        self._toggle.attribute("aria-expanded", str(self._open).lower())
        self._panel.set_visibility(self._open)
        # The log is read only while somebody looks at it.
        self._timer.active = self._open
        if self._open:
            self._show_log()
            self.refresh()

    def _show_log(self) -> None:
        stage = self._reader.sandbox.stage
        text = stage.log_end(_LOG_LINES) if stage is not None and stage.log_file.exists() else "There is no log."
        if self._log.text != text:
            self._log.text = text

"""Modals: the top of a person's stack of views, kept in step with what the app makes of it."""

from typing import Final

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from bot.sandbox.page.block_kit.block_painters import BlockList
from bot.sandbox.page.markup import QUIETLY, Tag, button, run_script, tag
from bot.sandbox.page.reader import Reader, Surface
from bot.sandbox.slack import ClientRefusal, View

# The cursor is put into the first field, else on the title; where a person has chosen a field already, it stays.
_BEGIN: Final = """
if ($.contains(document.activeElement) && document.activeElement !== $) return;
const field = $.querySelector(
  '.modal-body input:not([type=file]), .modal-body textarea, .modal-body select');
(field || $.querySelector('.modal-title')).focus();
"""


class ModalHost:
    """Shows the view on top, or none."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._shown: View | None = None
        self._appearance: object = None
        self._root = ""
        self._busy = False
        with ui.dialog().props("no-backdrop-dismiss no-shake transition-duration=150") as self._dialog:
            self._panel = tag("div", classes="modal", tabindex="-1")
        self._dialog.on("show", js_handler=f"() => {{ const $ = getHtmlElement({self._panel.id}); {_BEGIN} }}")
        self._dialog.on_value_change(self._closed_by_key)
        self._surface: Surface | None = None
        self._blocks: BlockList | None = None
        self._title: Tag | None = None
        self._submit: Tag | None = None
        self._problem: Tag | None = None

    def refresh(self) -> None:
        """Show what the workspace holds for this person now."""
        view = self._view()
        if view is not self._shown:
            self._shown, self._appearance = view, None
            if view is None:
                self._dialog.close()
                return
            again = bool(self._dialog.value)
            self._build(view)
            self._dialog.open()
            if again:
                run_script(self._panel, _BEGIN)
        if view is None or self._surface is None or self._blocks is None:
            return
        appearance = (view.hash, dict(view.errors))
        if appearance != self._appearance:
            renewed = self._appearance is not None and self._appearance != appearance and not view.errors
            self._appearance = appearance
            self._fill(view, renewed=renewed)

    def _view(self) -> View | None:
        """Return the view on top, if this is the window where its form was asked for; other windows show none."""
        view = self._reader.person.modal
        if view is None or view.root_view_id == self._root:
            return view
        if not self._reader.sandbox.opens_in(self._reader.person, self._reader.client.id):
            return None
        self._root = view.root_view_id
        return view

    def _build(self, view: View) -> None:
        self._panel.clear()
        with self._panel:
            with tag("div", classes="modal-head"):
                self._title = tag("h2", view.title, "modal-title", tabindex="-1")
                button(symbol="close", classes="btn-icon", aria_label="Close", on_click=self._close)
            with tag("div", classes="modal-body", tabindex="-1"):
                self._problem = tag("p", classes="modal-problem", role="alert")
                holder = tag("div", classes="blocks")
            self._foot = tag("div", classes="modal-foot")
        self._dialog.props["aria-labelledby"] = self._title.html_id
        self._surface = Surface(self._reader, view)
        self._blocks = BlockList(holder, self._surface)

    def _fill(self, view: View, *, renewed: bool) -> None:
        if self._surface is None or self._blocks is None or self._title is None or self._problem is None:
            return
        retitled = self._title.text != view.title
        self._title.text = view.title
        self._problem.text = ""
        self._blocks.show(view.blocks)
        for block_id, show in self._surface.show_error.items():
            show(view.errors.get(block_id, ""))
        self._foot.clear()
        with self._foot:
            button(view.definition.get("close", {}).get("text", "Cancel"), on_click=self._close)
            self._submit = None
            if "submit" in view.definition:
                self._submit = button(view.definition["submit"]["text"], "btn-primary")
                self._submit.on("click", self._send, js_handler=QUIETLY)
        if view.errors:
            run_script(self._panel, "$.querySelector('[aria-invalid=true], .field-wrong button')?.focus();")
        elif renewed and retitled:
            # What had the focus may be gone with the old content.
            run_script(self._panel, "$.querySelector('.modal-title').focus();")

    async def _send(self) -> None:
        view, submit, problem = self._shown, self._submit, self._problem
        if view is None or submit is None or problem is None or self._busy:
            return
        self._busy = True
        submit.attribute("aria-busy", "true")
        problem.text = ""
        try:
            submission = await self._reader.person.submit_view(view)
        except ClientRefusal:
            # Slack's own checks: the view's errors are shown under their fields.
            return
        finally:
            self._busy = False
            if not submit.is_deleted:
                submit.attribute("aria-busy", None)
        if submission.problem and not problem.is_deleted:
            problem.text = f"We had some trouble connecting. Try again? ({submission.problem})"

    async def _closed_by_key(self, event: ValueChangeEventArguments[bool]) -> None:
        if not event.value:
            await self._close()

    async def _close(self) -> None:
        if self._shown is not None:
            await self._reader.attempt(self._reader.person.close_view(self._shown))

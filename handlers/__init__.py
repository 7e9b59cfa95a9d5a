"""How Slack speaks to the bot: every route on one screen.

Handlers are bound methods of small classes, one file a Slack surface. They know the core and never storage,
backends or the sandbox.
"""

import re
from dataclasses import dataclass
from typing import Final

from slack_bolt.app.async_app import AsyncApp

from handlers.blocks.chat import ask_form
from handlers.blocks.datasets import report
from handlers.blocks.start import form, prompt
from handlers.errors import on_error
from handlers.listeners.actions import Actions
from handlers.listeners.commands import Commands
from handlers.listeners.events import Events
from handlers.listeners.shortcuts import Shortcuts
from handlers.listeners.views import Views
from handlers.transport.access import Access
from handlers.transport.manifest import ASK, TUNE, TUNE_FILE

EVERY: Final = re.compile("")  # matches every event type; what nobody handles must still be acknowledged


@dataclass(frozen=True, slots=True)
class Listeners:
    """The handlers, one object a Slack surface."""

    access: Access
    commands: Commands
    actions: Actions
    submissions: Views
    shortcuts: Shortcuts
    events: Events


def register(app: AsyncApp, to: Listeners) -> None:
    """Bind every route."""
    app.error(on_error)
    app.middleware(to.access)

    app.command(TUNE.name)(to.commands.tune)
    app.command(ASK.name)(to.commands.ask)
    app.message_shortcut(TUNE_FILE.callback_id)(to.shortcuts.tune_file)

    app.view(form.CALLBACK_ID)(to.submissions.start_form)
    app.view(report.CALLBACK_ID)(to.submissions.start_report)
    app.view(ask_form.CALLBACK_ID)(to.submissions.ask_form)

    app.action(form.BACKEND_ACTION)(to.actions.form_backend)
    app.action(form.VALIDATION_ACTION)(to.actions.form_validation)
    app.action(report.AGAIN_ACTION)(to.actions.form_again)
    app.action(report.REPAIR_ACTION)(to.actions.report_repair)
    app.action(report.START_ACTION)(to.actions.report_start)
    app.action(prompt.OPEN_ACTION)(to.actions.open_form)
    app.action("job_cancel")(to.actions.job_cancel)
    app.action("job_refresh")(to.actions.job_refresh)
    app.action("job_ask")(to.actions.job_ask)
    app.action("job_use")(to.actions.job_use)
    app.action("job_delete")(to.actions.job_delete)

    app.event("app_mention")(to.events.app_mention)
    app.event("message")(to.events.message)
    app.event(EVERY)(to.events.other)

"""Connects Slack's requests to the bot: `register` shows every route.

Listeners are bound methods of small classes, one file for each kind of payload. They use the core and never
storage, backends or the sandbox.
"""

import re
from dataclasses import dataclass
from typing import Final

from slack_bolt.app.async_app import AsyncApp

from handlers.blocks import forget
from handlers.blocks.chat import answer, ask_form, channel_settings, feedback, two_answers
from handlers.blocks.datasets import check_views, finding_list, report
from handlers.blocks.home import greeting, tab
from handlers.blocks.jobs import approval_request, card_buttons, share_form
from handlers.blocks.start import cost, form, import_jobs, prompt
from handlers.errors import on_error
from handlers.listeners.actions import Actions
from handlers.listeners.answers import AnswerListeners
from handlers.listeners.commands import Commands
from handlers.listeners.events import Events
from handlers.listeners.feedback import FeedbackListeners
from handlers.listeners.home import HomeListeners
from handlers.listeners.shortcuts import Shortcuts
from handlers.listeners.start_actions import StartActions
from handlers.listeners.views import Views
from handlers.transport.access import Access
from handlers.transport.manifest import ASK, TUNE, TUNE_FILE

ANY_EVENT: Final = re.compile("")  # An event without a listener must still be acknowledged.


@dataclass(frozen=True, slots=True)
class Listeners:
    """The listeners, one object for each kind of payload."""

    access: Access
    commands: Commands
    actions: Actions
    start_actions: StartActions
    views: Views
    shortcuts: Shortcuts
    events: Events
    answers: AnswerListeners
    feedback: FeedbackListeners
    home: HomeListeners


def register(app: AsyncApp, listeners: Listeners) -> None:
    """Bind every route to its listener, each through `Access`; what has no listener is only acknowledged."""
    app.error(on_error)

    access = listeners.access

    commands, shortcuts = listeners.commands, listeners.shortcuts
    app.command(TUNE.name)(access.command(commands.tune))
    app.command(ASK.name)(access.command(commands.ask))
    app.message_shortcut(TUNE_FILE.callback_id)(access.shortcut(shortcuts.tune_file))

    views = listeners.views
    app.view(form.FORM_VIEW)(access.view(views.start_form))
    app.view(report.REPORT_VIEW)(access.view(views.start_report))
    app.view(cost.CONFIRM_VIEW)(access.view(views.start_confirmed))
    app.view(approval_request.DECLINE_VIEW)(access.view(views.decline_start))
    app.view(ask_form.ASK_VIEW)(access.view(views.ask_form))
    app.view(share_form.SHARE_VIEW)(access.view(views.share_form))
    app.view_closed(check_views.CHECKING_ID)(access.closed_view(views.check_closed))
    app.view(channel_settings.SETTINGS_VIEW)(access.view(views.settings_form))

    starts = listeners.start_actions
    app.action(form.BACKEND_ACTION)(access.action(starts.form_backend))
    app.action(form.ADVANCED_ACTION)(access.action(starts.form_advanced))
    app.action(form.VALIDATION_ACTION)(access.action(starts.form_validation))
    app.action(check_views.AGAIN_ACTION)(access.action(starts.form_again))
    app.action(check_views.REPAIR_ACTION)(access.action(starts.report_repair))
    app.action(check_views.POST_ACTION)(access.action(starts.report_post))
    app.action(check_views.MASK_ACTION)(access.action(starts.report_repair))
    app.action(check_views.ENCODING_ACTION)(access.action(starts.report_encoding))
    app.action(check_views.CHECK_ACTION)(access.action(starts.report_check))
    app.action(finding_list.DETAILS_ACTION)(access.action(starts.report_details))
    app.action(import_jobs.IMPORT_ACTION)(access.action(starts.import_job))
    app.action(report.START_ACTION)(access.action(starts.report_start))
    app.action(prompt.OPEN_ACTION)(access.action(starts.open_form))

    actions = listeners.actions
    app.action(approval_request.APPROVE_ACTION)(access.action(actions.job_approve))
    app.action(approval_request.DECLINE_ACTION)(access.action(actions.job_decline))
    app.action(card_buttons.CANCEL_ACTION)(access.action(actions.job_cancel))
    app.action(card_buttons.REFRESH_ACTION)(access.action(actions.job_refresh))
    app.action(card_buttons.ASK_ACTION)(access.action(actions.job_ask))
    app.action(card_buttons.USE_ACTION)(access.action(actions.job_use))
    app.action(channel_settings.SETTINGS_ACTION)(access.action(actions.channel_settings))
    app.action(card_buttons.SUCCESSOR_ACTION)(access.action(actions.job_successor))
    app.action(card_buttons.MOVE_ACTION)(access.action(actions.job_move))
    app.action(card_buttons.SHARE_ACTION)(access.action(actions.job_share))
    app.action(card_buttons.DELETE_ACTION)(access.action(actions.job_delete))
    app.action(forget.FORGET_ACTION)(access.action(actions.forget_person))
    app.action(card_buttons.AGAIN_ACTION)(access.action(actions.job_again))
    app.action(card_buttons.TUNE_AGAIN_ACTION)(access.action(actions.job_tune_again))

    app.action(answer.AGAIN_ACTION)(access.action(listeners.answers.try_again))
    app.action(answer.SHARE_ACTION)(access.action(listeners.answers.share))
    for vote in two_answers.VOTE_ACTIONS:
        app.action(vote)(access.action(listeners.answers.compared))

    votes = listeners.feedback
    app.action(feedback.VOTE_ACTION)(access.action(votes.vote))
    app.action(feedback.SWITCH_ACTION)(access.action(votes.switch_on))
    app.action(feedback.AGAIN_ACTION)(access.action(votes.again))
    app.view(feedback.CORRECTION_VIEW)(access.view(votes.correction))

    home = listeners.home
    app.action(tab.TUNE_ACTION)(access.action(home.tune))
    app.action(tab.ASK_ACTION)(access.action(home.ask))
    app.action(tab.HELP_ACTION)(access.action(home.help))
    app.action(greeting.CHOOSE_ACTION)(access.action(home.choose))
    app.event("app_home_opened")(access.event(home.opened))
    app.event("member_joined_channel")(access.own_arrival(home.arrived))

    events = listeners.events
    app.event("app_mention")(access.event(events.app_mention))
    app.event("message")(access.event(events.message))
    app.event("agent_session_stopped")(access.event(listeners.answers.session_stopped))
    app.event(ANY_EVENT)(events.other)

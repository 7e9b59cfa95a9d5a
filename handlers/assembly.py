"""Builds the listeners: the part of the wiring that knows Slack.

`bot/app/` calls these functions, and so do the tests, with stores, use cases and a clock of their own.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bot.chat.answer_settings import AnswerSettings
from bot.chat.answer_worker import AnswerWorker
from bot.chat.chat_service import ChatService
from bot.chat.compare import Comparisons
from bot.chat.feedback_service import FeedbackService
from bot.chat.home_page import HomePages
from bot.domain.requests import PendingModal
from bot.people.forgetting import Forgetting
from bot.people.job_access import JobAccess
from bot.people.roles import Roles
from bot.ports.clock import Clock
from bot.ports.files import FineTuningJobs
from bot.ports.job_store import JobStore
from bot.ports.stores import AuditLog, PendingModalStore
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.readiness import Readiness
from bot.tuning.approvals import Approvals
from bot.tuning.budgets import Budgets
from bot.tuning.corrected_file import CorrectedFiles
from bot.tuning.dataset_repair import DatasetRepair
from bot.tuning.google_sharing import GoogleSharing
from bot.tuning.job_refresh import JobRefresher
from bot.tuning.job_service import JobService
from bot.tuning.owner_notices import RetirementWatch
from bot.tuning.proposals import Proposals
from bot.tuning.retention import Retention
from bot.tuning.sharing import Sharing
from bot.tuning.sweep import Sweep
from handlers import Listeners, register
from handlers.delivery.home_tabs import REFRESH_SECONDS, HomeTabs
from handlers.delivery.poster import Poster
from handlers.delivery.question_tasks import QuestionTasks
from handlers.delivery.share_posts import SharePosts
from handlers.errors import report_errors
from handlers.listeners.actions import Actions
from handlers.listeners.answers import AnswerListeners
from handlers.listeners.commands import Commands
from handlers.listeners.events import Events
from handlers.listeners.feedback import FeedbackListeners
from handlers.listeners.home import HomeListeners
from handlers.listeners.shortcuts import Shortcuts
from handlers.listeners.start_actions import StartActions
from handlers.listeners.terminal import Terminal
from handlers.listeners.tune_command import CommandRunner
from handlers.listeners.views import Views
from handlers.listeners.workspace_commands import WorkspaceCommands
from handlers.start_flow.approval_flow import ApprovalFlow
from handlers.start_flow.check_modal import CheckModal
from handlers.start_flow.corrections_upload import CorrectionsUpload
from handlers.start_flow.job_import import JobImport
from handlers.start_flow.pending_modals import PendingModals
from handlers.start_flow.repair_upload import RepairUpload
from handlers.start_flow.report_details import ReportDetails
from handlers.transport.access import Access, Identity
from handlers.transport.slack_connection import SlackConnection


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the listeners call, one object a capability."""

    jobs: JobService
    approvals: Approvals
    access: JobAccess
    roles: Roles
    budgets: Budgets
    refresher: JobRefresher
    proposals: Proposals
    repair: DatasetRepair
    sweep: Sweep
    retirements: RetirementWatch
    sharing: Sharing
    google_sharing: GoogleSharing
    forgetting: Forgetting
    retention: Retention
    chat: ChatService
    answer_settings: AnswerSettings
    answers: AnswerWorker
    comparisons: Comparisons
    feedback: FeedbackService
    corrected_files: CorrectedFiles
    home_pages: HomePages
    readiness: Readiness
    imports: FineTuningJobs | None = None


@dataclass(frozen=True, slots=True)
class Handlers:
    """The listeners, and what continues the work that an earlier process did not finish."""

    listeners: Listeners
    check_modal: CheckModal
    questions: QuestionTasks
    pending_modals: PendingModalStore
    poster: Poster
    home_tabs: HomeTabs
    tasks: BackgroundTasks

    async def resume(self) -> None:
        """Continue each modal and question that was open when the last process ended. Raises StorageError."""
        modals = await self.pending_modals.unfinished()
        self.tasks.spawn(self._resume_modals(modals), "resumed modals")
        await self.questions.resume()

    async def _resume_modals(self, modals: Sequence[PendingModal]) -> None:
        """First say what is not repeated; then check again, one file after the other.

        One of the files may be what ended the last process: then no other check is under way beside it, and the
        next process knows which it was by its count of attempts.
        """
        for modal in sorted(modals, key=self.check_modal.checks_again):
            respond = self.poster.respond_ephemeral(modal.place, modal.user)
            await report_errors(self.check_modal.resume(modal), respond)


def build_handlers(
    slack: SlackConnection,
    use_cases: UseCases,
    jobs: JobStore,
    pending_modals: PendingModalStore,
    audit_log: AuditLog,
    tasks: BackgroundTasks,
    clock: Clock,
    home_seconds: float = REFRESH_SECONDS,
) -> Handlers:
    """Build one listener object a Slack surface, all on the same use cases and background tasks."""
    client, poster = slack.client, slack.poster
    modals = PendingModals(pending_modals, client, poster)
    details = ReportDetails(client)
    check_modal = CheckModal(client, use_cases.proposals, slack.files, poster, modals, details)
    repair_upload = RepairUpload(
        client, use_cases.repair, use_cases.proposals, slack.files, poster, modals, check_modal, audit_log
    )
    profiles = {profile.name: profile for profile in use_cases.proposals.profiles}
    settings = use_cases.answer_settings
    corrections = CorrectionsUpload(
        client,
        use_cases.feedback,
        use_cases.corrected_files,
        use_cases.proposals,
        slack.files,
        poster,
        check_modal,
        modals,
    )
    job_import = JobImport(client, use_cases.imports, use_cases.proposals, check_modal)
    share_posts = SharePosts(poster)
    workspace_commands = WorkspaceCommands(
        use_cases.access,
        use_cases.roles,
        audit_log,
        use_cases.forgetting,
        use_cases.budgets,
        jobs,
        clock,
    )
    commands = CommandRunner(
        use_cases.jobs,
        use_cases.access,
        use_cases.sharing,
        share_posts,
        use_cases.google_sharing,
        use_cases.chat,
        use_cases.answers,
        settings,
        jobs,
        profiles,
        poster,
        clock,
        use_cases.feedback,
        use_cases.comparisons,
        corrections,
        job_import,
        workspace_commands,
    )
    questions = QuestionTasks(use_cases.answers, slack.idempotent_poster, poster, tasks, clock)
    approvals = ApprovalFlow(client, use_cases.approvals, use_cases.jobs)
    home_tabs = HomeTabs(client, use_cases.home_pages, clock, home_seconds)
    listeners = Listeners(
        access=Access(slack.identity, slack.users, client, poster, tasks),
        commands=Commands(
            check_modal, corrections, job_import, commands, questions, use_cases.chat, poster, tasks
        ),
        start_actions=StartActions(
            check_modal,
            repair_upload,
            details,
            job_import,
            use_cases.access,
            use_cases.jobs,
            poster,
            client,
            tasks,
        ),
        actions=Actions(
            check_modal,
            approvals,
            use_cases.jobs,
            use_cases.access,
            use_cases.forgetting,
            use_cases.refresher,
            use_cases.chat,
            settings,
            poster,
            client,
            tasks,
        ),
        views=Views(
            check_modal,
            use_cases.proposals,
            approvals,
            use_cases.jobs,
            use_cases.access,
            use_cases.sharing,
            share_posts,
            settings,
            questions,
            poster,
            tasks,
        ),
        shortcuts=Shortcuts(check_modal, tasks),
        events=Events(
            slack.identity, commands, questions, use_cases.chat, use_cases.home_pages, poster, audit_log, tasks
        ),
        home=HomeListeners(
            home_tabs,
            use_cases.home_pages,
            use_cases.access,
            use_cases.chat,
            questions,
            check_modal,
            poster,
            client,
            audit_log,
            tasks,
        ),
        answers=AnswerListeners(questions, use_cases.comparisons, poster, tasks),
        feedback=FeedbackListeners(use_cases.feedback, corrections, poster, client, tasks),
    )
    return Handlers(listeners, check_modal, questions, pending_modals, poster, home_tabs, tasks)


def build_terminal(
    slack: SlackConnection,
    use_cases: UseCases,
    handlers: Handlers,
    audit_log: AuditLog,
) -> Terminal:
    """Build what carries out the commands of a terminal, on the same use cases as Slack's."""
    return Terminal(
        team=slack.identity.team,
        access=handlers.listeners.access,
        users=slack.users,
        members=slack.members,
        proposals=use_cases.proposals,
        tuning=use_cases.jobs,
        job_access=use_cases.access,
        answers=use_cases.answers,
        audit_log=audit_log,
        files=slack.files,
        poster=slack.poster,
        tasks=handlers.tasks,
    )


def build_bolt_app(identity: Identity, signing_secret: str, listeners: Listeners) -> AsyncApp:
    """Build Bolt's app with every route; Socket Mode signs no requests and needs no secret.

    The bot has logged in before, so Bolt is told who it is. Else Bolt would call auth.test with a client of its
    own, which ignores NO_PROXY, while Slack waits for the first acknowledgement.
    """

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_user_id=identity.user)

    app = AsyncApp(
        authorize=authorize,
        signing_secret=signing_secret or None,
        # Each logger of Bolt's takes the level of this one. By default they take the root's, and at DEBUG log what
        # people write: slack_bolt/logger/__init__.py.
        logger=logging.getLogger("slack_bolt"),
        # The acknowledgement leaves when the listener returns. Bolt's default polls for it every 10 ms:
        # slack_bolt/listener/asyncio_runner.py.
        process_before_response=True,
    )
    register(app, listeners)
    return app

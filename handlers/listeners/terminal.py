"""Carries out what a person types into a terminal beside the bot: `tunebot start`, `status` and `ask`.

It goes through the same use cases and rights as Slack's commands: who types names a person of the workspace and a
channel that this person can read. Only who may read the bot's database reaches it, and so already has its tokens.
"""

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.chat.answer_worker import AnswerWorker
from bot.datasets import report_text
from bot.domain.chat import UNPOSTED, Question
from bot.domain.jobs import TuningJob
from bot.domain.place import Place, Requester
from bot.errors import BadArgument, BotError, ConfirmationNeeded, Forbidden
from bot.people.job_access import JobAccess
from bot.ports.stores import AuditLog
from bot.ports.workspace_members import WorkspaceMembers
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.logs import bind_request, log_event
from bot.tuning.job_service import JobService
from bot.tuning.proposals import Proposals
from handlers.blocks.replies import build_reply
from handlers.delivery.poster import Poster
from handlers.errors import report_errors
from handlers.syntax.start_options import parse_start
from handlers.transport.access import Access, Refused, Sender
from handlers.transport.slack_files import SlackFiles
from handlers.transport.slack_people import SlackUsers

logger = logging.getLogger(__name__)

SHOWN_JOBS = 50
LOOKUP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Terminal:
    """The commands; each returns JSON for the terminal, and raises BotError for what it refuses."""

    team: str
    access: Access
    users: SlackUsers
    members: WorkspaceMembers
    proposals: Proposals
    tuning: JobService
    job_access: JobAccess
    answers: AnswerWorker
    audit_log: AuditLog
    files: SlackFiles
    poster: Poster
    tasks: BackgroundTasks

    async def requester(self, person: str, channel: str) -> Requester:
        """Return the person in the channel. Raises Forbidden, BadArgument."""
        if not person or not channel:
            raise BadArgument("A person and a channel are needed.", "Name them with --as U… and --channel C….")
        # Nobody waits for an acknowledgement here, so Slack has more time to say who the person is.
        await self.users.find(person, LOOKUP_SECONDS)
        try:
            requester = await self.access.requester(Sender(person, (self.team,), (), channel))
        except Refused as refused:
            raise Forbidden(f"{person} is not let in: {refused}.", "Name a person of the workspace.") from refused
        if not await self.members.can_read(person, channel):
            raise Forbidden(
                f"{person} cannot read {channel}.",
                "Name a channel that the person is in, and invite the bot there.",
            )
        bind_request(request=secrets.token_hex(4), team=self.team, channel=channel, user=person)
        return requester

    async def start(
        self, person: str, channel: str, words: str, path: Path, name: str, *, confirmed: bool
    ) -> dict[str, Any]:
        """Post the file in the channel, check it, and start the tuning; the card appears there as always."""
        requester = await self.requester(person, channel)
        place = requester.place
        # Wrong words and a person who may not tune are refused before anything is posted.
        asked = parse_start(f"{words} file=F0000000000")
        await self.proposals.check_person(requester)
        await self.proposals.check_values(requester, asked)
        ts = await self.poster.post(place, build_reply("starts a tuning from the command line.", by=person))
        uploaded = await self.files.upload([(path, name)], Place(place.team, place.channel, ts))
        if not uploaded:
            raise BadArgument("The file is empty.", "Give one with rows.")
        await self.audit_log.record(requester, "post a file", uploaded[0])
        request = parse_start(f"{words} file={uploaded[0]}")
        checked = await self.proposals.check(place, person, request)
        report = report_text(checked.report)
        if checked.proposal is None:
            return {"ok": False, "error": "The file cannot be tuned on as it is.", "report": report}
        try:
            job = await self.tuning.accept(self.team, checked.proposal.id, person, confirmed=confirmed)
        except ConfirmationNeeded as error:
            return {"ok": False, "error": str(error), "needs_yes": True, "report": report}
        if job is None:
            raise BotError("This start was accepted before.", "See it with: tunebot status")
        log_event(logger, "terminal.start", job=job.key)
        respond = self.poster.respond_ephemeral(place, person)
        self.tasks.spawn(report_errors(self.tuning.starts.submit(job), respond), f"start {job.key}")
        notes = f"{checked.notes} {checked.own_notes}".strip()
        return {"ok": True, "report": report, "notes": notes, "job": job_json(job)}

    async def status(self, person: str, channel: str, name: str) -> dict[str, Any]:
        """Return the job of that name or key, or without a name all that are under way."""
        requester = await self.requester(person, channel)
        if name.startswith("tb-"):
            return {"ok": True, "jobs": [job_json(await self.job_access.get(requester, name))]}
        if name:
            return {"ok": True, "jobs": [job_json(await self.job_access.named(requester, name))]}
        listed = await self.job_access.listed(requester, SHOWN_JOBS, under_way=True)
        return {"ok": True, "jobs": [job_json(job) for job in listed]}

    async def ask(self, person: str, channel: str, model: str, text: str) -> dict[str, Any]:
        """Ask the model of that name, or the channel's; the answer is for the terminal alone."""
        requester = await self.requester(person, channel)
        key = f"{UNPOSTED}{secrets.token_hex(8)}"
        answered = await self.answers.ask_unposted(
            Question(key, requester.place, person, text, named=model, quoted=True)
        )
        answer = answered.answer
        return {
            "ok": True,
            "model": answered.model.name,
            "answer": answer.text,
            "finish": answer.finish.value,
            "note": answered.note,
        }


def job_json(job: TuningJob) -> dict[str, Any]:
    """Return what a pipeline needs to know of a job."""
    return {
        "key": job.key,
        "name": job.name,
        "state": job.state.value,
        "ended": job.state.ended,
        "system": job.backend,
        "base_model": job.spec.base_model,
        "percent": job.percent,
        "model": job.tuned_model,
        "endpoint": job.endpoint,
        "problem": f"{job.failure.message} {job.failure.hint}".strip() if job.failure else job.problem,
    }

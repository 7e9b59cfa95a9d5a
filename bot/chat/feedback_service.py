"""The use cases on feedback: the switch, votes, corrections, and the files that corrections become.

Feedback is off until an owner has read `WHY` and switched it on; before that, nothing is
stored of an answer for it. Only what a person typed into the form of a correction ever becomes a training row:
Slack's developer policy forbids to train on other data from Slack.
Source: docs.slack.dev/developer-policy.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.datasets import correction_rows
from bot.domain.chat import Finish, ModelAnswer, ModelRef, Question
from bot.domain.datasets import Dialect, FieldMapping
from bot.domain.feedback import Correction, FeedbackSums, FeedbackSwitch, RatedAnswer, Vote
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.errors import BadArgument, NoSuchJob, Outdated, StorageError, UserError
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.feedback import FeedbackStore
from bot.ports.stores import AuditLog

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FeedbackSummary:
    """What people say of a model; `corrections` is None for a person who may see only the sums."""

    job: TuningJob
    sums: FeedbackSums
    corrections: Sequence[Correction] | None


@dataclass(frozen=True, slots=True)
class CorrectionExport:
    """The corrections of a model as a training file, and a file that says where each row comes from."""

    job: TuningJob
    version: int
    count: int
    rows: bytes
    provenance: bytes


class FeedbackService:
    """Votes on answers, and what becomes of them."""

    def __init__(self, store: FeedbackStore, access: JobAccess, audit_log: AuditLog) -> None:
        self._store = store
        self._access = access
        self._audit_log = audit_log

    async def ratable(self, question: Question, answer: ModelAnswer) -> ModelAnswer:
        """Return the answer, marked as one to vote on where the workspace stores feedback. Never raises."""
        try:
            rated = await self._is_on(question.place.team) and _can_be_rated(answer)
        except StorageError as error:
            logger.info("whether feedback is on is not known: %s", error)
            rated = False
        return replace(answer, rating_key=question.key) if rated else replace(answer, sent=(), rating_key="")

    async def switch(self, team: str) -> FeedbackSwitch | None:
        """Return the workspace's switch, None if nobody has touched it. Raises StorageError."""
        return await self._store.switch(team)

    async def check_switch(self, requester: Requester) -> None:
        """Raises Forbidden if the person may not switch feedback on or off, StorageError."""
        await self._access.check(requester, Deed.SWITCH_FEEDBACK)

    async def set_switch(self, requester: Requester, *, on: bool) -> None:
        """Switch feedback on or off. Raises Forbidden, StorageError."""
        await self.check_switch(requester)
        await self._store.set_switch(requester.team, requester.user, on=on)
        await self._audit_log.record(requester, f"feedback {'on' if on else 'off'}", "")

    async def vote(self, requester: Requester, key: str, vote: Vote) -> RatedAnswer:
        """Store the person's vote. Raises Forbidden, Outdated, StorageError."""
        await self._access.check(requester, Deed.ASK)
        answer = await self._answer(requester, key)
        await self._store.vote(answer, requester.user, vote)
        return answer

    async def correct(self, requester: Requester, key: str, question: str, text: str) -> None:
        """Store what the person typed in place of the answer.

        Raises BadArgument, Forbidden, Outdated, StorageError.
        """
        await self._access.check(requester, Deed.ASK)
        answer = await self._answer(requester, key)
        for field, typed in (("question", question), ("better", text)):
            if not typed.strip():
                raise BadArgument("This must not be empty.", field=field)
        await self._store.correct(answer, requester.user, question.strip(), text.strip())

    async def summary(self, requester: Requester, name: str) -> FeedbackSummary:
        """Return what people say of the model that this job made. Raises NoSuchJob, StorageError."""
        job = await self._access.named(requester, name)
        model = _model_of(job)
        sums = await self._store.sums(requester.team, model)
        seen = await self._access.may_decide(requester, job, Deed.CORRECTIONS)
        return FeedbackSummary(job, sums, await self._store.corrections(requester.team, model) if seen else None)

    async def sums(self, job: TuningJob) -> FeedbackSums:
        """Return the votes on the answers of the job's model, none before it has one. Raises StorageError."""
        return await self._store.sums(job.place.team, _model_of(job)) if job.endpoint else FeedbackSums()

    async def corrected_job(
        self, requester: Requester, name: str = "", *, key: str = ""
    ) -> tuple[TuningJob, Sequence[Correction]]:
        """Return a job, by its name or its key, and the corrections of its model, the newest of each question.

        Raises NoSuchJob, also where there is no correction, Forbidden if the person may not have them.
        """
        job = await (self._access.get(requester, key) if key else self._access.named(requester, name))
        await self._access.check_deed(requester, job, Deed.CORRECTIONS)
        corrections = await self._store.corrections(requester.team, _model_of(job))
        if not corrections:
            hint = "Press the thumb down under an answer and write a better one."
            if not await self._is_on(requester.team):
                # Then there are no thumbs under an answer.
                hint = "Feedback is off. An owner of the bot can read why and switch it on: /tune feedback on"
            raise NoSuchJob(f"Nobody has corrected an answer of “{job.name}” yet.", hint)
        return job, list({each.question: each for each in corrections}.values())

    async def export(self, requester: Requester, name: str) -> CorrectionExport:
        """Return the corrections as rows in the form of the job's own file, with where each comes from.

        Raises as `corrected_job` does.
        """
        job, corrections = await self.corrected_job(requester, name)
        lines = correction_rows(corrections, *_form_of(job, corrections))
        rows = b"".join(line + b"\n" for line in lines)
        provenance = b"".join(
            json.dumps(_provenance(number, each), ensure_ascii=False).encode() + b"\n"
            for number, each in enumerate(corrections, start=1)
        )
        sha256 = hashlib.sha256(rows).hexdigest()
        version = await self._store.export_version(requester.team, _model_of(job), requester.user, sha256)
        await self._audit_log.record(requester, "export corrections", f"{job.key} v{version}")
        return CorrectionExport(job, version, len(lines), rows, provenance)

    async def _is_on(self, team: str) -> bool:
        switch = await self._store.switch(team)
        return switch is not None and switch.on

    async def _answer(self, requester: Requester, key: str) -> RatedAnswer:
        """Return the answer if the person sees it where they are. Raises Outdated."""
        if not await self._is_on(requester.team):
            raise Outdated("Feedback is switched off in this workspace.", "Nothing was stored.")
        answer = await self._store.answer(requester.team, key)
        # The words of an answer whose question was deleted are gone.
        if (
            answer is None
            or not answer.text
            or (requester.place.channel != answer.place.channel and requester.user != answer.user)
        ):
            raise Outdated("I no longer keep this answer, so I cannot store what you think of it.")
        await self._access.check_reads(requester)
        return answer


def _form_of(job: TuningJob, corrections: Sequence[Correction]) -> tuple[Dialect, FieldMapping | None]:
    """Return the form of the job's file; where it cannot be written, one that every backend takes."""
    training = job.spec.training
    try:
        correction_rows(corrections[:1], training.dialect, training.mapping)
    except UserError:
        return Dialect.GEMINI, None
    return training.dialect, training.mapping


def _provenance(number: int, correction: Correction) -> dict[str, Any]:
    answer = correction.answer
    return {
        "row": number,
        "corrected_by": correction.user,
        "corrected_at": correction.at.isoformat(),
        "model": answer.model.name,
        "endpoint": answer.model.endpoint,
        "asked_by": answer.user,
        "answered_at": answer.answered_at.isoformat(),
        "sent": [{"role": turn.role.value, "text": turn.text} for turn in answer.turns],
        "settings": json.loads(answer.settings),
        "answer": answer.text,
    }


def _can_be_rated(answer: ModelAnswer) -> bool:
    given = answer.answer
    return bool(given.text.strip() and answer.sent) and given.finish in (Finish.COMPLETE, Finish.CUT)


def _model_of(job: TuningJob) -> ModelRef:
    return ModelRef(job.backend, job.endpoint, job.name)

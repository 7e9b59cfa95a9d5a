"""Decides which model answers in a place, and who may ask it; `bot/chat/model_asking.py` asks it.

A thread keeps the model of its first answer.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from bot.chat.answer_settings import AnswerSettings
from bot.chat.gone_models import GoneModels
from bot.chat.model_asking import ModelAsking, conversation_in
from bot.chat.named_models import NamedModels, cannot_answer, model_of
from bot.domain.chat import (
    ChannelModel,
    ModelAnswer,
    ModelRef,
    ThreadState,
)
from bot.domain.generation_settings import GenerationSettings
from bot.domain.jobs import TuningJob
from bot.domain.place import Place, Requester
from bot.errors import BadArgument, NoSuchJob, UserError
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.stores import AuditLog, ChatStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """The model that was chosen for a channel, and who deleted it since, empty if nobody did.

    `may_answer` is false where nobody shows it to the channel any more, and who chose it may not use it there now.
    """

    chosen: ChannelModel
    deleted_by: str = ""
    may_answer: bool = True


class ChatService:
    """The use cases on models that can be asked. Each sees the jobs and channels of one workspace only."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        access: JobAccess,
        chats: ChatStore,
        audit_log: AuditLog,
        settings: AnswerSettings,
        gone: GoneModels,
    ) -> None:
        self._backends = backends
        self._access = access
        self._chats = chats
        self._audit_log = audit_log
        self._settings = settings
        self.named: Final = NamedModels(backends, access)
        self.asking: Final = ModelAsking(backends, chats, settings, gone)

    async def base_of(self, model: ModelRef) -> ModelRef:
        """Return the base model of a tuned one as a model to ask. Raises BadArgument, StorageError."""
        base_model = await self._settings.base_model(model)
        if not base_model:
            raise BadArgument(
                f"I do not know on which base model “{model.name}” was tuned.",
                "Compare it with another tuned model: /ask compare=NAME your question",
            )
        backend = offered_backend(self._backends, model.backend)
        called = base_model.rpartition("/")[2]
        return ModelRef(model.backend, backend.base_endpoint(base_model, model.endpoint), called)

    async def check_settings(self, model: ModelRef, settings: GenerationSettings) -> None:
        """Check what a question sets before anything is sent. Raises BadArgument, StorageError."""
        await self._settings.check(model, settings)

    async def first_left_out(self, place: Place, answer: ModelAnswer) -> bool:
        """Return what `AnswerSettings.first_left_out` returns for this answer. Never raises."""
        return await self._settings.first_left_out(place, answer.model, answer.left_out)

    async def model_for(self, requester: Requester, name: str = "") -> ModelRef:
        """Return the named model, else the thread's, else the one that was chosen for the channel.

        Raises NoSuchJob with the command to type next, Forbidden if the person may not ask it here, StorageError.
        """
        place = requester.place
        await self._access.check(requester, Deed.ASK)
        if name:
            return await self.named.find(requester, name)
        chosen = await self._chats.bound(place)
        # What was chosen for direct messages is newer than what answered there before; a thread keeps its model.
        settled = place.is_direct and not place.thread and chosen is not None
        if not settled and (conversation := await conversation_in(self._chats, place, 0)) is not None:
            job = await self._access.job_of(conversation.model)
            if job is not None and job.deleted_by:
                raise _thread_over(conversation.model)
            if await self._may_go_on(requester, conversation.model):
                return conversation.model
            raise NoSuchJob(
                "You cannot ask the model of this thread.", "Ask another one: /ask model=NAME your question"
            )
        if chosen is not None:
            await self._check_exists(chosen.model, place)
            if place.is_direct and (job := await self._access.job_of(chosen.model)) is not None:
                await self._access.check_ask(requester, await self._access.get(requester, job.key))
            elif not await self._access.still_answers(place, chosen):
                raise NoSuchJob(
                    f"The model that was chosen for {_here(place)} may not be used here any more, and no other "
                    "one answers in its place.",
                    "Choose another one with /tune use NAME.",
                )
            return chosen.model
        raise NoSuchJob(f"No model was chosen for {_here(place)} yet.", "Choose one with /tune use NAME.")

    async def needs_choice(self, requester: Requester) -> bool:
        """Return whether one must name or choose a model, since none answers here. Raises StorageError."""
        try:
            await self.model_for(requester)
        except NoSuchJob:
            return True
        except UserError:
            return False
        return False

    async def answers_in(self, requester: Requester) -> bool:
        """Return whether a model answers in this thread that the person may ask here, without being mentioned.

        Raises NoSuchJob once where its model was deleted since, StorageError.
        """
        place = requester.place
        conversation = await self._chats.conversation(place, 0) if place.thread else None
        if conversation is None or conversation.state is not ThreadState.OPEN or not conversation.model.endpoint:
            return False
        job = await self._access.job_of(conversation.model)
        if job is not None and job.deleted_by:
            if await self._chats.set_state(place, ThreadState.ENDED):
                raise _thread_over(conversation.model)
            return False
        return await self._may_go_on(requester, conversation.model)

    async def check_person(self, requester: Requester) -> None:
        """Raises Forbidden if the person may ask no model here, StorageError."""
        await self._access.check(requester, Deed.ASK)

    async def speak_again(self, requester: Requester) -> None:
        """End the quiet of a thread in which somebody mentioned the bot who may ask. Raises StorageError."""
        place = requester.place
        if not await self._access.may(requester, Deed.ASK):
            return
        if await self.is_quiet(place):
            await self._chats.set_state(place, ThreadState.OPEN)

    async def be_quiet(self, place: Place) -> None:
        """Answer nothing more in this thread until somebody mentions the bot there. Raises StorageError."""
        await self._chats.be_quiet(place)

    async def is_quiet(self, place: Place) -> bool:
        """Return whether nothing is answered in this thread without a mention. Raises StorageError."""
        conversation = await self._chats.conversation(place, 0) if place.thread else None
        return conversation is not None and conversation.state is ThreadState.QUIET

    async def _may_go_on(self, requester: Requester, model: ModelRef) -> bool:
        """Return whether the person may ask the thread's model; everybody may ask the one of the channel."""
        if await self._answers_everybody(requester.place, model):
            return await self._access.may(requester, Deed.ASK)
        job = await self._access.job_of(model)
        if job is None:
            return await self._access.may(requester, Deed.ASK)
        return await self._access.may_ask(requester, job)

    async def _answers_everybody(self, place: Place, model: ModelRef) -> bool:
        """Return whether the model was chosen for this channel, whose people may then all ask it."""
        bound = None if place.is_direct else await self._chats.bound(place)
        if bound is None or bound.model.endpoint != model.endpoint:
            return False
        return await self._access.still_answers(place, bound)

    async def check_ask(self, requester: Requester, model: ModelRef) -> None:
        """Check that the person may ask this model here. Raises NoSuchJob, Forbidden, StorageError."""
        await self._access.check(requester, Deed.ASK)
        await self._access.check_reads(requester)
        if await self._answers_everybody(requester.place, model):
            return
        if (job := await self._access.job_of(model)) is not None:
            await self._access.check_ask(requester, await self._access.get(requester, job.key))

    async def use(self, requester: Requester, name: str) -> ModelRef:
        """Make the named model the one that answers in the channel.

        Raises NoSuchJob, Forbidden if the person may not use it in this channel, StorageError.
        """
        model = await self.named.checked(requester, name, partial(self._check_choice, requester))
        return await self._bind(requester, model)

    async def use_job(self, requester: Requester, job: TuningJob) -> ModelRef:
        """Make the job's model the one that answers in the channel. Raises as `use` does."""
        if not job.can_answer:
            raise cannot_answer(job)
        await self._check_choice(requester, job)
        return await self._bind(requester, model_of(job))

    async def _check_choice(self, requester: Requester, job: TuningJob) -> None:
        """Check that the person may choose the model here. Raises Forbidden, NoSuchJob, StorageError.

        In direct messages with the bot only the person themselves asks it.
        """
        if requester.place.is_direct:
            await self._access.check_ask(requester, job)
        else:
            await self._access.check_use(requester, job)

    async def _bind(self, requester: Requester, model: ModelRef) -> ModelRef:
        await self._access.check(requester, Deed.ASK)
        await self._chats.bind(requester.place, model, requester.user)
        await self._audit_log.record(requester, "use", model.endpoint)
        return model

    async def use_none(self, requester: Requester) -> ChosenModel | None:
        """Let no model answer in the channel, and return the one that was chosen, None if there was none.

        Raises Forbidden, StorageError.
        """
        await self._access.check(requester, Deed.ASK)
        place = requester.place
        before = await self.chosen(place)
        if before is not None:
            await self._chats.unbind(place)
            await self._audit_log.record(requester, "use none", before.chosen.model.endpoint)
        return before

    async def chosen(self, place: Place) -> ChosenModel | None:
        """Return the model that was chosen for the channel, None if there is none. Raises StorageError."""
        bound = await self._chats.bound(place)
        if bound is None:
            return None
        job = await self._access.job_of(bound.model)
        deleted_by = job.deleted_by if job is not None else ""
        return ChosenModel(bound, deleted_by, bool(deleted_by) or await self._access.still_answers(place, bound))

    async def _check_exists(self, model: ModelRef, place: Place) -> None:
        """Raises NoSuchJob if the model was deleted: no other one answers in its place."""
        job = await self._access.job_of(model)
        if job is not None and job.deleted_by:
            raise NoSuchJob(
                f"The model of {_here(place)}, “{model.name}”, was deleted.",
                "Choose another one with /tune use NAME.",
            )


def _here(place: Place) -> str:
    return "these direct messages" if place.is_direct else "this channel"


def _thread_over(model: ModelRef) -> NoSuchJob:
    return NoSuchJob(
        f"The model of this thread, “{model.name}”, was deleted, so nobody answers here any more.",
        "Ask another one: @Tunebot model=NAME your question",
    )

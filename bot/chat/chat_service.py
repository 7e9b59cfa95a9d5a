"""Asks tuned models: which model answers in a place, the earlier turns of its thread, and the answer.

A model has the name of a job of the workspace or a name that Google lists. A thread keeps the model of its first
answer.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.chat import Conversation, Finish, ModelAnswer, ModelRef, Role, Turn, estimated_tokens
from bot.domain.jobs import TunedModel, TuningJob
from bot.domain.names import did_you_mean, same_name
from bot.domain.place import Place
from bot.errors import BadArgument, BotError, NoSuchJob
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.stores import AuditLog, ChatStore, JobStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models that Google lists, newest first, and a sentence for each backend whose list failed."""

    models: Sequence[TunedModel]
    problems: Sequence[str]


class ChatService:
    """The use cases on models that can be asked. Each sees the jobs and channels of one workspace only."""

    def __init__(
        self, backends: Mapping[str, TuningBackend], jobs: JobStore, chats: ChatStore, audit_log: AuditLog
    ) -> None:
        self._backends = backends
        self._jobs = jobs
        self._chats = chats
        self._audit_log = audit_log

    async def ask(self, place: Place, question: str, model: ModelRef) -> ModelAnswer:
        """Ask the model, with the thread's earlier turns if the backend accepts them.

        Raises BadArgument for an empty question, GoogleError, StorageError.
        """
        if not question.strip():
            raise BadArgument("There is no question.", "Type it after the command: /ask What can you do?")
        backend = offered_backend(self._backends, model.backend)
        budget = max(0, backend.profile.input_tokens - estimated_tokens(question))
        earlier = await self._chats.conversation(place, budget) if place.thread else None
        # The name of the thread's model may have changed since; its endpoint does not change.
        same = earlier is not None and earlier.model.endpoint == model.endpoint
        history = earlier.turns if earlier is not None and same else ()
        cut = earlier is not None and same and earlier.cut
        takes_history = backend.profile.takes_history
        turns = (*(history if takes_history else ()), Turn(Role.USER, question))
        answer = await backend.generate(model.endpoint, turns)
        return ModelAnswer(
            model,
            answer,
            history_dropped=bool(history or cut) and not takes_history,
            history_cut=cut and takes_history,
        )

    async def model_for(self, place: Place, name: str = "") -> ModelRef:
        """Return the named model, else the thread's, else the channel's, else the newest one tuned in the channel.

        Raises NoSuchJob with the command to type next, StorageError.
        """
        if name:
            return await self.find(place.team, name)
        if place.thread and (conversation := await self._chats.conversation(place, 0)) is not None:
            return conversation.model
        if (bound := await self._chats.bound(place)) is not None:
            return bound
        for job in await self._jobs.jobs(place.team):
            if job.can_answer and job.place.channel == place.channel:
                return _model_of(job)
        raise NoSuchJob(
            "No model answers in this channel yet.", "Choose one with /tune use NAME, or tune one with /tune."
        )

    async def answers_in(self, place: Place) -> bool:
        """Return whether a model has answered in this thread. Raises StorageError."""
        return bool(place.thread) and await self._chats.conversation(place, 0) is not None

    async def find(self, team: str, name: str) -> ModelRef:
        """Return a model by its job's name, or by a display name or resource at Google. Raises NoSuchJob."""
        job = await self._jobs.named(team, name)
        if job is not None:
            if job.can_answer:
                return _model_of(job)
            raise NoSuchJob(f"{job.name} cannot answer: it is {job.state}.", "See /tune list for models that can.")
        listed = (await self.models()).models
        wanted = same_name(name)
        for model in listed:
            if name in (model.resource, model.endpoint) or (wanted and wanted == same_name(model.display_name)):
                called = model.display_name or model.resource
                if not model.endpoint:
                    said = f"Google says {model.state}" if model.state else "Google gives it no endpoint"
                    raise NoSuchJob(f"{called} cannot answer: {said}.", "See /tune models for those that can.")
                return ModelRef(model.backend, model.endpoint, called)
        known = [job.name for job in await self._jobs.jobs(team) if job.can_answer]
        known += [model.display_name for model in listed]
        hint = did_you_mean(name, known, otherwise="See /tune models for those I can ask.")
        raise NoSuchJob(f"I know no model named {name!r}.", hint)

    async def use(self, place: Place, name: str, user: str) -> ModelRef:
        """Make the named model the one that answers in the place's channel. Raises NoSuchJob, StorageError."""
        model = await self.find(place.team, name)
        await self._chats.bind(place, model, user)
        await self._audit_log.record(place.team, user, "use", f"{place.channel} {model.endpoint}")
        return model

    async def models(self) -> ModelList:
        """Return all tuned models of all backends; the error of one backend does not hide the others."""
        models: list[TunedModel] = []
        problems: list[str] = []
        for backend in self._backends.values():
            try:
                models += await backend.models()
            except BotError as error:
                logger.warning("could not list the models of %s: %s", backend.profile.name, error)
                problems.append(f"{backend.profile.title}: {error}")
        return ModelList(models, problems)


def exchange(place: Place, question: str, answer: ModelAnswer) -> Conversation:
    """Return the turns that a thread keeps of a posted answer: both, or none if the model returned no text."""
    turns: tuple[Turn, ...] = ()
    if answer.answer.text and answer.answer.finish in (Finish.COMPLETE, Finish.CUT):
        turns = (Turn(Role.USER, question), Turn(Role.MODEL, answer.answer.text))
    return Conversation(place, answer.model, turns)


def _model_of(job: TuningJob) -> ModelRef:
    return ModelRef(job.backend, job.endpoint, job.name)

"""How models answer in a channel: who sets what, what a model takes of it, and what a question adds.

A question's own settings that its model does not take are refused before anything is sent. A channel's settings
stay when another model is chosen there; what that model does not take is then not sent.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import PLAIN_CHANNEL, ChannelSettings, ModelRef
from bot.domain.generation_settings import NO_SETTINGS, GenerationSettings
from bot.domain.jobs import TuningJob
from bot.domain.place import Place, Requester
from bot.errors import BadArgument, BotError, StorageError
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.stores import AuditLog, ChatStore

logger = logging.getLogger(__name__)

LONGEST_GREETING: Final = 500
# A model that was tuned again and again on tuned models: so many steps back its base model is searched for.
_MOST_BASES: Final = 10
_DEFAULTS_SECONDS: Final = 1.2  # of the three within which a form opens


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What a person changes: new values, and the names of those that are left to Google again.

    `greeting` None leaves the greeting as it is. `everything` sets all values anew, the others being left out.
    """

    generation: GenerationSettings = NO_SETTINGS
    reset: frozenset[str] = frozenset()
    greeting: str | None = None
    everything: bool = False

    def applied_to(self, before: ChannelSettings) -> ChannelSettings:
        """Return the settings after the change."""
        kept = PLAIN_CHANNEL if self.everything else before
        return ChannelSettings(
            generation=self.generation.over(kept.generation.without(self.reset)),
            greeting=kept.greeting if self.greeting is None else self.greeting,
        )


@dataclass(frozen=True, slots=True)
class ChannelAnswers:
    """How models answer in a channel. `model` is the chosen one, None where there is none.

    `profile` is that of the model, or of the default system; `base_model` is empty where nobody knows it.
    `defaults` are the values that Google keeps with the tuned model itself, where they were asked for, and
    `tuned_with` is the system instruction with which it was tuned.
    """

    settings: ChannelSettings
    profile: BackendProfile
    model: ModelRef | None = None
    base_model: str = ""
    defaults: GenerationSettings = NO_SETTINGS
    tuned_with: str = ""

    @property
    def unused(self) -> list[str]:
        """The names of the settings that the model does not take, so that they are not sent."""
        return list(_left_out(self.settings.generation, self.profile, self.base_model))


class AnswerSettings:
    """The use cases on settings."""

    def __init__(
        self, backends: Mapping[str, TuningBackend], access: JobAccess, chats: ChatStore, audit_log: AuditLog
    ) -> None:
        self._backends = backends
        self._access = access
        self._chats = chats
        self._audit_log = audit_log

    async def of_channel(self, place: Place) -> ChannelAnswers:
        """Return how models answer in the place's channel. Raises StorageError."""
        settings, bound = await self._chats.settings(place), await self._chats.bound(place)
        gone = bound is None or not await self._access.still_answers(place, bound)
        if bound is None or gone or bound.model.backend not in self._backends:
            return ChannelAnswers(settings, offered_backend(self._backends, "").profile)
        job = await self._access.job_of(bound.model)
        return ChannelAnswers(
            settings,
            self._backends[bound.model.backend].profile,
            bound.model,
            await self._base_model(job),
            tuned_with="" if job is None else job.spec.system_instruction,
        )

    async def with_defaults(self, answers: ChannelAnswers) -> ChannelAnswers:
        """Return the same with the defaults that Google keeps with the model; without them if Google is slow.

        Never raises: a form opens without them.
        """
        model = answers.model
        if model is None or not answers.profile.generation.keeps_defaults:
            return answers
        try:
            async with asyncio.timeout(_DEFAULTS_SECONDS):
                found = await self._backends[model.backend].tuned_model(model.endpoint)
        except (BotError, TimeoutError) as error:
            logger.info("no defaults of %s: %s", model.endpoint, error)
            return answers
        return answers if found is None else replace(answers, defaults=found.defaults)

    async def change(self, requester: Requester, change: SettingsChange) -> ChannelAnswers:
        """Change how models answer in the requester's channel, and return how they do then.

        Raises BadArgument for what the channel's model does not take, Forbidden for a person who may ask no model
        or has left the channel, StorageError.
        """
        await self._access.check(requester, Deed.ASK)
        await self._access.check_reads(requester)
        place = requester.place
        now = await self.of_channel(place)
        now.profile.generation.check(change.generation, now.profile.title, now.base_model)
        if len(change.greeting or "") > LONGEST_GREETING:
            raise BadArgument(
                f"The greeting has {len(change.greeting or ''):,} characters; I take at most {LONGEST_GREETING}.",
                "Shorten it.",
                field="greeting",
            )
        changed = change.applied_to(now.settings)
        await self._chats.set_settings(place, changed, requester.user)
        await self._audit_log.record(requester, "settings", place.channel)
        return replace(now, settings=changed)

    async def check(self, model: ModelRef, settings: GenerationSettings) -> None:
        """Raise BadArgument for what the model does not take, StorageError."""
        profile = offered_backend(self._backends, model.backend).profile
        base_model = await self._base_model(await self._access.job_of(model))
        profile.generation.check(settings, profile.title, base_model)

    async def for_question(
        self, place: Place, model: ModelRef, asked: GenerationSettings
    ) -> tuple[GenerationSettings, str, tuple[str, ...]]:
        """Return the settings to send with a question, and the model's base model, empty if nobody knows it.

        Third are the names of the channel's settings that are not sent, because the model does not take them.

        A model that was tuned with a system instruction is asked with the same one, unless the question or the
        channel sets another. Where nobody can set another, because the system has no field for it, only the choice
        of none is followed.
        Raises BadArgument for a backend that is not offered any more, StorageError.
        """
        profile = offered_backend(self._backends, model.backend).profile
        job = await self._access.job_of(model)
        base_model = await self._base_model(job)
        of_channel = (await self._chats.settings(place)).generation
        wanted = asked.over(of_channel)
        left_out = _left_out(of_channel.without(frozenset(asked.given())), profile, base_model)
        tuned_with = job.spec.system_instruction if job is not None else ""
        if not tuned_with:
            return profile.generation.taken(wanted, base_model), base_model, left_out
        if wanted.system_instruction is None:
            wanted = replace(wanted, system_instruction=tuned_with)
        taken = profile.generation.taken(wanted, base_model)
        if wanted.system_instruction and not profile.generation.takes_system_instruction:
            taken = replace(taken, system_instruction=tuned_with)
        return taken, base_model, left_out

    async def first_left_out(self, place: Place, model: ModelRef, names: Iterable[str]) -> bool:
        """Return whether this channel was not told in the last week that the model does not take these settings.

        Never raises: a note must not stop an answer.
        """
        key = " ".join(("left out", place.team, place.channel, model.endpoint, *names))
        try:
            return await self._audit_log.first_time(key)
        except StorageError as error:
            logger.info("what is not sent to %s could not be written down: %s", model.endpoint, error)
            return True

    async def base_model(self, model: ModelRef) -> str:
        """Return the base model on which this model was tuned, empty if nobody knows it. Raises StorageError."""
        return await self._base_model(await self._access.job_of(model))

    async def _base_model(self, job: TuningJob | None) -> str:
        """Return the base model on which the job's model, or the model that it was tuned on, was tuned."""
        for _ in range(_MOST_BASES):
            if job is None:
                return ""
            found = job.spec.base_model
            if not found.startswith(("projects/", "tunedModels/")):
                return found
            job = await self._access.job_of(found)
        return ""


def _left_out(settings: GenerationSettings, profile: BackendProfile, base_model: str) -> tuple[str, ...]:
    """Return the names of the settings that the model does not take; an empty text asks for nothing."""
    taken = profile.generation.taken(settings, base_model).given()
    return tuple(name for name, value in settings.given().items() if name not in taken and value not in ("", ()))

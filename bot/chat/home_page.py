"""Collects what one person's Home tab shows, all of it only as far as the person may see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.chat import ChannelModel
from bot.domain.jobs import TuningJob
from bot.domain.place import Place, Requester
from bot.people.job_access import JobAccess
from bot.ports.stores import ChatStore

LISTED: Final = 60  # among how many of the newest jobs
OWN: Final = 8
ASKED: Final = 8
ANSWERING: Final = 10


@dataclass(frozen=True, slots=True)
class HomePage:
    """One person's tunings, the models that they may ask directly, and which model answers in which channel."""

    own: Sequence[TuningJob]
    asked: Sequence[TuningJob]
    answering: Sequence[tuple[str, ChannelModel]]


class HomePages:
    """Reads Home pages from the database."""

    def __init__(self, access: JobAccess, chats: ChatStore) -> None:
        self._access = access
        self._chats = chats

    async def of(self, requester: Requester) -> HomePage:
        """Return the person's page; the requester's place is their direct messages. Raises StorageError."""
        jobs = await self._access.listed(requester, LISTED)
        own = [job for job in jobs if requester.user == job.owner]
        answering = [
            (channel, chosen)
            for channel, chosen in await self._chats.all_bound(requester.team)
            if await self._access.may_read(requester, channel)
            and await self._access.still_answers(Place(requester.team, channel), chosen)
        ]
        return HomePage(own[:OWN], await self._askable(requester, jobs), answering[:ANSWERING])

    async def models(self, requester: Requester) -> Sequence[TuningJob]:
        """Return the newest models that the person may ask here. Raises StorageError."""
        return await self._askable(requester, await self._access.listed(requester, LISTED))

    async def _askable(self, requester: Requester, jobs: Sequence[TuningJob]) -> Sequence[TuningJob]:
        found: list[TuningJob] = []
        for job in jobs:
            if len(found) < ASKED and job.can_answer and await self._access.may_ask(requester, job):
                found.append(job)
        return found

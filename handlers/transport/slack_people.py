"""Asks Slack who a person is, who can read a channel, who is in a user group, and who administers the workspace.

An answer on a person is kept for two minutes, on a channel or a group for one, and a failure for ten seconds, so a
person who writes often costs few calls, and one who left the company or is no longer an administrator soon has no
rights. Where Slack does not answer in time, or refuses, the answer is no.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.roles import is_group
from handlers.slack_errors import CALL_ERRORS, says_nobody

logger = logging.getLogger(__name__)

T = TypeVar("T")

USER_SECONDS: Final = 1.0  # of the three in which Slack must be acknowledged
LOOKUP_SECONDS: Final = 5.0
_USER_KEPT_SECONDS: Final = 120.0
_KEPT_SECONDS: Final = 60.0
_FAILURE_KEPT_SECONDS: Final = 10.0
_MOST_USERS_KEPT: Final = 2_000
_MOST_KEPT: Final = 1_000
_AT_ONCE: Final = 8
_PAGE: Final = 1_000  # the most that conversations.members returns at once


@dataclass(frozen=True, slots=True)
class SlackUser:
    """What users.info says of a person. `teams` are their workspaces, several in an Enterprise organisation."""

    teams: frozenset[str]
    is_guest: bool = False
    is_bot: bool = False
    is_admin: bool = False  # an administrator or an owner of the workspace


class SlackUsers:
    """Looks people up with users.info, which needs the scope `users:read`."""

    def __init__(self, client: AsyncWebClient, seconds: float = USER_SECONDS) -> None:
        self._client = client
        self._seconds = seconds
        self._kept: dict[str, tuple[float, SlackUser | None]] = {}
        self._unanswered: set[str] = set()

    async def find(self, user: str, seconds: float | None = None) -> SlackUser | None:
        """Return the person, None where Slack does not say in so many seconds who they are. Never raises."""
        now = asyncio.get_running_loop().time()
        until, kept = self._kept.get(user, (0.0, None))
        if now < until:
            return kept
        found = await self._ask(user, self._seconds if seconds is None else seconds)
        if len(self._kept) >= _MOST_USERS_KEPT:
            oldest = next(iter(self._kept))
            self._kept.pop(oldest)
            self._unanswered.discard(oldest)
        self._kept[user] = (now + (_USER_KEPT_SECONDS if found else _FAILURE_KEPT_SECONDS), found)
        return found

    async def answers(self, user: str, seconds: float) -> bool:
        """Return whether Slack says who this is, if only that they have left the workspace. Never raises."""
        return await self.find(user, seconds) is not None or user not in self._unanswered

    async def _ask(self, user: str, seconds: float) -> SlackUser | None:
        self._unanswered.add(user)
        try:
            async with asyncio.timeout(seconds):
                answer = await self._client.users_info(user=user)
        except CALL_ERRORS as error:
            logger.warning("could not look up who %s is: %s", user, error)
            if says_nobody(error):
                self._unanswered.discard(user)
            return None
        found = answer.get("user")
        if not isinstance(found, dict):
            logger.warning("could not look up who %s is: users.info answered without a user", user)
            return None
        self._unanswered.discard(user)
        return _read(found)


def _read(found: dict[str, Any]) -> SlackUser | None:
    """Read a user object: https://docs.slack.dev/reference/objects/user-object. A deleted user is nobody."""
    if found.get("deleted"):
        return None
    if found.get("is_stranger"):  # somebody of another company, known from a channel shared with it
        return SlackUser(frozenset())
    enterprise: dict[str, Any] = found.get("enterprise_user") or {}
    teams = {str(team) for team in (found.get("team_id"), *(enterprise.get("teams") or ())) if team}
    guest = bool(found.get("is_restricted") or found.get("is_ultra_restricted"))
    admin = bool(found.get("is_admin") or found.get("is_owner") or found.get("is_primary_owner"))
    return SlackUser(frozenset(teams), guest, bool(found.get("is_bot")), admin)


class _Answers(Generic[T]):
    """Keeps what Slack answered on each channel or group; those who ask at the same time share one request.

    `unknown` is the answer where Slack gives none.
    """

    def __init__(self, ask: Callable[[str], Awaitable[T]], unknown: T, seconds: float) -> None:
        self._ask = ask
        self._unknown = unknown
        self._seconds = seconds
        self._kept: dict[str, tuple[float, asyncio.Future[tuple[T, bool]]]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def on(self, channel: str) -> T:
        """Return the answer on this channel."""
        return (await self._on(channel))[0]

    async def answered(self, channel: str) -> bool:
        """Return whether the answer on this channel is Slack's own."""
        return (await self._on(channel))[1]

    async def _on(self, channel: str) -> tuple[T, bool]:
        loop = asyncio.get_running_loop()
        until, kept = self._kept.get(channel, (0.0, None))
        if kept is not None and (loop.time() < until or not kept.done()):
            return await asyncio.shield(kept)
        future: asyncio.Future[tuple[T, bool]] = loop.create_future()
        if len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[channel] = (0.0, future)
        answer, seconds = (self._unknown, False), _FAILURE_KEPT_SECONDS
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                answer, seconds = (await self._ask(channel), True), _KEPT_SECONDS
        except CALL_ERRORS as error:
            logger.warning("could not look up who is in %s: %s", channel, error)
            answer = (self._unknown, says_nobody(error))
        finally:
            # Also where this request was cancelled: nobody may wait for it for ever.
            future.set_result(answer)
            self._kept[channel] = (loop.time() + seconds, future)
        return answer


class ChannelMembers:
    """The WorkspaceMembers of `bot.ports`, over conversations.info, conversations.members, usergroups.users.list
    and users.info.

    They need the scopes `channels:read`, `groups:read`, `im:read`, `mpim:read`, `usergroups:read`, `users:read`.
    """

    def __init__(
        self, client: AsyncWebClient, users: SlackUsers, team: str, seconds: float = LOOKUP_SECONDS
    ) -> None:
        self._client = client
        self._users = users
        self._team = team
        self._seconds = seconds
        self._open_to: _Answers[tuple[bool, bool]] = _Answers(self._ask_open_to, (False, True), seconds)
        self._groups: _Answers[frozenset[str]] = _Answers(self._ask_group, frozenset(), seconds)
        self._members: _Answers[frozenset[str]] = _Answers(self._ask_members, frozenset(), seconds)

    async def can_read(self, user: str, channel: str) -> bool:
        """Return whether the person can read it; a guest reads only channels of which they are a member."""
        if await self.is_public(channel) and await self.is_full_member(user):
            return True
        return user in await self._members.on(channel)

    async def answers(self, user: str, places: Iterable[str]) -> bool:
        if not await self._users.answers(user, self._seconds):
            return False
        for place in places:
            if is_group(place):
                answered = await self._groups.answered(place)
            else:
                answered = await self._open_to.answered(place) and await self._members.answered(place)
            if not answered:
                return False
        return True

    async def is_public(self, channel: str) -> bool:
        return (await self._open_to.on(channel))[0]

    async def is_external(self, channel: str) -> bool:
        return (await self._open_to.on(channel))[1]

    async def is_admin(self, user: str) -> bool:
        found = await self._users.find(user, self._seconds)
        return found is not None and found.is_admin and self._team in found.teams

    async def group_members(self, group: str) -> frozenset[str]:
        return await self._groups.on(group)

    async def is_full_member(self, user: str) -> bool:
        found = await self._users.find(user, self._seconds)
        return found is not None and self._team in found.teams and not found.is_guest and not found.is_bot

    async def is_member(self, user: str) -> bool:
        found = await self._users.find(user, self._seconds)
        return found is not None and self._team in found.teams and not found.is_bot

    async def _ask_open_to(self, channel: str) -> tuple[bool, bool]:
        """Return whether it is open to the workspace, and whether to another company, also soon.

        See https://docs.slack.dev/reference/objects/conversation-object.
        """
        shown: dict[str, Any] = (await self._client.conversations_info(channel=channel)).get("channel") or {}
        direct = shown.get("is_im") or shown.get("is_mpim")
        external = bool(shown.get("is_ext_shared") or shown.get("is_pending_ext_shared") or not shown)
        return not direct and shown.get("is_private") is False, external

    async def _ask_group(self, group: str) -> frozenset[str]:
        """See https://docs.slack.dev/reference/methods/usergroups.users.list; it has no pages."""
        return frozenset((await self._client.usergroups_users_list(usergroup=group)).get("users") or ())

    async def _ask_members(self, channel: str) -> frozenset[str]:
        found: set[str] = set()
        cursor = ""
        while True:
            page = await self._client.conversations_members(channel=channel, cursor=cursor or None, limit=_PAGE)
            found.update(page.get("members") or ())
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return frozenset(found)

"""Asks Slack who a person is, where a payload does not say it: the workspaces, guest, bot,
administrator or none of these.

An answer is kept for ten minutes and a failure for ten seconds, so a person who writes often costs few calls.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final

from slack_sdk.web.async_client import AsyncWebClient

from handlers.slack_errors import CALL_ERRORS

logger = logging.getLogger(__name__)

LOOKUP_SECONDS: Final = 1.0  # of the three in which Slack must be acknowledged
_KEPT_SECONDS: Final = 600.0
_FAILURE_KEPT_SECONDS: Final = 10.0
_MOST_KEPT: Final = 2_000


@dataclass(frozen=True, slots=True)
class SlackUser:
    """What users.info says of a person. `teams` are their workspaces, several in an Enterprise organisation."""

    teams: frozenset[str]
    is_guest: bool = False
    is_bot: bool = False
    is_admin: bool = False  # an administrator or an owner of the workspace


class SlackUsers:
    """Looks people up with users.info, which needs the scope `users:read`."""

    def __init__(self, client: AsyncWebClient, seconds: float = LOOKUP_SECONDS) -> None:
        self._client = client
        self._seconds = seconds
        self._kept: dict[str, tuple[float, SlackUser | None]] = {}

    async def find(self, user: str, seconds: float | None = None) -> SlackUser | None:
        """Return the person, None where Slack does not say in so many seconds who they are. Never raises."""
        now = asyncio.get_running_loop().time()
        until, kept = self._kept.get(user, (0.0, None))
        if now < until:
            return kept
        found = await self._ask(user, self._seconds if seconds is None else seconds)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[user] = (now + (_KEPT_SECONDS if found else _FAILURE_KEPT_SECONDS), found)
        return found

    async def _ask(self, user: str, seconds: float) -> SlackUser | None:
        try:
            async with asyncio.timeout(seconds):
                answer = await self._client.users_info(user=user)
        except CALL_ERRORS as error:
            logger.warning("could not look up who %s is: %s", user, error)
            return None
        found = answer.get("user")
        if not isinstance(found, dict):
            logger.warning("could not look up who %s is: users.info answered without a user", user)
            return None
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

"""Middleware that decides who is heard at all, before any listener runs.

Only the workspace that the bot's token belongs to is served: a request from elsewhere is acknowledged, so that
Slack does not send it again, and then dropped.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is in its workspace, from auth.test: the team, the bot's user, and the workspace's address."""

    team: str
    user: str
    url: str = ""


class Access(AsyncMiddleware):
    """Serves one workspace.

    Not a plain function, for which Bolt would make every argument that it might ask for, at every request.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse | None:
        """Drop what comes from another workspace, and people of other companies in shared channels."""
        event = req.body.get("event") or {}
        user = req.body.get("user")
        clicked = user.get("team_id") if isinstance(user, dict) else None
        sent = (event.get("user_team"), event.get("source_team"))
        named = (req.context.team_id, req.context.actor_team_id, *sent, clicked)
        # In an Enterprise Grid these may name the organisation (E...), which is no workspace.
        others = {str(team) for team in named if str(team).startswith("T")} - {self._identity.team}
        if others:
            logger.warning("dropped a request of workspace %s", ", ".join(sorted(others)))
            return BoltResponse(status=200, body="")
        return await next()

"""Middleware that drops requests from other workspaces before any listener runs.

The bot serves only the workspace of its token. A request from another one is acknowledged, so that Slack does
not send it again, and then dropped.
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
    """The bot's team, its user and the workspace's address, as auth.test returns them."""

    team: str
    user: str
    url: str = ""


class Access(AsyncMiddleware):
    """Lets the requests of one workspace pass.

    It is a class because Bolt builds every possible argument for a middleware function, at every request.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse | None:
        """Drop requests of other workspaces, and of people from other companies in shared channels."""
        event = req.body.get("event") or {}
        user = req.body.get("user")
        actor = user.get("team_id") if isinstance(user, dict) else None
        senders = (event.get("user_team"), event.get("source_team"))
        named = (req.context.team_id, req.context.actor_team_id, *senders, actor)
        # In an Enterprise organisation these may name the organisation (E...), which is not a workspace.
        others = {str(team) for team in named if str(team).startswith("T")} - {self._identity.team}
        if others:
            logger.warning("dropped a request of workspace %s", ", ".join(sorted(others)))
            return BoltResponse(status=200, body="")
        return await next()

"""Tells the channels and people with whom a job is shared from now on, where Slack lets the bot post."""

import logging

from bot.domain.place import Place, Requester
from bot.domain.roles import is_channel, is_person
from bot.tuning.sharing import Shared
from handlers.blocks.jobs.share_form import build_shared_news
from handlers.delivery.poster import Poster
from handlers.slack_errors import CALL_ERRORS

logger = logging.getLogger(__name__)


class SharePosts:
    """Posts the news of a job that is shared. They are no promise: the job is seen with or without them."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def tell(self, requester: Requester, shared: Shared) -> None:
        """Post to each new channel and person. Never raises what Slack refuses."""
        team, message = requester.team, build_shared_news(shared.job, requester.user)
        for target in shared.added:
            try:
                if is_channel(target):
                    await self._poster.post(Place(team, target), message)
                elif is_person(target):
                    await self._poster.post(Place(team, await self._poster.direct_channel(target)), message)
            except CALL_ERRORS as error:
                logger.info("could not tell %s that a job is shared there: %s", target, error)

"""Finds tuning jobs by the labels that the bot gave them, because Google chooses a job's name.

A job that Google made when it moved a model may lack the label. It trains on the file that the bot stored for it.

Google's filter is asked first. Only a list that was read to its last page proves that no job has a label: Google
does not document the order of the list, and documents a filter by `labels` only for other lists
(google/cloud/aiplatform/v1/model_service.proto, `ListModelsRequest.filter`).
"""

import logging
from collections.abc import Callable
from typing import Final

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, record, text
from bot.backends.google.list_search import ListSearch
from bot.backends.vertex.start_files import key_of
from bot.backends.vertex.tuning_job_wire import LABEL, training_file
from bot.errors import InvalidRequest

logger = logging.getLogger(__name__)

_FIELD: Final = "tuningJobs"


class JobSearch:
    """Searches the list of tuning jobs at the address that `url` returns."""

    def __init__(self, http: GoogleHttp, url: Callable[[], str]) -> None:
        self._list = ListSearch(http, url, _FIELD)

    async def find(self, key: str, *, thorough: bool) -> Json | None:
        """Return the job with this key; None is Google's word only from a thorough search. Raises GoogleError."""
        try:
            found = await self._filtered(key)
        except InvalidRequest as error:
            logger.info("Google does not filter tuning jobs by label: %s", error.message)
            found, thorough = None, True
        if found is None and thorough:
            found = await self._list.thorough(key, lambda job: _key(job) == key)
        return found

    async def shows(self, key: str, *, labelled: bool = True) -> bool:
        """Return whether a quick search finds a job with this key, or a thorough one if it may lack its label.

        Raises GoogleError.
        """
        if not labelled:
            return await self.find(key, thorough=True) is not None
        try:
            return await self._filtered(key) is not None
        except InvalidRequest:
            return await self._list.quick(lambda job: _key(job) == key) is not None

    async def started(self) -> dict[str, Json]:
        """Return by key the jobs that one search reads. Raises GoogleError.

        One that lacks its label is only in the whole list, of which the first pages are read.
        """
        every = await self._list.members({})
        try:
            every += await self._list.members({"filter": f"labels.{LABEL}:*"})
        except InvalidRequest as error:
            logger.info("Google does not filter tuning jobs by label: %s", error.message)
        return {key: job for job in every if (key := _key(job))}

    async def _filtered(self, key: str) -> Json | None:
        # A page contains other jobs, too, where Google ignores the filter.
        return await self._list.quick(lambda job: _key(job) == key, {"filter": f'labels.{LABEL}="{key}"'})


def _key(job: Json) -> str:
    """Return the key on the job's label, else that of the file on which it trains; empty for a foreign job."""
    return text(record(job.get("labels")).get(LABEL)) or key_of(training_file(job))

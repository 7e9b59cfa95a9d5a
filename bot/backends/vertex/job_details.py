"""Reads what only `v1beta1` says of a tuning job: what it waits for or does, and how many epochs it completed.

A card is useful without it, so an error here never fails a poll. Each job is read once in half a minute.
Source: GoogleCloudAiplatformV1beta1TuningJob in the discovery document aiplatform v1beta1.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import integer, last_segment, record, text
from bot.backends.vertex.resource_names import VertexHosts
from bot.errors import BotError

logger = logging.getLogger(__name__)

_SECONDS: Final = 30.0
_SECONDS_AFTER_ERROR: Final = 600.0
_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class JobDetails:
    """`waits_for` is the `tuningJobState` without its prefix, empty if unknown; epochs and steps are completed."""

    waits_for: str = ""
    epochs: int | None = None
    steps: int | None = None


NO_DETAILS: Final = JobDetails()


class JobDetailsReader:
    """Reads details by the resource name of a job."""

    def __init__(self, http: GoogleHttp, hosts: VertexHosts) -> None:
        self._http = http
        self._hosts = hosts
        self._not_before: OrderedDict[str, float] = OrderedDict()

    def due(self, jobs: Sequence[str], most: int) -> set[str]:
        """Return at most so many of the jobs whose details may be read now, those first that waited longest."""
        now = time.monotonic()
        ready = [job for job in jobs if self._not_before.get(job, 0.0) <= now]
        return set(sorted(ready, key=lambda job: self._not_before.get(job, 0.0))[:most])

    async def read(self, job: str) -> JobDetails:
        """Return the details of a job; none if Google does not give them."""
        self._wait(job, _SECONDS)
        try:
            found = await self._http.read(self._hosts.url(job, version="v1beta1"))
        except BotError as error:
            self._wait(job, _SECONDS_AFTER_ERROR)
            logger.info("no details of %s: %s", last_segment(job), error)
            return NO_DETAILS
        metadata = record(found.get("tuningJobMetadata"))
        word = text(found.get("tuningJobState")).removeprefix("TUNING_JOB_STATE_")
        return JobDetails(
            waits_for="" if word == "UNSPECIFIED" else word,
            epochs=integer(metadata.get("completedEpochCount")),
            steps=integer(metadata.get("completedStepCount")),
        )

    def _wait(self, job: str, seconds: float) -> None:
        self._not_before[job] = time.monotonic() + seconds
        self._not_before.move_to_end(job)
        while len(self._not_before) > _MOST_REMEMBERED:
            self._not_before.popitem(last=False)

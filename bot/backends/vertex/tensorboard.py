"""The losses of Vertex AI jobs, through the TensorBoard that each job writes to.

Five requests lead from a job to its numbers; the way is remembered per job, so that each later look costs one or
two. Losses are decoration: nothing that goes wrong here may disturb a poll, so it all ends in "no losses known".
"""

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, last_segment, losses, record, records, scalars, text
from bot.backends.vertex.resource_names import VertexHosts
from bot.domain.jobs import Snapshot
from bot.errors import BotError

logger = logging.getLogger(__name__)

_TRAINING: Final = "/train_total_loss"
_VALIDATION: Final = "/eval_total_loss"
_MOST_POINTS: Final = 1_000
_SECONDS: Final = 15.0
_REST_SECONDS: Final = 60.0
_MOST_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Way:
    """What is known of the way to one job's losses: TensorBoard resource names, empty until they exist."""

    run: str = ""
    training: str = ""
    validation: str = ""
    not_before: float = 0.0
    read_at: float = 0.0


class VertexLosses:
    """Reads losses by job name."""

    def __init__(self, http: GoogleHttp, hosts: VertexHosts) -> None:
        self._http = http
        self._hosts = hosts
        self._ways: OrderedDict[str, _Way] = OrderedDict()

    def last_read(self, job: str) -> float:
        """When the job's losses were last asked for, on the monotonic clock; 0 if never."""
        way = self._ways.get(job)
        return way.read_at if way else 0.0

    async def read(
        self, job: str, experiment: str, *, validation: bool, final: bool = False
    ) -> tuple[Snapshot, ...]:
        """The losses so far, by step; empty where there are none yet or they cannot be had.

        `final` says that the job has ended: it is asked for whatever happened before, and its way is forgotten.
        """
        way = self._ways.setdefault(job, _Way())
        self._ways.move_to_end(job)
        while len(self._ways) > _MOST_REMEMBERED:
            self._ways.popitem(last=False)
        now = time.monotonic()
        if not experiment or (now < way.not_before and not final):
            return ()
        way.read_at = now
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._read(way, experiment, validation)
        except (BotError, TimeoutError) as error:
            way.not_before = time.monotonic() + _REST_SECONDS
            logger.info("no losses for %s: %s", last_segment(job), error or "no answer in time")
            return ()
        finally:
            if final:
                self._ways.pop(job, None)

    async def _read(self, way: _Way, experiment: str, validation: bool) -> tuple[Snapshot, ...]:
        if not way.run:
            way.run = await self._run(experiment)
        if way.run and (not way.training or (validation and not way.validation)):
            await self._find_series(way)
        if not way.training:
            return ()
        training = await self._series(way.training)
        evaluated = await self._series(way.validation) if way.validation else {}
        return losses(scalars(training), scalars(evaluated))

    async def _run(self, experiment: str) -> str:
        """The TensorBoard run of an experiment; empty until the job has made one."""
        context = await self._http.read(self._hosts.url(experiment))
        board = text(record(context.get("metadata")).get("backing_tensorboard_resource"))
        if not board:
            return ""
        name = text(context.get("name")) or experiment
        contexts = self._hosts.url(name.rpartition("/contexts/")[0] + "/contexts")
        wanted = f'schema_title="system.ExperimentRun" AND parent_contexts:"{name}"'
        found = records((await self._http.read(contexts, {"filter": wanted})).get("contexts"))
        prefix = f"{last_segment(name)}-"
        runs = [last_segment(text(run.get("name"))).removeprefix(prefix) for run in found]
        return f"{board}/experiments/{last_segment(name)}/runs/{runs[0]}" if runs and runs[0] else ""

    async def _find_series(self, way: _Way) -> None:
        found = await self._http.read(self._hosts.url(f"{way.run}/timeSeries"), {"pageSize": 1000})
        for series in records(found.get("tensorboardTimeSeries")):
            metric = text(series.get("displayName"))
            if metric == _TRAINING:
                way.training = text(series.get("name"))
            elif metric == _VALIDATION:
                way.validation = text(series.get("name"))

    async def _series(self, name: str) -> Json:
        return await self._http.read(self._hosts.url(name, ":read"), {"maxDataPoints": _MOST_POINTS})

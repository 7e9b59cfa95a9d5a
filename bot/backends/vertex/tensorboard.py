"""Reads the losses of Vertex AI jobs from the TensorBoard that each job writes to.

The first read of a job takes five requests; the resource names are remembered, so that a later read takes one or
two. A card is useful without losses, so an error here never fails a poll: the job then has no losses.
Source: google/cloud/aiplatform/v1/{metadata_service,tensorboard_service}.proto; the metric names are those of
https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-use-supervised-tuning.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, last_segment, loss_snapshots, record, records, scalars, text
from bot.backends.vertex.resource_names import VertexHosts
from bot.domain.jobs import Snapshot
from bot.errors import BotError

logger = logging.getLogger(__name__)

_TRAINING: Final = "/train_total_loss"
_VALIDATION: Final = "/eval_total_loss"
_MOST_POINTS: Final = 1_000
_TIMEOUT_SECONDS: Final = 15.0
_PAUSE_AFTER_ERROR_SECONDS: Final = 60.0
_MOST_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Series:
    """The TensorBoard resource names of one job's losses, empty until known, and when they may be read."""

    run: str = ""
    training: str = ""
    validation: str = ""
    not_before: float = 0.0
    read_at: float = 0.0


class TensorboardLosses:
    """Reads losses by the resource name of a job."""

    def __init__(self, http: GoogleHttp, hosts: VertexHosts) -> None:
        self._http = http
        self._hosts = hosts
        self._series_of: OrderedDict[str, _Series] = OrderedDict()

    def last_read(self, job: str) -> float:
        """Return when the job's losses were last read, on the monotonic clock; 0 if never."""
        series = self._series_of.get(job)
        return series.read_at if series else 0.0

    async def read(
        self, job: str, experiment: str, *, validation: bool, final: bool = False
    ) -> tuple[Snapshot, ...]:
        """Return the losses so far, by step; empty where there are none yet or an error prevents the read.

        `final` says that the job has ended: it is read even after an error, and its names are forgotten.
        """
        series = self._series_of.setdefault(job, _Series())
        self._series_of.move_to_end(job)
        while len(self._series_of) > _MOST_REMEMBERED:
            self._series_of.popitem(last=False)
        now = time.monotonic()
        if not experiment or (now < series.not_before and not final):
            return ()
        series.read_at = now
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await self._read_losses(series, experiment, validation)
        except (BotError, TimeoutError) as error:
            series.not_before = time.monotonic() + _PAUSE_AFTER_ERROR_SECONDS
            logger.info("no losses for %s: %s", last_segment(job), error or "no answer in time")
            return ()
        finally:
            if final:
                self._series_of.pop(job, None)

    async def _read_losses(self, series: _Series, experiment: str, validation: bool) -> tuple[Snapshot, ...]:
        if not series.run:
            series.run = await self._run(experiment)
        if series.run and (not series.training or (validation and not series.validation)):
            await self._find_series(series)
        if not series.training:
            return ()
        training = await self._read_series(series.training)
        evaluated = await self._read_series(series.validation) if series.validation else {}
        return loss_snapshots(scalars(training), scalars(evaluated))

    async def _run(self, experiment: str) -> str:
        """Return the TensorBoard run of an experiment; empty until the job has created one."""
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

    async def _find_series(self, series: _Series) -> None:
        found = await self._http.read(self._hosts.url(f"{series.run}/timeSeries"), {"pageSize": 1000})
        for listed in records(found.get("tensorboardTimeSeries")):
            metric = text(listed.get("displayName"))
            if metric == _TRAINING:
                series.training = text(listed.get("name"))
            elif metric == _VALIDATION:
                series.validation = text(listed.get("name"))

    async def _read_series(self, name: str) -> Json:
        return await self._http.read(self._hosts.url(name, ":read"), {"maxDataPoints": _MOST_POINTS})

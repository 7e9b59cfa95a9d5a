"""Reads the metrics of Vertex AI jobs from the TensorBoard that each job writes to.

Three are of the training and three of the validation: the loss, the fraction of correct next step predictions, and
the number of predictions. The first read of a job takes three requests more than there are metrics; the resource
names are remembered. A card is useful without metrics, so an error here never fails a poll: the job then has none.
Source: google/cloud/aiplatform/v1/{metadata_service,tensorboard_service}.proto; the metric names are those of
https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-use-supervised-tuning.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, last_segment, metric_snapshots, record, records, scalars, text
from bot.backends.vertex.resource_names import VertexHosts
from bot.domain.jobs import Snapshot
from bot.errors import BotError

logger = logging.getLogger(__name__)

# Google's names of the metrics, and the fields of Snapshot.
_LOSS: Final = "mean_loss"
_TRAINING: Final = {
    "/train_total_loss": _LOSS,
    "/train_fraction_of_correct_next_step_preds": "correct",
    "/train_num_predictions": "predictions",
}
_VALIDATION: Final = {
    "/eval_total_loss": "eval_loss",
    "/eval_fraction_of_correct_next_step_preds": "eval_correct",
    "/eval_num_predictions": "eval_predictions",
}
_METRICS: Final = _TRAINING | _VALIDATION
_MOST_POINTS: Final = 1_000
_TIMEOUT_SECONDS: Final = 15.0
_PAUSE_AFTER_ERROR_SECONDS: Final = 60.0
_MOST_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Series:
    """The TensorBoard resource names of one job's metrics by field, as far as known, and when they may be read."""

    run: str = ""
    names: dict[str, str] = field(default_factory=dict)
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
        wanted = _METRICS if validation else _TRAINING
        if series.run and not series.names.keys() >= set(wanted.values()):
            await self._find_series(series)
        names = {field: name for field, name in series.names.items() if field in wanted.values()}
        if _LOSS not in names:
            return ()
        # All of them end before an error is raised, so that no read goes on behind the poll.
        read = await asyncio.gather(*map(self._read_series, names.values()), return_exceptions=True)
        points = {}
        for metric, body in zip(names, read, strict=True):
            if isinstance(body, BaseException):
                raise body
            points[metric] = scalars(body)
        return metric_snapshots(points.pop(_LOSS), points)

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
            if field := _METRICS.get(text(listed.get("displayName"))):
                series.names[field] = text(listed.get("name"))

    async def _read_series(self, name: str) -> Json:
        return await self._http.read(self._hosts.url(name, ":read"), {"maxDataPoints": _MOST_POINTS})

"""The losses of a Vertex AI job: its experiment in the metadata store, and TensorBoard's time series."""

import re
import zlib
from typing import Any

from aiohttp import web

from bot.sandbox.google.job_register import Snapshot
from bot.sandbox.google.json_bodies import VERTEX, encode
from bot.sandbox.google.router import Call, Router, answer, whole_number
from bot.sandbox.google.rpc_status import invalid, not_found
from bot.sandbox.google.vertex_jobs import PARENT, SERVICE, TuningJob, TuningJobs

RUN = "tuning-run-1"
TRAIN = ("/train_total_loss", "/train_fraction_of_correct_next_step_preds", "/train_num_predictions")
EVAL = ("/eval_total_loss", "/eval_fraction_of_correct_next_step_preds", "/eval_num_predictions")
CONDITION = re.compile(r'(schema_title|parent_contexts)\s*(=|:)\s*"([^"]*)"')


class MetricRoutes:
    """contexts get and list, timeSeries list and read."""

    def __init__(self, tuning_jobs: TuningJobs) -> None:
        self._jobs = tuning_jobs

    def register(self, router: Router) -> None:
        """Bind v1 and v1beta1."""
        contexts = PARENT + "/metadataStores/default/contexts"
        series = (
            PARENT + r"/tensorboards/(?P<tensorboard>[^/:]+)/experiments/(?P<experiment>[^/:]+)"
            r"/runs/(?P<run>[^/:]+)/timeSeries"
        )
        listing = {"filter", "pageSize", "pageToken", "orderBy"}

        def add(pattern: str, handler: Any, query: set[str]) -> None:
            router.add("GET", pattern, handler, need="oauth", query=query, service=SERVICE)

        add(contexts, self.list_contexts, listing)
        add(contexts + r"/(?P<context>[^/:]+)", self.get_context, set())
        add(series, self.list_series, listing | {"readMask"})
        add(series + r"/(?P<series>[^/:]+):read", self.read_series, {"maxDataPoints", "filter"})

    async def get_context(self, call: Call) -> web.Response:
        """Show an experiment, with its tensorboard, or a run of it."""
        name = f"{self._jobs.parent(call)}/metadataStores/default/contexts/{call.arguments['context']}"
        for context in self._contexts():
            if context["name"] == name:
                return answer(encode(VERTEX, "Context", context))
        raise not_found(f"The Context {name} does not exist.")

    async def list_contexts(self, call: Call) -> web.Response:
        """List the contexts of a schema, of a parent, or both."""
        contexts = self._contexts(self._jobs.parent(call))
        words = call.query.get("filter", "")
        for part in re.split(r"\s+AND\s+", words.strip()) if words.strip() else []:
            found = CONDITION.fullmatch(part.strip())
            if found is None:
                raise invalid(f"Invalid filter: {words}", "filter")
            field, _, value = found.groups()
            if field == "schema_title":
                contexts = [context for context in contexts if context["schemaTitle"] == value]
            else:
                parent = self._jobs.with_number(value)
                contexts = [context for context in contexts if parent in context["parentContexts"]]
        return answer(encode(VERTEX, "ListContextsResponse", {"contexts": contexts}))

    async def list_series(self, call: Call) -> web.Response:
        """List the time series of a run."""
        made, run = self._run(call)
        shots = made.job.snapshots
        series = [
            {
                "name": f"{run}/timeSeries/{_series_id(name)}",
                "displayName": name,
                "valueType": "SCALAR",
                "pluginName": "scalars",
                "createTime": made.job.started,
                "updateTime": shots[-1].at if shots else made.job.started,
                "metadata": {"maxStep": shots[-1].step, "maxWallTime": shots[-1].at} if shots else {},
            }
            for name in self._series(made)
        ]
        return answer(encode(VERTEX, "ListTensorboardTimeSeriesResponse", {"tensorboardTimeSeries": series}))

    async def read_series(self, call: Call) -> web.Response:
        """Read a time series, thinned to as many points as asked."""
        made, run = self._run(call)
        series = call.arguments["series"]
        name = next((name for name in self._series(made) if _series_id(name) == series), None)
        if name is None:
            raise not_found(f"The TensorboardTimeSeries {run}/timeSeries/{series} does not exist.")
        most = whole_number(call.query, "maxDataPoints", 1000, 10_000)
        shots = made.job.snapshots
        count = len(shots)
        kept = shots if count <= most else [shots[-(-count * i // most) - 1] for i in range(1, most + 1)]
        values = [
            {"wallTime": shot.at, "step": shot.step, "scalar": {"value": _measure(name, shot)}} for shot in kept
        ]
        data = {"tensorboardTimeSeriesId": series, "valueType": "SCALAR", "values": values}
        return answer(encode(VERTEX, "ReadTensorboardTimeSeriesDataResponse", {"timeSeriesData": data}))

    def _contexts(self, parent: str | None = None) -> list[dict[str, Any]]:
        contexts: list[dict[str, Any]] = []
        for made in self._jobs.all:
            job = made.job
            if job.phase in ("queued", "pending") or job.training_run is None or parent not in (None, made.parent):
                continue
            name = made.experiment.rsplit("/", 1)[1]
            common = {"createTime": job.started, "updateTime": job.started, "schemaVersion": "0.0.1"}
            contexts += [
                {
                    **common,
                    "name": made.experiment,
                    "displayName": name,
                    "schemaTitle": "system.Experiment",
                    "parentContexts": [],
                    "metadata": {
                        "experiment_deleted": False,
                        "backing_tensorboard_resource": made.tensorboard,
                    },
                },
                {
                    **common,
                    "name": f"{made.experiment}-{RUN}",
                    "displayName": RUN,
                    "schemaTitle": "system.ExperimentRun",
                    "parentContexts": [made.experiment],
                    "metadata": {},
                },
            ]
        return contexts

    def _run(self, call: Call) -> tuple[TuningJob, str]:
        """Find the job of a run and the run's name."""
        arguments = call.arguments
        board = f"{self._jobs.parent(call)}/tensorboards/{arguments['tensorboard']}"
        run = f"{board}/experiments/{arguments['experiment']}/runs/{arguments['run']}"
        made = self._jobs.find(
            lambda made: (
                made.tensorboard == board
                and made.experiment.endswith(f"/{arguments['experiment']}")
                and arguments["run"] == RUN
                and made.job.training_run is not None
            ),
            f"The TensorboardRun {run} does not exist.",
        )
        return made, run

    @staticmethod
    def _series(made: TuningJob) -> tuple[str, ...]:
        return TRAIN + EVAL if made.job.training_task.validation else TRAIN


def _series_id(name: str) -> str:
    return str(10**18 + zlib.crc32(name.encode()))


def _measure(name: str, shot: Snapshot) -> float:
    score = shot.validation if name.startswith("/eval_") and shot.validation is not None else shot.train
    if name.endswith("_total_loss"):
        return score.loss
    return score.accuracy if "fraction" in name else float(score.predictions)

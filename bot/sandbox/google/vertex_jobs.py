"""Vertex AI's tuning jobs: what is kept of each, and how each is shown."""

import hashlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bot.sandbox.google.fault_injection import Faults
from bot.sandbox.google.job_register import Job, Jobs
from bot.sandbox.google.json_bodies import VERTEX, VERTEX_BETA, Schema, decode, encode
from bot.sandbox.google.router import Call
from bot.sandbox.google.rpc_status import invalid, not_found
from bot.sandbox.google.stored_objects import Buckets
from bot.sandbox.google.trainer import TrainingRun
from bot.sandbox.google.training_files import Dataset, data_stats
from bot.sandbox.google.vertex_requests import check_job, read_training

SERVICE = "aiplatform.googleapis.com"
PARENT = r"/(?P<version>v1|v1beta1)/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)"
STATES = {
    "queued": "JOB_STATE_QUEUED",
    "pending": "JOB_STATE_PENDING",
    "running": "JOB_STATE_RUNNING",
    "succeeded": "JOB_STATE_SUCCEEDED",
    "failed": "JOB_STATE_FAILED",
    "cancelled": "JOB_STATE_CANCELLED",
}
# What v1beta1 tells in addition while a job goes on.
BETA_STATES = {
    "queued": "TUNING_JOB_STATE_WAITING_FOR_QUOTA",
    "pending": "TUNING_JOB_STATE_PROCESSING_DATASET",
    "running": "TUNING_JOB_STATE_TUNING",
}


@dataclass(eq=False)
class Checkpoint:
    """A saved state of a tuned model and the endpoint that serves it, until its model is undeployed."""

    id: str
    epoch: int
    step: int
    endpoint: str
    deployed_model_id: str
    deployed: bool = True


@dataclass(eq=False)
class TuningJob:
    """One tuning job, its model and its endpoints. Names contain the project's number, as Google's do."""

    job: Job
    parent: str
    asked: dict[str, Any]
    spec: str
    dataset: Dataset | None
    model: str
    checkpoints: list[Checkpoint]
    experiment: str
    tensorboard: str

    @property
    def done(self) -> bool:
        """Whether the tuned model exists."""
        return self.job.phase == "succeeded"

    def view(self, *, beta: bool) -> dict[str, Any]:
        """Return its TuningJob as JSON."""
        job = self.job
        phase = job.phase
        facts: dict[str, Any] = {
            **self.asked,
            "name": job.name,
            "state": job.shown_state or STATES[phase],
            "createTime": job.created,
            "startTime": job.started,
            "endTime": job.ended,
            "updateTime": job.ended or job.started or job.created,
        }
        if phase in ("running", "succeeded") or job.steps:
            facts["experiment"] = self.experiment
        if not facts.get("description") and job.training_run is not None:
            facts["description"] = job.training_run.account
        if phase == "failed" and job.error is not None:
            facts["error"] = {"code": job.error[0], "message": job.error[1]}
        if phase == "succeeded":
            facts["tunedModel"] = self._tuned_model()
            facts["tuningDataStats"] = {"supervisedTuningDataStats": self._stats}
        if beta:
            facts["tuningJobState"] = BETA_STATES.get(phase)
            if job.steps:
                last = job.snapshots[-1]
                facts["tuningJobMetadata"] = {
                    "completedStepCount": job.steps,
                    "completedEpochCount": last.epoch,
                }
        return encode(VERTEX_BETA if beta else VERTEX, "TuningJob", facts)

    @cached_property
    def _stats(self) -> dict[str, Any] | None:
        if self.dataset is None:
            return None
        return data_stats(self.dataset, self.job.total_steps, self.job.training_task.epochs)

    def _tuned_model(self) -> dict[str, Any]:
        tuned: dict[str, Any] = {"model": f"{self.model}@1", "endpoint": self.checkpoints[-1].endpoint}
        if not self.asked[self.spec].get("exportLastCheckpointOnly"):
            tuned["checkpoints"] = [
                {
                    "checkpointId": checkpoint.id,
                    "epoch": checkpoint.epoch,
                    "step": checkpoint.step,
                    "endpoint": checkpoint.endpoint,
                }
                for checkpoint in self.checkpoints
            ]
        return tuned


@dataclass(eq=False)
class TuningJobs:
    """All tuning jobs of all projects and locations."""

    jobs: Jobs
    buckets: Buckets
    random: random.Random
    faults: Faults
    all: list[TuningJob] = field(default_factory=list)

    def parent(self, call: Call) -> str:
        """Return `projects/NUMBER/locations/LOCATION` of a call."""
        return f"projects/{project_number(call.arguments['project'])}/locations/{call.arguments['location']}"

    def find(self, fits: Callable[[TuningJob], bool], missing: str) -> TuningJob:
        """Return the newest job that fits, or raise a 404 with this text."""
        for job in reversed(self.all):
            if fits(job):
                return job
        raise not_found(missing)

    def listed(self, parent: str) -> list[TuningJob]:
        """Return the jobs of a location, newest first; the list may lag behind what was created."""
        shown = self.jobs.now() - self.faults.list_lag
        return [made for made in reversed(self.all) if made.parent == parent and made.job.created <= shown]

    def new_id(self) -> str:
        """Return a number of 19 digits, as Vertex AI names its resources."""
        return str(self.random.randrange(10**18, 9 * 10**18))

    async def create(self, parent: str, body: Any, *, beta: bool) -> TuningJob:
        """Check a request as Google does and start its job, or queue it.

        Raises:
            GoogleError: 400 for what is wrong with it. Bad files fail the job later instead.
        """
        asked = decode(VERTEX_BETA if beta else VERTEX, "TuningJob", body or {}, "tuning_job")
        # Google ignores what only it may set.
        asked = {key: value for key, value in asked.items() if key not in ("name", "state", "tunedModel", "error")}
        limits = self.jobs.limits
        location = parent.rsplit("/", 1)[1]
        if location not in limits.vertex_locations:
            raise invalid(f"Tuning is not supported in location {location}.", "parent")
        spec = check_job(asked, limits)
        source, training_run = self._source(asked)
        training = await read_training(asked, spec, self.buckets, limits, training_run)
        serving = f"{parent.rsplit('/', 1)[0]}/{limits.serving_locations.get(location, location)}"
        job = self.jobs.add(
            system="vertex",
            name=f"{parent}/tuningJobs/{self.new_id()}",
            display_name=asked.get("tunedModelDisplayName", ""),
            base_model=asked.get("baseModel") or source,
            key=None,
            labels=asked.get("labels", {}),
            training_task=training.training_task,
            request=asked,
            flaw=training.flaw,
        )
        experiment = f"tuning-experiment-{job.number:04d}-{self.random.randrange(10**9):09d}"
        made = TuningJob(
            job=job,
            parent=parent,
            asked=asked,
            spec=spec,
            dataset=training.dataset,
            model=f"{parent}/models/{self.new_id()}",
            checkpoints=self._checkpoints(job, serving),
            experiment=f"{parent}/metadataStores/default/contexts/{experiment}",
            tensorboard=f"{parent}/tensorboards/{self.new_id()}",
        )
        self.all.append(made)
        return made

    def _source(self, asked: dict[str, Any]) -> tuple[str, TrainingRun | None]:
        """Find the tuned model that is tuned again, if one is."""
        if "preTunedModel" not in asked:
            return "", None
        name = self.with_number(asked["preTunedModel"].get("tunedModelName", ""))
        source = self.find(
            lambda made: made.model == name.split("@")[0] and made.done, f"Model {name} is not found."
        )
        asked["preTunedModel"]["baseModel"] = source.job.base_model
        return name, source.job.training_run

    def with_number(self, name: str) -> str:
        """Bring a resource name to the project's number."""
        found = re.fullmatch(r"projects/([^/]+)/(.+)", name)
        return name if found is None else f"projects/{project_number(found[1])}/{found[2]}"

    def _checkpoints(self, job: Job, serving: str) -> list[Checkpoint]:
        """List the checkpoints of a job that succeeds: one an epoch, the last ones when there are many."""
        training_task = job.training_task
        first = max(1, training_task.epochs - self.jobs.limits.vertex_checkpoints + 1)
        return [
            Checkpoint(
                id=str(epoch - first + 1),
                epoch=epoch,
                step=-(-training_task.total_steps * epoch // training_task.epochs),
                endpoint=f"{serving}/endpoints/{self.new_id()}",
                deployed_model_id=self.new_id(),
            )
            for epoch in range(first, training_task.epochs + 1)
        ]


def schema_of(call: Call) -> Schema:
    """Return the messages of the version that a call came to."""
    return VERTEX_BETA if call.arguments["version"] == "v1beta1" else VERTEX


def project_number(project: str) -> str:
    """Return the number of a project given by id or number: Vertex AI takes either and answers with the number."""
    if project.isdigit():
        return project
    digest = int(hashlib.sha256(project.encode()).hexdigest(), 16)
    return str(10**11 + digest % (9 * 10**11))

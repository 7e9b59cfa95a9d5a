"""Tuned models of the Gemini API and the PaLM API: one class for both versions, which differ in their schema."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.google.fault_injection import Faults
from bot.sandbox.google.generative_requests import read_training_task
from bot.sandbox.google.job_register import Job, Jobs
from bot.sandbox.google.json_bodies import GEMINI, PALM, Schema, decode, encode, single
from bot.sandbox.google.rpc_status import GoogleError, failed_precondition, invalid, not_found

MODEL_ID = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
STATES = {"succeeded": "ACTIVE", "failed": "FAILED", "cancelled": "FAILED"}
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SCHEMAS: dict[str, Schema] = {"palm": PALM, "gemini": GEMINI}


@dataclass(eq=False)
class TunedModel:
    """One tuned model and the job that makes it; `facts` are in natural values."""

    number: int
    system: str
    name: str
    facts: dict[str, Any]
    job: Job
    operation: str

    @property
    def schema(self) -> Schema:
        """The messages of its API version."""
        return SCHEMAS[self.system]

    def view(self) -> dict[str, Any]:
        """Return its TunedModel as JSON."""
        facts, job = dict(self.facts), self.job
        if not facts["description"] and job.training_run is not None:
            facts["description"] = job.training_run.account
        facts["state"] = job.shown_state or STATES.get(job.phase, "CREATING")
        facts["updateTime"] = max(facts["updateTime"], job.ended or 0.0)
        facts["tuningTask"] = {
            "startTime": job.started,
            "completeTime": job.ended,
            "snapshots": self._snapshots(),
            "hyperparameters": facts["tuningTask"]["hyperparameters"],
        }
        return encode(self.schema, "TunedModel", facts)

    def operation_view(self) -> dict[str, Any]:
        """Return its operation as JSON: metadata always, then `response` or `error` once done."""
        job = self.job
        phase = job.phase
        metadata = {
            "totalSteps": job.total_steps,
            "completedSteps": job.steps,
            "completedPercent": single(100 * job.steps / job.total_steps),
            "snapshots": self._snapshots(),
            "tunedModel": self.name,
        }
        kind = f"type.googleapis.com/{self.schema.package}"
        view: dict[str, Any] = {
            "name": self.operation,
            "metadata": {
                "@type": f"{kind}.CreateTunedModelMetadata",
                **encode(self.schema, "CreateTunedModelMetadata", metadata),
            },
        }
        if phase in STATES and job.shown_state is None:
            view["done"] = True
            if phase == "succeeded":
                view["response"] = {"@type": f"{kind}.TunedModel", **self.view()}
            else:
                code, message = job.error or (13, "Internal error encountered.")
                view["error"] = {"code": code, "message": message}
        return view

    def require_active(self) -> None:
        """Raise Google's 400 while the model cannot answer."""
        if self.job.phase != "succeeded":
            raise failed_precondition(f"Model {self.name} is not ready to serve: it is not ACTIVE.")

    def _snapshots(self) -> list[dict[str, Any]]:
        if self.job.phase in ("queued", "pending"):
            return []
        return [
            {"step": one.step, "epoch": one.epoch, "meanLoss": one.loss, "computeTime": one.at}
            for one in self.job.snapshots
        ]


@dataclass(eq=False)
class TunedModels:
    """All tuned models of both versions, by name."""

    jobs: Jobs
    random: random.Random
    clock: Callable[[], float]
    faults: Faults
    _models: dict[str, TunedModel] = field(default_factory=dict)
    _created: int = 0

    def listed(self, system: str) -> list[TunedModel]:
        """Return the models of one version, newest first; the list may lag behind what was created."""
        shown = self.clock() - self.faults.list_lag
        return [
            model
            for model in reversed(self._models.values())
            if model.system == system and model.job.created <= shown
        ]

    def find(self, system: str, name: str) -> TunedModel:
        """Return a model by name, or raise Google's 404."""
        model = self._models.get(name)
        if model is None or model.system != system:
            raise not_found(f"Tuned model {name} does not exist.")
        return model

    def of_operation(self, operation: str) -> TunedModel:
        """Return the model whose creation an operation is."""
        model = self._models.get(operation.split("/operations/")[0])
        if model is None or model.operation != operation:
            raise not_found(f"Operation {operation} not found.")
        return model

    def create(self, system: str, body: Any, model_id: str) -> TunedModel:
        """Check a request as Google does and start its job.

        Raises:
            GoogleError: 400 for what is wrong with it, 404 for a switched-off generation, 409 for a taken id.
        """
        asked = decode(SCHEMAS[system], "TunedModel", {} if body is None else body, "tuned_model")
        source = self._source(system, asked)
        display_name = asked.get("displayName", "")
        limits = self.jobs.limits
        longest = limits.generative_display_name
        if len(display_name) > longest:
            raise invalid(
                f"Display name is too long: {len(display_name)} characters, the limit is {longest}.",
                "tuned_model.display_name",
            )
        if model_id and not MODEL_ID.fullmatch(model_id):
            raise invalid(
                f"Invalid tuned_model_id '{model_id}': it must match {MODEL_ID.pattern}.", "tuned_model_id"
            )
        training_run = source.job.training_run if source is not None else None
        training_task, hyperparameters = read_training_task(
            system, asked.get("tuningTask", {}), limits, training_run
        )
        name = f"tunedModels/{model_id or self._new_id(display_name)}"
        if name in self._models:
            raise GoogleError(409, f"Tuned model {name} already exists.")
        now = self.clock()
        facts = {
            "name": name,
            "displayName": display_name,
            "description": asked.get("description", ""),
            "createTime": now,
            "updateTime": now,
            "tuningTask": {"hyperparameters": hyperparameters},
            "temperature": asked.get("temperature", 0.7 if system == "palm" else 0.9),
            "topP": asked.get("topP", 0.95),
            "topK": asked.get("topK", 40),
        }
        facts |= {key: asked[key] for key in ("baseModel", "readerProjectNumbers") if key in asked}
        if source is not None:
            base = source.facts.get("baseModel") or source.facts["tunedModelSource"]["baseModel"]
            facts["tunedModelSource"] = {"tunedModel": source.name, "baseModel": base}
        job = self.jobs.add(
            system=system,
            name=name,
            display_name=display_name,
            base_model=asked.get("baseModel") or (source.name if source is not None else ""),
            key=model_id or None,
            labels={},
            training_task=training_task,
            request=asked,
        )
        self._created += 1
        operation = f"{name}/operations/{self.letters(12)}"
        model = self._models[name] = TunedModel(self._created, system, name, facts, job, operation)
        return model

    def delete(self, model: TunedModel) -> None:
        """Delete a model; its training, if still going on, ends."""
        model.job.cancel()
        del self._models[model.name]

    def _source(self, system: str, asked: dict[str, Any]) -> TunedModel | None:
        """Check the base model; return the tuned model when one is tuned again."""
        limits = self.jobs.limits
        version = SCHEMAS[system].package.rsplit(".", 1)[1]
        supported, trains = {
            "palm": (limits.palm_base_models, limits.palm_trains),
            "gemini": (limits.gemini_base_models, limits.gemini_trains),
        }[system]
        base = asked.get("baseModel")
        earlier = asked.get("tunedModelSource", {}).get("tunedModel")
        if not base and not earlier:
            raise invalid("Either base_model or tuned_model_source must be specified.", "tuned_model.source_model")
        if not trains or (base and base not in supported):
            raise not_found(
                f"{base or earlier} is not found for API version {version}, or is not supported for "
                "createTunedModel. Call ListModels to see the list of available models and their supported "
                "methods."
            )
        if not earlier:
            return None
        source = self.find(system, earlier)
        source.require_active()
        first = source.facts.get("baseModel") or source.facts.get("tunedModelSource", {}).get("baseModel", "")
        if "gemini-1.5-flash" in first:
            raise invalid(f"Tuning a tuned model is not supported for {first}.", "tuned_model.tuned_model_source")
        return source

    def _new_id(self, display_name: str) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", display_name.lower()).strip("-")[:27].strip("-")
        return f"{words if words[:1].isalpha() else 'tuned-model'}-{self.letters(12)}"

    def letters(self, count: int) -> str:
        """Return random letters and digits, as Google ends its ids."""
        return "".join(self.random.choices(LETTERS, k=count))

"""Vertex AI's rebaseTunedModel: a tuned model is tuned anew on another base model, as an operation.

The new job takes what the request's `tuning_job` holds, and the rest from the job that made the model.
"""

from dataclasses import dataclass
from typing import Any

from bot.sandbox.google.json_bodies import VERTEX, VERTEX_BETA, decode, encode, timestamp
from bot.sandbox.google.rpc_status import invalid, not_found
from bot.sandbox.google.vertex_jobs import TuningJob, TuningJobs

_KEPT = ("supervisedTuningSpec", "preferenceOptimizationSpec", "tunedModelDisplayName", "description")


@dataclass(frozen=True, slots=True)
class _Move:
    made: TuningJob
    started: float
    done: float


class Rebases:
    """All moves, by the name of their operation."""

    def __init__(self, tuning_jobs: TuningJobs) -> None:
        self._jobs = tuning_jobs
        self._moves: dict[str, _Move] = {}

    async def start(self, parent: str, body: Any, *, beta: bool) -> dict[str, Any]:
        """Make the new job and return the operation.

        Raises:
            GoogleError: 400 for what is wrong with the request, 404 for a model that does not exist.
        """
        asked = decode(VERTEX_BETA if beta else VERTEX, "RebaseTunedModelRequest", body or {})
        reference = asked.get("tunedModelRef", {})
        if not reference:
            raise invalid("tuned_model_ref must be specified.", "tuned_model_ref")
        old, given = self._old(reference), asked.get("tuningJob", {})
        kept = {name: old.asked[name] for name in _KEPT if name in old.asked}
        if any(name in given for name in _KEPT[:2]):
            kept = {name: value for name, value in kept.items() if name not in _KEPT[:2]}
        base = {} if "baseModel" in given else {"baseModel": self._jobs.jobs.limits.vertex_base_models[0]}
        limits = self._jobs.jobs.limits
        labels: dict[str, Any] = {} if limits.vertex_rebase_keeps_labels else {"labels": {}}
        made = await self._jobs.create(parent, {**kept, **base, **given, **labels}, beta=beta)
        name = f"{made.job.name}/operations/{self._jobs.new_id()}"
        now = self._jobs.jobs.now()
        self._moves[name] = _Move(made, now, now + limits.vertex_rebase_seconds)
        return self.view(name, beta=beta)

    def view(self, name: str, *, beta: bool) -> dict[str, Any]:
        """Return an operation as JSON. Raises a 404 for an unknown one."""
        if (move := self._moves.get(name)) is None:
            raise not_found(f"The Operation {name} does not exist.")
        version = "v1beta1" if beta else "v1"
        kind = f"type.googleapis.com/google.cloud.aiplatform.{version}."
        done = self._jobs.jobs.now() >= move.done
        updated = move.done if done else move.started
        facts: dict[str, Any] = {
            "name": name,
            "done": done,
            "metadata": {
                "@type": f"{kind}RebaseTunedModelOperationMetadata",
                "genericMetadata": {"createTime": timestamp(move.started), "updateTime": timestamp(updated)},
            },
        }
        if done:
            facts["response"] = {"@type": f"{kind}TuningJob", **move.made.view(beta=beta)}
        return encode(VERTEX_BETA if beta else VERTEX, "GoogleLongrunningOperation", facts)

    def _old(self, reference: dict[str, Any]) -> TuningJob:
        model = self._jobs.with_number(reference.get("tunedModel", "")).split("@")[0]
        job = self._jobs.with_number(reference.get("tuningJob", ""))
        return self._jobs.find(
            lambda made: made.done and (made.model == model or made.job.name == job),
            f"Model {model or job} is not found.",
        )

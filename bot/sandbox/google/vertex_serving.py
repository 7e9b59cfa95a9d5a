"""What comes of Vertex AI's tuning: endpoints and models, questions to them and to base models, deletion."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from bot.sandbox.google.content_requests import check_roles, check_safety, check_settings, prompt_of, text_of
from bot.sandbox.google.json_bodies import VERTEX, decode, encode, timestamp
from bot.sandbox.google.router import Call, Router, answer, list_answer
from bot.sandbox.google.rpc_status import failed_precondition, not_found
from bot.sandbox.google.text_generation import Answers, ContentRoutes, Piece, content_response, generate
from bot.sandbox.google.trainer import TrainingRun
from bot.sandbox.google.training_files import count_tokens
from bot.sandbox.google.vertex_jobs import PARENT, SERVICE, Checkpoint, TuningJob, TuningJobs, schema_of

ENDPOINT = r"/endpoints/(?P<endpoint>[^/:]+)"
PUBLISHED = r"/publishers/google/models/(?P<published>[^/:]+)"
MODEL = r"/models/(?P<model>[^/:@]+)(?:@(?P<model_version>[^/:]+))?"


class ServingRoutes(ContentRoutes):
    """endpoints and models get, list, delete, undeployModel; generateContent, its stream, countTokens."""

    def __init__(self, tuning_jobs: TuningJobs, answers: Answers) -> None:
        self._jobs = tuning_jobs
        self._answers = answers
        self._deleted: set[str] = set()
        self._operations: dict[str, dict[str, Any]] = {}

    def register(self, router: Router) -> None:
        """Bind v1 and v1beta1."""
        target = PARENT + f"(?:{ENDPOINT}|{PUBLISHED})"
        listing = {"filter", "pageSize", "pageToken", "orderBy", "readMask"}

        def add(method: str, pattern: str, handler: Any, query: set[str] | None = None) -> None:
            router.add(method, pattern, handler, need="oauth", query=query or (), service=SERVICE)

        add("POST", target + ":generateContent", self.generate_content)
        add("POST", target + ":streamGenerateContent", self.stream_content)
        add("POST", target + ":countTokens", self.count_tokens)
        add("GET", PARENT + ENDPOINT, self.get_endpoint)
        add("DELETE", PARENT + ENDPOINT, self.delete_endpoint)
        add("POST", PARENT + ENDPOINT + ":undeployModel", self.undeploy)
        add("GET", PARENT + "/models", self.list_models, listing)
        add("GET", PARENT + MODEL, self.get_model)
        add("GET", PARENT + MODEL + ":listVersions", self.list_versions, listing)
        add("DELETE", PARENT + MODEL, self.delete_model)
        add("GET", PARENT + r"/(?:[^:]+/)?operations/(?P<operation>[^/:]+)", self.get_operation)

    async def count_tokens(self, call: Call) -> web.Response:
        """Count the tokens of a request."""
        self._training_run(call)
        asked = decode(schema_of(call), "CountTokensRequest", call.body or {})
        prompt = prompt_of(asked)
        text = "".join(said for _, said in prompt.turns) + text_of(asked.get("systemInstruction", {}))
        count = sum(count_tokens(said) for _, said in prompt.turns) + count_tokens(prompt.system)
        content = {
            "totalTokens": count,
            "totalBillableCharacters": len("".join(text.split())),
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}],
        }
        return answer(encode(VERTEX, "CountTokensResponse", content))

    async def get_endpoint(self, call: Call) -> web.Response:
        """Show an endpoint and the model deployed to it."""
        return answer(encode(VERTEX, "Endpoint", self._endpoint_view(*self._endpoint(call))))

    async def undeploy(self, call: Call) -> web.Response:
        """Take the model off an endpoint."""
        asked = decode(schema_of(call), "UndeployModelRequest", call.body or {})
        _, checkpoint = self._endpoint(call)
        wanted = asked.get("deployedModelId", "")
        if not checkpoint.deployed or wanted != checkpoint.deployed_model_id:
            raise not_found(f"The DeployedModel {wanted} is not deployed to {checkpoint.endpoint}.")
        checkpoint.deployed = False
        kind = "google.cloud.aiplatform.v1.UndeployModelResponse"
        return answer(self._operation(checkpoint.endpoint, "UndeployModelOperationMetadata", kind))

    async def delete_endpoint(self, call: Call) -> web.Response:
        """Delete an endpoint that no model is deployed to."""
        _, checkpoint = self._endpoint(call)
        if checkpoint.deployed:
            raise failed_precondition(
                f"The Endpoint {checkpoint.endpoint} has deployed or being-deployed Model(s). Please undeploy "
                "them before deleting the Endpoint."
            )
        self._deleted.add(checkpoint.endpoint)
        return answer(self._operation(checkpoint.endpoint, "DeleteOperationMetadata", "google.protobuf.Empty"))

    async def get_model(self, call: Call) -> web.Response:
        """Show a tuned model."""
        return answer(self._model_view(self._model(call)))

    async def list_versions(self, call: Call) -> web.Response:
        """List the versions of a tuned model: each job makes a model of its own, so there is one."""
        return answer({"models": [self._model_view(self._model(call))]})

    async def list_models(self, call: Call) -> web.Response:
        """List the tuned models of a location."""
        parent = self._jobs.parent(call)
        found = [
            made
            for made in reversed(self._jobs.all)
            if made.done and made.parent == parent and made.model not in self._deleted
        ]
        return list_answer(
            call, "models", found, lambda made: made.job.number, self._model_view, size=100, largest=100
        )

    async def delete_model(self, call: Call) -> web.Response:
        """Delete a model that is deployed nowhere."""
        made = self._model(call)
        deployed = [one.endpoint for one in made.checkpoints if one.deployed]
        if deployed:
            raise failed_precondition(
                f"The Model {made.model} is deployed or being deployed at the following Endpoint(s): "
                f"{', '.join(deployed)}."
            )
        self._deleted.add(made.model)
        return answer(self._operation(made.model, "DeleteOperationMetadata", "google.protobuf.Empty"))

    async def get_operation(self, call: Call) -> web.Response:
        """Show an operation of the past; all are done at once here."""
        operation = self._operations.get(call.arguments["operation"])
        if operation is None:
            raise not_found(f"Operation {call.arguments['operation']} not found.")
        return answer(operation)

    def _generate(self, call: Call) -> AsyncIterator[Piece]:
        asked = decode(schema_of(call), "GenerateContentRequest", call.body or {})
        check_roles(asked)
        training_run = self._training_run(call)
        self._check_location(call)
        check_settings(asked.get("generationConfig", {}))
        check_safety(asked)
        prompt = prompt_of(asked)
        name = call.arguments["endpoint"] or call.arguments["published"]
        return generate(self._answers.take(prompt.text), training_run, prompt, name)

    def _training_run(self, call: Call) -> TrainingRun | None:
        """Return what answers at an endpoint; None for a base model."""
        if call.arguments["endpoint"]:
            made, checkpoint = self._endpoint(call)
            if not checkpoint.deployed:
                raise failed_precondition(f"The Endpoint {checkpoint.endpoint} has no deployed model.")
            return made.job.training_run
        name = call.arguments["published"]
        if name not in self._jobs.jobs.limits.vertex_base_models:
            arguments = call.arguments
            raise not_found(
                f"Publisher Model `projects/{arguments['project']}/locations/{arguments['location']}/publishers/"
                f"google/models/{name}` was not found or your project does not have access to it. Please ensure "
                "you are using a valid model version."
            )
        return None

    def _check_location(self, call: Call) -> None:
        """Refuse a base model since Gemini 3 in a single region: it answers in `global`, `us` and `eu` only.

        Source: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations.
        """
        name, location = call.arguments["published"], call.arguments["location"]
        regional = location not in ("global", "us", "eu")
        if regional and name and name.startswith("gemini-") and name[7:8] not in "12":
            raise not_found(f"Publisher Model `publishers/google/models/{name}` was not found in {location}.")

    def _endpoint(self, call: Call) -> tuple[TuningJob, Checkpoint]:
        name = f"{self._jobs.parent(call)}/endpoints/{call.arguments['endpoint']}"
        for made in self._jobs.all:
            for checkpoint in made.checkpoints:
                if checkpoint.endpoint == name and name not in self._deleted and made.done:
                    return made, checkpoint
        raise not_found(f"The Endpoint {name} does not exist.")

    def _model(self, call: Call) -> TuningJob:
        name = f"{self._jobs.parent(call)}/models/{call.arguments['model']}"
        return self._jobs.find(
            lambda made: made.model == name and made.done and name not in self._deleted,
            f"The Model {name} does not exist.",
        )

    def _endpoint_view(self, made: TuningJob, checkpoint: Checkpoint) -> dict[str, Any]:
        deployed = {
            "id": checkpoint.deployed_model_id,
            "model": made.model,
            "displayName": made.job.display_name,
            "createTime": made.job.ended,
            "modelVersionId": "1",
            "checkpointId": checkpoint.id,
        }
        return {
            "name": checkpoint.endpoint,
            "displayName": made.job.display_name,
            "deployedModels": [deployed] if checkpoint.deployed else [],
            "labels": made.job.labels,
            "createTime": made.job.ended,
            "updateTime": made.job.ended,
        }

    def _model_view(self, made: TuningJob) -> dict[str, Any]:
        facts = {
            "name": made.model,
            "versionId": "1",
            "displayName": made.job.display_name,
            "deployedModels": [
                {"endpoint": one.endpoint, "deployedModelId": one.deployed_model_id, "checkpointId": one.id}
                for one in made.checkpoints
                if one.deployed
            ],
            "labels": made.job.labels,
            "createTime": made.job.ended,
            "updateTime": made.job.ended,
        }
        return encode(VERTEX, "Model", facts)

    def _operation(self, of: str, metadata: str, response: str) -> dict[str, Any]:
        now = timestamp(self._jobs.jobs.now())
        key = self._jobs.new_id()
        self._operations[key] = {
            "name": f"{of}/operations/{key}",
            "metadata": {
                "@type": f"type.googleapis.com/google.cloud.aiplatform.v1.{metadata}",
                "genericMetadata": {"createTime": now, "updateTime": now},
            },
            "done": True,
            "response": {"@type": f"type.googleapis.com/{response}"},
        }
        return self._operations[key]

    def _response(self, call: Call, piece: Piece) -> dict[str, Any]:
        tuned = bool(call.arguments["endpoint"])
        version = self._jobs.jobs.trainer.name if tuned else call.arguments["published"]
        content = content_response(piece, version, f"sandbox-{id(call):x}", vertex=True)
        content["createTime"] = self._jobs.jobs.now()
        if "usageMetadata" in content:
            content["usageMetadata"]["trafficType"] = "ON_DEMAND"
        return encode(VERTEX, "GenerateContentResponse", content)

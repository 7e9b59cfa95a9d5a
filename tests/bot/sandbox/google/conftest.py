"""A stand-in whose every successful answer is judged by Google's own documents while the tests talk to it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.sample_dataset import PAIRS
from tests.outside import discovery, protos
from tests.support.clock import FixedClock
from tests.support.waiting import DEADLINE_SECONDS

LOCATION = "us-central1"
START = 1_800_000_000.0


def judge(method: str, path: str, body: Any) -> None:
    """Hold one answer against the description that Google gives of it."""
    version = path.split("/")[1]
    if version in ("storage", "upload"):
        if path.count("/o") == 0:
            return
        kind = "Objects" if path.endswith("/o") and method == "GET" else "Object"
        discovery.cloud_storage().check(kind, body)
    elif path.split("/")[2] == "projects":
        # Operations of endpoints and models are bound by name only, which the document does not spell out.
        if "/operations/" not in path:
            discovery.vertex(version).check_answer(method, path, body)
    else:
        protos.check_answer(method, path, body)


async def judge_response(response: httpx.Response) -> None:
    """Judge a response of any form: one JSON, a list of them, or server-sent events."""
    await response.aread()
    path = response.request.url.raw_path.decode().split("?")[0]
    if not response.is_success or path.startswith(("/token", "/computeMetadata", "/download")):
        return
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/event-stream"):
        bodies = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    elif "json" in kind and response.request.url.params.get("alt") != "media":
        body = response.json()
        bodies = body if isinstance(body, list) else [body]
    else:
        return
    for body in bodies:
        judge(response.request.method, path, body)


@pytest.fixture
def clock() -> FixedClock:
    """The clock of the stand-in."""
    return FixedClock(datetime.fromtimestamp(START, UTC))


@pytest.fixture
async def google(clock: FixedClock) -> AsyncIterator[GoogleStandIn]:
    """A stand-in on the still clock: a job takes 100 seconds of it, 5 of them to prepare."""
    async with GoogleStandIn(job_seconds=100, clock=clock.timestamp, seed=1) as stand_in:
        yield stand_in


@pytest.fixture
async def client(google: GoogleStandIn) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with a token, whose successful answers are all judged."""
    headers = {"Authorization": f"Bearer {google.issue_token(1e6)}"}
    hooks = {"response": [judge_response]}
    # Without `verify=False`, each client reads all certificates of the machine, and nothing here uses TLS.
    async with httpx.AsyncClient(
        base_url=google.url, headers=headers, event_hooks=hooks, verify=False, timeout=DEADLINE_SECONDS
    ) as caller:
        yield caller


@pytest.fixture
async def stranger(google: GoogleStandIn) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a token, whose answers nobody judges."""
    async with httpx.AsyncClient(base_url=google.url, verify=False, timeout=DEADLINE_SECONDS) as caller:
        yield caller


def numbers() -> list[dict[str, str]]:
    """Return the fifteen rows of the walk's sample: a number and the next one."""
    return [{"text_input": given, "output": wanted} for given, wanted in PAIRS]


def pairs_as_vertex_rows(rows: list[dict[str, str]]) -> bytes:
    """Return pairs as the JSONL that Vertex AI takes."""
    lines = [
        json.dumps(
            {
                "contents": [
                    {"role": "user", "parts": [{"text": row["text_input"]}]},
                    {"role": "model", "parts": [{"text": row["output"]}]},
                ]
            }
        )
        for row in rows
    ]
    return "\n".join(lines).encode()


def tuned_model_body(base: str, rows: list[dict[str, str]], **hyperparameters: float) -> dict[str, Any]:
    """Return a create request as the seeds write it."""
    return {
        "display_name": "number generator",
        "base_model": base,
        "tuning_task": {
            "hyperparameters": hyperparameters,
            "training_data": {"examples": {"examples": rows}},
        },
    }


def jobs_path(google: GoogleStandIn, version: str = "v1", location: str = LOCATION) -> str:
    """Return the path of the tuning jobs of the stand-in's project."""
    return f"/{version}/projects/{google.project}/locations/{location}/tuningJobs"


def tuning_job_body(uri: str = "gs://bucket/train.jsonl", **more: Any) -> dict[str, Any]:
    """Return a create request for Vertex AI."""
    spec = {"trainingDatasetUri": uri, "hyperParameters": {"epochCount": "4"}}
    return {
        "baseModel": "gemini-3.5-flash",
        "tunedModelDisplayName": "numbers",
        "supervisedTuningSpec": spec,
        **more,
    }


async def start_job(client: httpx.AsyncClient, google: GoogleStandIn, **more: Any) -> str:
    """Start a job and return its name."""
    answer = await client.post(jobs_path(google), json=tuning_job_body(**more))
    assert answer.status_code == 200, answer.text
    name: str = answer.json()["name"]
    return name


@pytest.fixture
def bucket(google: GoogleStandIn) -> str:
    """A bucket that holds the next-number data in Vertex AI's dialect as `train.jsonl`."""
    google.create_bucket("bucket")
    google.buckets.put("bucket", "train.jsonl", pairs_as_vertex_rows(numbers()))
    return "bucket"

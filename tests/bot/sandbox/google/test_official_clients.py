"""Google's own clients, each in an environment of its own, complete their work against the stand-in."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import numbers, pairs_as_vertex_rows
from tests.support.pip_packages import install_with_pip
from tests.support.waiting import DEADLINE_SECONDS

pytestmark = [pytest.mark.long, pytest.mark.outside]
CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="session")
def new_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with google-genai and google-cloud-storage."""
    directory = tmp_path_factory.mktemp("google-clients")
    return install_with_pip(directory, "google-genai==3.4.0", "google-cloud-storage==3.17.*")


@pytest.fixture(scope="session")
def former_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with google-generativeai, which pins libraries that the new clients don't take."""
    return install_with_pip(tmp_path_factory.mktemp("former-google-client"), "google-generativeai==0.8.6")


@pytest.fixture
async def quick_google() -> AsyncIterator[GoogleStandIn]:
    """A stand-in on the real clock, whose jobs take a second."""
    async with GoogleStandIn(job_seconds=1) as google:
        google.create_bucket("bucket")
        google.buckets.put("bucket", "train.jsonl", pairs_as_vertex_rows(numbers()))
        yield google


async def walk(python: Path, script: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run a client's walk and return what it saw."""
    process = await asyncio.create_subprocess_exec(
        python,
        CLIENTS / script,
        *arguments,
        env={**os.environ, **environment, "PYTHONWARNINGS": "ignore"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
    assert process.returncode == 0, err.decode()[-3000:]
    seen: dict[str, Any] = json.loads(out)
    return seen


async def test_google_genai_tunes_lists_cancels_asks_and_streams(
    new_clients: Path, quick_google: GoogleStandIn
) -> None:
    google = quick_google
    seen = await walk(
        new_clients, "genai_walk.py", google.url, google.issue_token(), google.project, "gs://bucket/train.jsonl"
    )
    assert seen["state"] == "JOB_STATE_SUCCEEDED"
    assert "JOB_STATE_RUNNING" in seen["states"]
    assert seen["listed"] == [seen["created"]]
    assert (seen["rows"], seen["checkpoints"]) == (15, 3)
    assert (seen["answer"], seen["finish"], seen["tokens"]) == ("twenty three", "STOP", 6)
    assert [piece for piece in seen["stream"] if piece] == ["one", " hundred"]
    assert seen["counted"] == 4
    assert seen["cancelled"] == "JOB_STATE_CANCELLED"
    assert seen["again"].endswith("@1")
    assert seen["refused"] == [400, "INVALID_ARGUMENT", "Base model gemini-0.1 is not supported."]
    assert len(google.jobs.books()) == 3


async def test_google_cloud_storage_uploads_downloads_and_lists(
    new_clients: Path, quick_google: GoogleStandIn
) -> None:
    seen = await walk(new_clients, "storage_walk.py", "bucket", STORAGE_EMULATOR_HOST=quick_google.url)
    assert seen == {
        "bucket": True,
        "no bucket": False,
        "small": '{"a": 1}\n',
        "range": 'a":',
        "large": True,
        "size": 768_000,
        "listed": ["rows/small file ä.jsonl"],
        "deleted": False,
        "missing": 404,
    }
    kinds = {entry.query.get("uploadType") for entry in quick_google.requests.matching("^/upload")}
    assert kinds == {"multipart", "resumable"}
    assert 308 in {entry.status for entry in quick_google.requests.matching("upload", "PUT")}


async def test_google_generativeai_tunes_and_asks(former_client: Path, quick_google: GoogleStandIn) -> None:
    google = quick_google
    host = google.url.removeprefix("http://")
    token = google.issue_token()
    seen = await walk(former_client, "generativeai_walk.py", f"http://{host}", token, google.api_key)
    assert seen == {
        "total steps": 5,
        "named": "tunedModels/official-client",
        "state": "ACTIVE",
        "snapshots": 5,
        "listed": ["tunedModels/official-client"],
        "owned": "official client",
        "answer": "eight",
        "stream": ["2"],
        "left": [],
    }

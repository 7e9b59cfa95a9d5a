"""OpenAI's fine-tuning jobs and files on a loopback port, strict about the key and the paths.

Source: https://platform.openai.com/docs/api-reference/fine-tuning/list and .../files/retrieve-contents
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.http_server import serving

KEY = "sk-" + "proj-tests-0123456789abcdef"


@dataclass
class OpenAiStandIn:
    """The jobs, newest first, and the content of each file by its id; `asked` are the paths of all requests."""

    url: str = ""
    jobs: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)  # statuses of the next answers

    def add_job(self, job_id: str, training: bytes, validation: bytes = b"", **more: Any) -> dict[str, Any]:
        """Add a job with its files, as the API shows it."""
        number = len(self.jobs)
        self.files[f"file-train{number}"] = training
        if validation:
            self.files[f"file-val{number}"] = validation
        job = {
            "object": "fine_tuning.job",
            "id": job_id,
            "model": "gpt-4o-mini-2024-07-18",
            "created_at": 1_760_000_000 + number,
            "finished_at": None,
            "fine_tuned_model": "ft:gpt-4o-mini-2024-07-18:acme:porter:abc123",
            "organization_id": "org-1",
            "result_files": [],
            "status": "succeeded",
            "training_file": f"file-train{number}",
            "validation_file": f"file-val{number}" if validation else None,
            "hyperparameters": {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8},
            "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
            "user_provided_suffix": "porter",
            **more,
        }
        self.jobs.insert(0, job)
        return job

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.asked.append(request.path)
        if self.failures:
            return _error(self.failures.pop(0), "server_error")
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_api_key")
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v1", "fine_tuning", "jobs"]:
                limit = int(request.query.get("limit", "20"))
                more = len(self.jobs) > limit
                return web.json_response({"object": "list", "data": self.jobs[:limit], "has_more": more})
            case "GET", ["v1", "fine_tuning", "jobs", job_id]:
                found = next((job for job in self.jobs if job["id"] == job_id), None)
                return web.json_response(found) if found else _error(404, "fine_tune_not_found")
            case "GET", ["v1", "files", file_id] if file_id in self.files:
                size = len(self.files[file_id])
                shown = {"id": file_id, "object": "file", "bytes": size, "filename": "porter.jsonl"}
                return web.json_response(shown | {"purpose": "fine-tune", "created_at": 1_760_000_000})
            case "GET", ["v1", "files", file_id, "content"] if file_id in self.files:
                return web.Response(body=self.files[file_id], content_type="application/octet-stream")
        return _error(404, None)


def _error(status: int, code: str | None) -> web.Response:
    error = {"message": f"Incorrect API key provided: {KEY[:8]}", "type": "invalid_request_error", "code": code}
    return web.Response(status=status, text=json.dumps({"error": error}), content_type="application/json")


@asynccontextmanager
async def openai_stand_in() -> AsyncIterator[OpenAiStandIn]:
    """Serve it inside the block."""
    made = OpenAiStandIn()
    async with serving(made.answer) as url:
        made.url = url.rstrip("/")
        yield made

"""Reads fine-tuning jobs and their files from OpenAI with the operator's key.

The key is sent in a header to one host and follows no redirect; it never becomes part of an error or a log. Only
reads are sent, so each may be sent again.
Source: https://platform.openai.com/docs/api-reference/fine-tuning and .../files
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import httpx
import msgspec

from bot.backends.google.connections import RetryableError, RetryPolicy
from bot.domain.fine_tuning_job import FineTuningJob
from bot.domain.place import Place
from bot.errors import BadArgument, FileUnavailable, GoogleUnavailable
from bot.ports.files import FileInfo

SCHEME: Final = "openai:"
OPENAI_URL: Final = "https://api.openai.com"
_JOB_ID = re.compile(r"ftjob-[A-Za-z0-9_-]{1,100}")
_FILE_ID = re.compile(r"file-[A-Za-z0-9_-]{1,100}")
_AGAIN: Final = frozenset({408, 409, 429, 500, 502, 503, 504})
_LONGEST_PAGE: Final = 100
_decode = msgspec.json.Decoder().decode


class OpenAi:
    """The FineTuningJobs of OpenAI, and the FileReader of locations like `openai:file-abc`."""

    def __init__(self, key: str, url: str = "", retry_policy: RetryPolicy | None = None) -> None:
        self._retry_policy = retry_policy or RetryPolicy()
        self._client = httpx.AsyncClient(
            base_url=url or OPENAI_URL,
            timeout=httpx.Timeout(self._retry_policy.answer, connect=self._retry_policy.connect),
            headers={"authorization": f"Bearer {key}", "user-agent": "tunebot"},
            follow_redirects=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def jobs(self, limit: int) -> Sequence[FineTuningJob]:
        answer = await self._read("/v1/fine_tuning/jobs", {"limit": min(limit, _LONGEST_PAGE)})
        rows = answer.get("data")
        return [_job(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    async def job(self, job_id: str) -> FineTuningJob:
        if not _JOB_ID.fullmatch(job_id):
            raise BadArgument(
                f"{job_id[:60]!r} is not an id of a fine-tuning job at OpenAI.",
                "It looks like ftjob-abc123; without an id, the jobs are listed.",
            )
        return _job(await self._read(f"/v1/fine_tuning/jobs/{job_id}"))

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        """See FileReader. A person who may tune may read the files of the operator's organization there."""
        return await self.file(location)

    async def file(self, location: str) -> FileInfo:
        """Return the file's name and size. Raises FileUnavailable."""
        found = await self._read(f"/v1/files/{_file_id(location)}")
        size = found.get("bytes")
        return FileInfo(location, str(found.get("filename") or "file.jsonl"), size if isinstance(size, int) else 0)

    async def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        """See FileReader."""
        async for chunk in self.content(location):
            yield chunk

    async def content(self, location: str) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes. Raises FileUnavailable."""
        try:
            async with self._client.stream("GET", f"/v1/files/{_file_id(location)}/content") as response:
                if response.status_code != HTTPStatus.OK:
                    raise _refused(response.status_code, await _short_body(response))
                async for chunk in response.aiter_bytes():
                    yield chunk
        except httpx.HTTPError as error:
            raise _away(type(error).__name__) from error

    async def _read(self, path: str, params: Mapping[str, int] | None = None) -> dict[str, Any]:
        async def once() -> dict[str, Any]:
            try:
                response = await self._client.get(path, params=params)
            except httpx.HTTPError as error:
                raise RetryableError(GoogleUnavailable(type(error).__name__)) from error
            if response.status_code in _AGAIN:
                raise RetryableError(GoogleUnavailable(f"{response.status_code}"))
            if response.status_code != HTTPStatus.OK:
                raise _refused(response.status_code, response.content)
            try:
                answer = _decode(response.content)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                answer = None
            if not isinstance(answer, dict):
                raise FileUnavailable("What answered in OpenAI's place is not OpenAI.", "Check the proxy.")
            return answer

        try:
            return await self._retry_policy.run(once, "OpenAI")
        except GoogleUnavailable as error:
            raise _away(error.message) from error


async def _short_body(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > 10_000:
            break
    return body


def _away(reason: str) -> FileUnavailable:
    return FileUnavailable(f"OpenAI does not answer ({reason}).", "Try again in a moment.", passing=True)


def _refused(status: int, body: bytes) -> FileUnavailable:
    """Return the error for an answer; OpenAI's own sentence may repeat a part of the key, so it is not shown."""
    code = ""
    try:
        error = _decode(body).get("error")
        code = str(error.get("code") or error.get("type") or "")
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, RecursionError):
        pass
    shown = f"{status}, {code}" if re.fullmatch(r"[a-z_]{1,40}", code) else f"{status}"
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return FileUnavailable(
                f"OpenAI does not accept the key ({shown}).", "Ask the person who runs me to set OPENAI_API_KEY."
            )
        case HTTPStatus.FORBIDDEN:
            return FileUnavailable(
                f"OpenAI does not let this key read that ({shown}).",
                "The key needs to read fine-tuning jobs and files.",
            )
        case HTTPStatus.NOT_FOUND:
            return FileUnavailable(
                f"OpenAI has no such job or file ({shown}).",
                "It may have been deleted there, or be of another key.",
            )
        case _:
            return FileUnavailable(f"OpenAI refused to read that ({shown}).", "Look at the file at OpenAI itself.")


def _file_id(location: str) -> str:
    file_id = location.removeprefix(SCHEME)
    if not _FILE_ID.fullmatch(file_id):
        raise FileUnavailable(f"{file_id[:60]!r} is not an id of a file at OpenAI.", "It looks like file-abc123.")
    return file_id


def _job(row: Mapping[str, Any]) -> FineTuningJob:
    """Return a job as OpenAI writes it; unknown and missing fields are no error."""
    method = row.get("method")
    settings = row.get("hyperparameters")
    if isinstance(method, dict) and isinstance(kind := method.get(str(method.get("type"))), dict):
        settings = kind.get("hyperparameters") or settings
    epochs = settings.get("n_epochs") if isinstance(settings, dict) else None
    created = row.get("created_at")
    tuned = _text(row, "fine_tuned_model")
    # ft:BASE:ORGANIZATION:SUFFIX:ID
    parts = tuned.split(":")
    return FineTuningJob(
        id=_text(row, "id"),
        base_model=_text(row, "model"),
        status=_text(row, "status"),
        training_file=_location(row, "training_file"),
        validation_file=_location(row, "validation_file"),
        suffix=_text(row, "user_provided_suffix") or (parts[3] if len(parts) == 5 else ""),
        tuned_model=tuned,
        epochs=epochs if isinstance(epochs, int) and not isinstance(epochs, bool) and epochs > 0 else None,
        created_at=datetime.fromtimestamp(created, UTC)
        if isinstance(created, int) and 0 < created < 1e11
        else None,
    )


def _location(row: Mapping[str, Any], key: str) -> str:
    return SCHEME + value if (value := _text(row, key)) else ""


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""

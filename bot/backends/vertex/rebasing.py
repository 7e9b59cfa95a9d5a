"""Follows a tuned model that Google moves to another base model: from the operation to the tuning job.

Google says that the result of the operation is a TuningJob. It says neither when that job is listed nor that the
job has the labels of the request, so a job is looked for in both places, and under the address of its file, too.
Source: `RebaseTunedModel` in google/cloud/aiplatform/v1/genai_tuning_service.proto and
google/longrunning/operations.proto.
"""

import re
from typing import Final

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, record, text
from bot.backends.vertex.job_search import JobSearch
from bot.backends.vertex.resource_names import VertexHosts
from bot.domain.jobs import TuningJob, TuningSpec
from bot.errors import BotError, InvalidRequest, NotFoundAtGoogle, OutcomeUnknown

_JOB: Final = re.compile(r"projects/[^/]+/locations/[^/]+/tuningJobs/[^/]+")
_PENDING = "JOB_STATE_PENDING"
_FAILED = "JOB_STATE_FAILED"


def is_operation(name: str) -> bool:
    """Return whether this is the name of an operation, and not of a job."""
    return "/operations/" in name


def first_seen(answer: Json) -> Json:
    """Return the tuning job of the answer to rebaseTunedModel, or a stand-in for it until the next poll.

    An operation that failed at once is left to that poll, which looks whether there is a job nevertheless. Raises
    OutcomeUnknown for an answer without a name.
    """
    if _made(answer):
        return record(answer.get("response"))
    if not text(answer.get("name")):
        raise OutcomeUnknown("Google's answer to the move names nothing.", "It is looked up later.")
    return {"name": text(answer.get("name")), "state": _PENDING}


def _made(operation: Json) -> str:
    """Return the name of the tuning job that an operation made, empty where it names none.

    A name of another kind would be polled without end, and the paid job be followed by nobody: it is looked for.
    """
    name = text(record(operation.get("response")).get("name"))
    return name if _JOB.fullmatch(name) else ""


def refused(error: BotError, spec: TuningSpec) -> BotError:
    """Return Google's refusal of a move with what to do next; any other error unchanged."""
    if not isinstance(error, InvalidRequest | NotFoundAtGoogle):
        return error
    return type(error)(
        f"Google did not move the model to {spec.base_model}. {error.message}",
        f"Nothing was started. You can train on the same file on {spec.base_model} instead.",
        status=error.status,
        http_status=error.http_status,
        from_google=error.from_google,
    )


class Rebasing:
    """Reads the operations of moves."""

    def __init__(self, http: GoogleHttp, hosts: VertexHosts, search: JobSearch) -> None:
        self._http = http
        self._hosts = hosts
        self._search = search

    async def job(self, moved: TuningJob) -> Json:
        """Return the tuning job of a move that is known by its operation, or a stand-in for it.

        A move has failed only where Google says so and shows no job of it.

        Raises GoogleError, NotFoundAtGoogle where Google knows neither the operation nor a job, or has
        ended the move without an error and shows no job.
        """
        try:
            operation = await self._http.read_resource(self._hosts.url(moved.operation), moved.operation)
        except NotFoundAtGoogle:
            # Google deletes operations after a while.
            found = await self._search.find(moved.key, thorough=True)
            if found is None:
                raise
            return found
        if name := _made(operation):
            return await self._http.read_resource(self._hosts.url(name), name)
        done = operation.get("done") is True
        found = await self._search.find(moved.key, thorough=done)
        if found is not None:
            return found
        if not done:
            return {"name": moved.operation, "state": _PENDING}
        if not (error := record(operation.get("error"))):
            raise NotFoundAtGoogle("Google says that the move has ended, and names no tuning job of it.")
        return {"name": moved.operation, "state": _FAILED, "error": error}

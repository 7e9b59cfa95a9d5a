"""Vertex AI's paths for tuning jobs, on v1 and v1beta1: create, get, list, cancel, move to another base."""

import re
from functools import partial

from aiohttp import web

from bot.sandbox.google.router import Call, Router, answer, list_answer
from bot.sandbox.google.rpc_status import invalid
from bot.sandbox.google.vertex_jobs import PARENT, SERVICE, TuningJob, TuningJobs
from bot.sandbox.google.vertex_rebases import Rebases

# `labels.KEY="VALUE"`, and `labels.KEY:*` for any value: the filters that the bot sends.
FILTER = re.compile(r'labels\.([a-z0-9_-]+)(?:="([^"]*)"|:\*)')


class TuningJobRoutes:
    """tuningJobs create, get, list, cancel, and the moves of tuned models with their operations."""

    def __init__(self, tuning_jobs: TuningJobs) -> None:
        self._jobs = tuning_jobs
        self._moves = Rebases(tuning_jobs)

    def register(self, router: Router) -> None:
        """Bind v1 and v1beta1."""
        base = PARENT + "/tuningJobs"
        one = base + r"/(?P<job>[^/:]+)"
        router.add("POST", base, self.create, need="oauth", service=SERVICE)
        listing = {"filter", "pageSize", "pageToken"}
        router.add("GET", base, self.list_jobs, need="oauth", query=listing, service=SERVICE)
        router.add("GET", one, self.get, need="oauth", service=SERVICE)
        router.add("POST", one + ":cancel", self.cancel, need="oauth", service=SERVICE)
        router.add("POST", base + ":rebaseTunedModel", self.rebase, need="oauth", service=SERVICE)
        router.add("GET", one + r"/operations/(?P<operation>[^/:]+)", self.get_move, need="oauth", service=SERVICE)

    async def create(self, call: Call) -> web.Response:
        """Start a tuning job; nothing in the request keeps it from being started twice."""
        made = await self._jobs.create(self._jobs.parent(call), call.body, beta=_beta(call))
        return answer(made.view(beta=_beta(call)))

    async def get(self, call: Call) -> web.Response:
        """Show one job."""
        return answer(self._find(call).view(beta=_beta(call)))

    async def list_jobs(self, call: Call) -> web.Response:
        """List the jobs of a location that pass the filter, newest first."""
        parent = self._jobs.parent(call)
        jobs = self._jobs.listed(parent)
        if words := call.query.get("filter"):
            wanted = FILTER.fullmatch(words)
            if wanted is None:
                raise invalid(f"Invalid filter expression: {words}", "filter")
            labels = ((made, made.job.labels.get(wanted[1])) for made in jobs)
            jobs = [made for made, label in labels if label is not None and wanted[2] in (None, label)]
        view = partial(TuningJob.view, beta=_beta(call))
        return list_answer(call, "tuningJobs", jobs, lambda made: made.job.number, view, size=100, largest=1000)

    async def cancel(self, call: Call) -> web.Response:
        """Ask for the end of a job; one that has ended stays as it is."""
        made = self._find(call)
        if made.job.phase not in ("succeeded", "failed", "cancelled"):
            made.job.cancel()
        return answer({})

    async def rebase(self, call: Call) -> web.Response:
        """Retune a tuned model on another base model; like create, nothing keeps it from being done twice."""
        return answer(await self._moves.start(self._jobs.parent(call), call.body, beta=_beta(call)))

    async def get_move(self, call: Call) -> web.Response:
        """Show the operation of a move."""
        parent = f"{self._jobs.parent(call)}/tuningJobs/{call.arguments['job']}"
        return answer(self._moves.view(f"{parent}/operations/{call.arguments['operation']}", beta=_beta(call)))

    def _find(self, call: Call) -> TuningJob:
        name = f"{self._jobs.parent(call)}/tuningJobs/{call.arguments['job']}"
        return self._jobs.find(lambda made: made.job.name == name, f"The TuningJob {name} does not exist.")


def _beta(call: Call) -> bool:
    return call.arguments["version"] == "v1beta1"

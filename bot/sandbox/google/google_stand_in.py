"""The stand-in itself: one HTTP server on one loopback port that answers for every Google system.

It is for tests and the sandbox: it keeps everything in memory and a temporary directory, and must never be
reachable from elsewhere.
"""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bot.sandbox.google.credentials import Credentials
from bot.sandbox.google.fault_injection import Cut, Fault, FaultKind, Faults
from bot.sandbox.google.generative_queries import QueryRoutes
from bot.sandbox.google.generative_routes import PermissionRoutes, TunedModelRoutes
from bot.sandbox.google.job_register import Jobs
from bot.sandbox.google.memory_trainer import MemoryTrainer
from bot.sandbox.google.object_routes import ObjectRoutes
from bot.sandbox.google.project_routes import ProjectRights, ProjectRoutes
from bot.sandbox.google.request_log import Journal, Received, hide
from bot.sandbox.google.router import Call, Route, Router, parse_json, read_query
from bot.sandbox.google.rpc_status import GoogleError
from bot.sandbox.google.service_limits import Limits
from bot.sandbox.google.stored_objects import Buckets, BucketSettings
from bot.sandbox.google.text_generation import Answers
from bot.sandbox.google.token_endpoints import TokenRoutes
from bot.sandbox.google.trainer import Trainer
from bot.sandbox.google.tuned_models import TunedModels
from bot.sandbox.google.upload_routes import UploadRoutes
from bot.sandbox.google.vertex_job_routes import TuningJobRoutes
from bot.sandbox.google.vertex_jobs import TuningJobs, project_number
from bot.sandbox.google.vertex_metrics import MetricRoutes
from bot.sandbox.google.vertex_serving import ServingRoutes

NOT_FOUND_PAGE = (
    "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n"
    "<p><b>404.</b> <ins>That’s an error.</ins>\n"
    "<p>The requested URL <code>{path}</code> was not found on this server. <ins>That’s all we know.</ins>\n"
)
# The share of a job's seconds that it prepares before its first step.
PENDING_SHARE = 0.05


class GoogleStandIn:
    """A local stand-in of Google; use it as an async context manager.

    A job takes `job_seconds` from start to success; None stops the clock for jobs, so that only `advance`,
    `finish`, `fail` and `cancel` of each job move it. `clock` tells seconds since 1970. `trainer` replaces
    the MemoryTrainer.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        job_seconds: float | None = 10.0,
        clock: Callable[[], float] = time.time,
        trainer: Trainer | None = None,
        limits: Limits | None = None,
        project: str = "sandbox-project",
        seed: int | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311  Names of resources, not secrets.
        self._directory = TemporaryDirectory(prefix="google-stand-in-", ignore_cleanup_errors=True)
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        # Of the addresses in answers: `https` where something in front of the port serves TLS.
        self.scheme = "http"
        self._base_url = ""
        self.project = project
        self.limits = limits or Limits()
        self.requests = Journal()
        self.faults = Faults()
        self.answers = Answers()
        self.credentials = Credentials(clock, project)
        self.project_rights = ProjectRights()
        self.buckets = Buckets(Path(self._directory.name), clock)
        pending = 0.0 if job_seconds is None else job_seconds * PENDING_SHARE
        seconds = None if job_seconds is None else job_seconds - pending
        self.jobs = Jobs(trainer or MemoryTrainer(seconds), self.limits, clock, pending)
        self.tuned_models = TunedModels(self.jobs, self._random, clock, self.faults)
        self.tuning_jobs = TuningJobs(self.jobs, self.buckets, self._random, self.faults)
        self._router = Router()
        self.permissions = PermissionRoutes(self.tuned_models)
        for routes in (
            TokenRoutes(self.credentials, project, project_number(project)),
            TunedModelRoutes(self.tuned_models, self.faults),
            self.permissions,
            QueryRoutes(self.tuned_models, self.answers),
            TuningJobRoutes(self.tuning_jobs),
            MetricRoutes(self.tuning_jobs),
            ServingRoutes(self.tuning_jobs, self.answers),
            UploadRoutes(self.buckets),
            ObjectRoutes(self.buckets, project_number(project)),
            ProjectRoutes(self.project_rights, project, project_number(project), self.limits),
        ):
            routes.register(self._router)

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        if not self._base_url:
            raise RuntimeError("the stand-in is not started")
        return self._base_url

    @property
    def api_key(self) -> str:
        """The one API key that is accepted."""
        return self.credentials.api_key

    def issue_token(self, lifetime: float | None = None) -> str:
        """Give out an access token, for `lifetime` seconds or an hour."""
        return self.credentials.issue(lifetime)

    def create_bucket(self, name: str, settings: BucketSettings | None = None) -> None:
        """Create an empty bucket, in us-central1 unless `settings` say otherwise."""
        self.buckets.create(name, settings or BucketSettings())

    def service_account_file(self, directory: Path) -> Path:
        """Write a service-account key file whose token endpoint is this stand-in."""
        return self.credentials.service_account_file(directory, self.url)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that send a bot here."""
        return {
            "TUNEBOT_VERTEX_URL": self.url,
            "TUNEBOT_GENAI_URL": self.url,
            "STORAGE_EMULATOR_HOST": self.url,
            "GOOGLE_CLOUD_PROJECT": self.project,
            "GOOGLE_OAUTH_ACCESS_TOKEN": self.issue_token(24 * 3600.0),
            "GEMINI_API_KEY": self.api_key,
        }

    async def start(self) -> None:
        """Listen; the port is chosen by the system when none was given."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._serve)
        # A stand-in stops at once: open requests are cut, as when a machine goes down.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._base_url = f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening, end what hangs and what trains, and remove the stored objects; the jobs are kept."""
        if self._closing.is_set():
            return
        self._closing.set()
        for job in self.jobs.all:
            # A job that a test finished ahead of its trainer counts as succeeded and may still train.
            if job.training_run is not None and job.outcome in (None, "succeeded"):
                job.training_run.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        self._directory.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw_path = request.rel_url.raw_path
        entry = self.requests.open(
            self._clock(),
            request.method,
            raw_path,
            dict(request.query),
            request.headers,
            request.content_length or 0,
        )
        try:
            response = await self._respond(request, raw_path, entry)
        except Cut:
            entry.fault = entry.fault or "cut"
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        except ConnectionError:
            # The client has hung up while it was answered. Nobody reads this.
            return web.Response(status=503)
        entry.status = response.status
        return response

    async def _respond(self, request: web.Request, raw_path: str, entry: Received) -> web.StreamResponse:
        fault = await self.faults.meet(request)
        if fault is not None:
            entry.fault = fault.kind
        found = self._router.find(request.method, raw_path)
        service = found[0].service if found is not None else ""
        try:
            if found is None:
                page = NOT_FOUND_PAGE.format(path=raw_path.replace("<", "&lt;"))
                return web.Response(status=404, text=page, content_type="text/html")
            route, arguments = found
            # aiohttp's own `request.host` has no port where a proxy sent the whole URL.
            call = Call(request, arguments, {}, f"{self.scheme}://{request.headers.get('Host', request.host)}")
            await self._read_body(route, call, entry)
            early = await self._harm(fault, call)
            if early is not None:
                return early
            self.credentials.check(request, route.need, service)
            call.query = read_query(route, dict(request.query))
            response = await route.handler(call)
        except GoogleError as error:
            response = _refused(error, storage=service == "storage.googleapis.com")
        if fault is not None and fault.kind is FaultKind.LOSE_ANSWER:
            if not fault.status:
                raise Cut
            return fault.page()
        return response

    async def _read_body(self, route: Route, call: Call, entry: Received) -> None:
        """Read JSON and forms whole, within Google's limit; streams are left to their handlers."""
        if route.body == "stream":
            return
        if route.body == "form":
            form = await call.request.post()
            entry.body = hide({name: str(value) for name, value in form.items()})
            return
        generative = route.service == "generativelanguage.googleapis.com"
        most = self.limits.generative_body_bytes if generative else self.limits.body_bytes
        raw = bytearray()
        async for chunk in call.request.content.iter_any():
            raw += chunk
            if len(raw) > most:
                raise GoogleError(400, f"Request payload size exceeds the limit: {most} bytes.")
        entry.length = len(raw)
        call.body = entry.body = parse_json(bytes(raw))

    async def _harm(self, fault: Fault | None, call: Call) -> web.StreamResponse | None:
        """Carry out what a fault does before the call; None lets the call go on."""
        match fault:
            case Fault(kind=FaultKind.FAIL, error=error) if error is not None:
                raise error
            case Fault(kind=FaultKind.GARBLE):
                return fault.page()
            case Fault(kind=FaultKind.RESET):
                raise Cut
            case Fault(kind=FaultKind.HANG):
                await self._hang(call.request)
                raise Cut
            case Fault(kind=FaultKind.CUT_STREAM):
                call.cut_after = fault.after
            case Fault(kind=FaultKind.PAUSE_STREAM):
                call.pause = fault
        return None

    async def _hang(self, request: web.Request) -> None:
        """Wait until the caller has gone or the stand-in stops."""
        while request.transport is not None and not request.transport.is_closing():
            try:
                async with asyncio.timeout(0.05):
                    await self._closing.wait()
                return
            except TimeoutError:
                continue


def _refused(error: GoogleError, *, storage: bool) -> web.Response:
    body: dict[str, Any] = error.storage_body() if storage else error.body()
    return web.json_response(body, status=error.code, headers=error.headers)

"""Google's three tuning systems behind one Protocol, `bot.ports.backends.TuningBackend`.

This table is the only place that knows which class serves which name.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bot.backends.generative_language.backend import ROLES as TUNED_MODEL_ROLES
from bot.backends.generative_language.gemini import GeminiBackend
from bot.backends.generative_language.palm import PalmBackend
from bot.backends.google.auth import AccessToken, Credentials, DefaultCredentials, credentials_check
from bot.backends.google.cloud_storage import ROLES as STORAGE_ROLES
from bot.backends.google.cloud_storage import CloudStorage
from bot.backends.google.connections import EventHooks, RetryPolicy
from bot.backends.google.gcs_files import GcsFiles
from bot.backends.google.http import GoogleHttp
from bot.backends.profiles import GEMINI, PALM, VERTEX, with_base_models, with_gs_prefixes, with_tunings_at_once
from bot.backends.vertex.backend import ROLES as VERTEX_ROLES
from bot.backends.vertex.backend import VertexBackend
from bot.backends.vertex.resource_names import VertexHosts
from bot.backends.vertex.start_checks import PROJECTS_URL
from bot.domain.backend_profile import BackendProfile
from bot.ports.backends import TuningBackend
from bot.ports.diagnosis import Check
from bot.ports.files import FileReader

__all__ = [
    "PROFILES",
    "BackendOptions",
    "GcsFiles",
    "Google",
    "RetryPolicy",
    "build_backends",
    "build_gcs_files",
    "open_google",
]


@dataclass(frozen=True, slots=True)
class Google:
    """The backends by name, the default one first, the reader of `gs://` locations, and the checks of all."""

    backends: Mapping[str, TuningBackend]
    files: FileReader
    checks: Sequence[Check] = ()

    @property
    def profiles(self) -> dict[str, BackendProfile]:
        return {name: backend.profile for name, backend in self.backends.items()}


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """What the backends need to know of the settings; an empty text means Google's own default.

    `gs_prefixes` are the Cloud Storage addresses that people may name, see GcsFiles; `base_models` maps a
    backend's name to the ids offered instead of the built-in ones, `tunings_at_once` maps it to how many tunings
    run at the same time, instead of the built-in number.
    """

    project: str = ""
    location: str = "us-central1"
    bucket: str = ""
    access_token: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    quota_project: str = ""
    vertex_url: str = ""
    genai_url: str = ""
    storage_url: str = ""
    gs_prefixes: Sequence[str] = ()
    base_models: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tunings_at_once: Mapping[str, int] = field(default_factory=dict)
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    event_hooks: EventHooks = field(default_factory=dict, repr=False)

    def credentials(self) -> Credentials:
        """The token that was set, or else Application Default Credentials."""
        if self.access_token:
            return AccessToken(self.access_token, self.quota_project)
        return DefaultCredentials(self.quota_project)

    def storage(self, credentials: Credentials) -> CloudStorage:
        return CloudStorage(self.http(credentials, STORAGE_ROLES), self.storage_url)

    def http(self, credentials: Credentials, roles: str) -> GoogleHttp:
        return GoogleHttp(credentials, roles=roles, retry_policy=self.retry_policy, event_hooks=self.event_hooks)


def _vertex(profile: BackendProfile, options: BackendOptions, credentials: Credentials) -> TuningBackend:
    return VertexBackend(
        profile,
        options.http(credentials, VERTEX_ROLES),
        options.storage(credentials),
        project=options.project,
        location=options.location,
        bucket=options.bucket,
        hosts=VertexHosts(options.vertex_url),
        projects_url=options.vertex_url or PROJECTS_URL,
        account=credentials.account,
    )


def _gemini(profile: BackendProfile, options: BackendOptions, credentials: Credentials) -> TuningBackend:
    http = options.http(credentials, TUNED_MODEL_ROLES)
    return GeminiBackend(profile, http, options.genai_url, options.api_key)


def _palm(profile: BackendProfile, options: BackendOptions, credentials: Credentials) -> TuningBackend:
    http = options.http(credentials, TUNED_MODEL_ROLES)
    return PalmBackend(profile, http, options.genai_url)


_Build = Callable[[BackendProfile, BackendOptions, Credentials], TuningBackend]
_TABLE: Final[Mapping[str, tuple[BackendProfile, _Build]]] = {
    VERTEX.name: (VERTEX, _vertex),
    GEMINI.name: (GEMINI, _gemini),
    PALM.name: (PALM, _palm),
}
PROFILES: Final[Mapping[str, BackendProfile]] = {name: profile for name, (profile, _) in _TABLE.items()}


def build_backends(names: Sequence[str], options: BackendOptions) -> dict[str, TuningBackend]:
    """The backends of these names, in their order, sharing one set of credentials; each is closed by its `close`.

    Opens no connection and looks up no credentials yet. Raises KeyError for a name that is not in PROFILES.
    """
    credentials = options.credentials()
    return {name: _TABLE[name][1](_profile(name, options), options, credentials) for name in names}


def _profile(name: str, options: BackendOptions) -> BackendProfile:
    offered = with_base_models(_TABLE[name][0], options.base_models.get(name, ()))
    offered = with_gs_prefixes(offered, options.gs_prefixes)
    return with_tunings_at_once(offered, options.tunings_at_once.get(name))


def build_gcs_files(options: BackendOptions) -> GcsFiles:
    """The reader of `gs://` locations, with connections of its own; closed by its `close`."""
    return GcsFiles(options.storage(options.credentials()), options.gs_prefixes)


@asynccontextmanager
async def open_google(names: Sequence[str], options: BackendOptions) -> AsyncIterator[Google]:
    """Build the backends of these names and the file reader; their connections close after the block."""
    async with AsyncExitStack() as stack:
        backends = build_backends(names, options)
        for backend in backends.values():
            stack.push_async_callback(backend.close)
        files = build_gcs_files(options)
        stack.push_async_callback(files.close)
        checks = [credentials_check(options.credentials(), options.quota_project)]
        checks += [check for backend in backends.values() for check in backend.start_checks()]
        yield Google(backends, files, checks)

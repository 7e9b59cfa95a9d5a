"""The checks of what a start on Vertex AI needs: the API, the permission to tune, the bucket, the base models.

`VertexBackend.check_start` runs the first and the third of them before each start; `tunebot doctor` runs all. None
of them costs anything or changes anything.
Source: https://cloud.google.com/resource-manager/reference/rest/v1/projects/testIamPermissions and `get`;
https://cloud.google.com/storage/docs/json_api/v1/buckets/getIamPolicy;
google/cloud/aiplatform/v1/model_garden_service.proto, `GetPublisherModel`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from bot.backends.google.cloud_storage import CloudStorage
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import records, text
from bot.backends.vertex.resource_names import VertexHosts
from bot.errors import InvalidRequest, NotFoundAtGoogle, PermissionDenied
from bot.ports.diagnosis import Check, Diagnosis, failed, good, limited, unknown

PROJECTS_URL: Final = "https://cloudresourcemanager.googleapis.com"
# What the bot does at Vertex AI; the role Vertex AI User (roles/aiplatform.user) has all of them.
PERMISSIONS: Final = (
    "aiplatform.tuningJobs.create",
    "aiplatform.tuningJobs.cancel",
    "aiplatform.endpoints.predict",
    "aiplatform.endpoints.delete",
    "aiplatform.models.delete",
)
_BASE_MODELS_PAGE: Final = "https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning"
_SERVICE_AGENTS: Final = "gcp-sa-"
_READS_OBJECTS: Final = ("roles/storage.object", "roles/storage.legacyObject", "roles/storage.admin")


@dataclass(frozen=True, slots=True)
class VertexPlace:
    """Where the bot tunes; `account` returns the bot's Google account, empty where it is not known."""

    project: str
    location: str
    bucket: str
    base_models: Sequence[str]
    account: Callable[[], str]
    projects_url: str = PROJECTS_URL


class VertexStartChecks:
    """The checks of one place."""

    def __init__(self, http: GoogleHttp, storage: CloudStorage, hosts: VertexHosts, place: VertexPlace) -> None:
        self._http = http
        self._storage = storage
        self._hosts = hosts
        self._place = place

    def checks(self) -> list[Check]:
        """Return them, in the order in which they are run."""
        return [
            Check("google.vertex", "Vertex AI", self._api, needs="google.credentials"),
            Check("google.permission", "Permission to tune", self._permission, needs="google.vertex"),
            Check("google.bucket", "Bucket", self._bucket, needs="google.credentials"),
            Check("google.service_agent", "Vertex AI reads it", self._service_agent, needs="google.bucket"),
            Check("google.base_models", "Base models", self._base_models, needs="google.vertex"),
        ]

    async def check_api(self) -> None:
        """Raise GoogleError unless Vertex AI lists the tuning jobs of the project."""
        place = self._place
        parent = f"projects/{place.project}/locations/{place.location}"
        await self._http.read(self._hosts.url(f"{parent}/tuningJobs"), {"pageSize": 1})

    async def check_bucket(self) -> None:
        """Raise GoogleError unless the bucket is there, writable, and where Vertex AI tunes."""
        await self._storage.buckets.check(self._place.bucket, self._place.location)

    async def _api(self) -> Diagnosis:
        place = self._place
        try:
            await self.check_api()
        except PermissionDenied as error:
            if "switch this API on" in error.hint:
                return failed(error.message, self._enable("aiplatform.googleapis.com storage.googleapis.com"))
            return failed(error.message, self._grant_in_project())
        return good(f"Vertex AI answers for the project {place.project} in {place.location}.")

    async def _permission(self) -> Diagnosis:
        url = f"{self._place.projects_url}/v1/projects/{quote(self._place.project)}:testIamPermissions"
        try:
            found = await self._http.count(url, {"permissions": list(PERMISSIONS)})
        except (PermissionDenied, InvalidRequest, NotFoundAtGoogle) as error:
            # Google answers so where this API is switched off, which no tuning needs.
            return unknown(
                f"Google does not say what the account may do: {error.message}",
                self._enable("cloudresourcemanager.googleapis.com"),
            )
        granted = found.get("permissions") or ()
        if missing := [name for name in PERMISSIONS if name not in granted]:
            return failed(f"The bot's account lacks {', '.join(missing)}.", self._grant_in_project())
        return good("The bot's account may tune, ask and delete models.")

    async def _bucket(self) -> Diagnosis:
        place = self._place
        try:
            await self.check_bucket()
        except NotFoundAtGoogle as error:
            return failed(
                error.message,
                f"gcloud storage buckets create gs://{place.bucket} --project={place.project} "
                f"--location={place.location}",
            )
        except PermissionDenied as error:
            return failed(error.message, self._grant_on_bucket(self._member(), "roles/storage.objectAdmin"))
        except InvalidRequest as error:
            return failed(
                error.message,
                f"gcloud storage buckets create gs://{place.bucket}-{place.location} --project={place.project} "
                f"--location={place.location}\nThen set TUNEBOT_BUCKET={place.bucket}-{place.location}",
            )
        return good(f"gs://{place.bucket} is there, writable, and where Google tunes ({place.location}).")

    async def _service_agent(self) -> Diagnosis:
        """Compare the bucket's project with the bot's, and else look for the agent in the bucket's policy.

        In its own project the agent reads every bucket by its role:
        https://cloud.google.com/vertex-ai/docs/general/access-control#service-agents.
        """
        place = self._place
        try:
            number = text((await self._http.read(self._project_url())).get("projectNumber"))
        except (PermissionDenied, InvalidRequest, NotFoundAtGoogle):
            number = ""
        agent = f"service-{number or 'PROJECT-NUMBER'}@gcp-sa-aiplatform.iam.gserviceaccount.com"
        fix = self._grant_on_bucket(f"serviceAccount:{agent}", "roles/storage.objectViewer")
        if not number:
            return unknown("Google does not say the project's number, so this was not checked.", fix)
        try:
            owner = await self._storage.buckets.project_number(place.bucket)
            if owner == number:
                return good("The bucket is in the project itself, where Vertex AI's service agent reads it.")
            policy = await self._storage.buckets.policy(place.bucket)
        except (PermissionDenied, InvalidRequest, NotFoundAtGoogle):
            return unknown("The bot's account may not see who reads the bucket.", fix)
        for binding in records(policy.get("bindings")):
            named = [str(member) for member in binding.get("members") or ()]
            own = [name for name in named if f"service-{number}@{_SERVICE_AGENTS}" in name]
            if own and text(binding.get("role")).startswith(_READS_OBJECTS):
                return good(f"{own[0].partition(':')[2]} may read it.")
        return failed(
            "The bucket is in another project, and Vertex AI's service agent may not read it: each tuning would "
            "fail.",
            fix,
        )

    async def _base_models(self) -> Diagnosis:
        place = self._place
        found = await asyncio.gather(*(self._offered(name) for name in place.base_models))
        missing = [name for name, is_there in zip(place.base_models, found, strict=True) if not is_there]
        if missing:
            return limited(
                f"Google does not know {', '.join(missing)} in {place.location}.",
                f"Name other base models in TUNEBOT_BASE_MODELS: {_BASE_MODELS_PAGE}",
            )
        return good(f"Google knows {', '.join(place.base_models)}.")

    async def _offered(self, base_model: str) -> bool:
        base = self._hosts.base(self._place.location)
        try:
            await self._http.read(f"{base}/publishers/google/models/{quote(base_model, safe='')}")
        except NotFoundAtGoogle:
            return False
        return True

    def _project_url(self) -> str:
        return f"{self._place.projects_url}/v1/projects/{quote(self._place.project)}"

    def _member(self) -> str:
        return self._place.account() or "serviceAccount:THE-BOT'S-ACCOUNT"

    def _enable(self, services: str) -> str:
        return f"gcloud services enable {services} --project={self._place.project}"

    def _grant_in_project(self) -> str:
        return (
            f"gcloud projects add-iam-policy-binding {self._place.project} --role=roles/aiplatform.user "
            f"--member={self._member()}"
        )

    def _grant_on_bucket(self, member: str, role: str) -> str:
        bucket = self._place.bucket
        return f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --role={role} --member={member}"

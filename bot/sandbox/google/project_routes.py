"""What Google says of a project: its number and the account's permissions in it, and which base models it offers.

Source: the discovery documents cloudresourcemanager v1, revision 20261107, and aiplatform v1.
"""

import re
from dataclasses import dataclass, field

from aiohttp import web

from bot.sandbox.google.json_bodies import timestamp
from bot.sandbox.google.router import Call, Router, answer
from bot.sandbox.google.rpc_status import GoogleError, error_info, invalid, not_found
from bot.sandbox.google.service_limits import Limits
from bot.sandbox.google.vertex_jobs import SERVICE as VERTEX_SERVICE

SERVICE = "cloudresourcemanager.googleapis.com"
PROJECT = r"/v1/projects/(?P<project>[^/:]+)"


@dataclass(slots=True)
class ProjectRights:
    """What the account may do in the project; None means everything. `enabled` is whether this API is on."""

    permissions: frozenset[str] | None = None
    enabled: bool = True
    asked: list[str] = field(default_factory=list)


class ProjectRoutes:
    """projects get and testIamPermissions; publishers.models get."""

    def __init__(self, rights: ProjectRights, project: str, number: str, limits: Limits) -> None:
        self._rights = rights
        self._project = project
        self._number = number
        self._limits = limits

    def register(self, router: Router) -> None:
        """Bind v1."""
        router.add("GET", PROJECT, self.get_project, need="oauth", service=SERVICE)
        router.add("POST", PROJECT + ":testIamPermissions", self.test_permissions, need="oauth", service=SERVICE)
        published = r"/v1/publishers/google/models/(?P<model>[^/:]+)"
        router.add("GET", published, self.get_model, need="oauth", service=VERTEX_SERVICE)

    async def get_project(self, call: Call) -> web.Response:
        """Show the project."""
        self._check(call)
        return answer(
            {
                "projectNumber": self._number,
                "projectId": self._project,
                "lifecycleState": "ACTIVE",
                "name": self._project,
                "createTime": timestamp(0),
            }
        )

    async def test_permissions(self, call: Call) -> web.Response:
        """Answer which of the asked permissions the account has."""
        self._check(call)
        asked = (call.body or {}).get("permissions")
        if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
            raise invalid("Invalid value at 'permissions' (TYPE_STRING)", "permissions")
        if wrong := [name for name in asked if not re.fullmatch(r"[a-z]+(\.[A-Za-z]+){2}", name)]:
            raise invalid(f"Permission {wrong[0]} is not valid for this resource.", "permissions")
        self._rights.asked = asked
        held = self._rights.permissions
        granted = [name for name in asked if held is None or name in held]
        return answer({"permissions": granted} if granted else {})

    async def get_model(self, call: Call) -> web.Response:
        """Show a base model of Google's."""
        name = call.arguments["model"]
        if name not in self._limits.vertex_base_models:
            raise not_found(f"Publisher Model `publishers/google/models/{name}` is not found.")
        return answer({"name": f"publishers/google/models/{name}", "versionId": "default", "launchStage": "GA"})

    def _check(self, call: Call) -> None:
        if not self._rights.enabled:
            message = (
                f"Cloud Resource Manager API has not been used in project {self._number} before or it is disabled."
            )
            raise GoogleError(403, message, details=[error_info("SERVICE_DISABLED", service=SERVICE)])
        if call.arguments["project"] not in (self._project, self._number):
            raise GoogleError(403, "The caller does not have permission")

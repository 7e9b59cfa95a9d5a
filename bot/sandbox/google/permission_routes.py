"""The rights to one tuned model of the Gemini API and the PaLM API.

Source: google/ai/generativelanguage/{v1beta3,v1beta}/permission_service.proto and permission.proto.
"""

from typing import Any

from aiohttp import web

from bot.sandbox.google.generative_routes import MODEL, VERSIONS
from bot.sandbox.google.router import Call, Router, answer, page, whole_number
from bot.sandbox.google.rpc_status import GoogleError, invalid, not_found
from bot.sandbox.google.tuned_models import TunedModels

GRANTEES = ("USER", "GROUP", "EVERYONE")
ROLES = ("OWNER", "WRITER", "READER")
FIELDS = {"name", "granteeType", "emailAddress", "role"}


class PermissionRoutes:
    """tunedModels.permissions create, list, delete."""

    def __init__(self, models: TunedModels) -> None:
        self._models = models
        self._held: dict[str, list[dict[str, str]]] = {}
        self._made = 0

    def register(self, router: Router) -> None:
        """Bind v1beta3 and v1beta."""
        of_model = r"/(?P<version>v1beta3|v1beta)/" + MODEL + "/permissions"
        router.add("POST", of_model, self.create, need="oauth")
        router.add("GET", of_model, self.list_permissions, need="oauth", query={"pageSize", "pageToken"})
        router.add("DELETE", of_model + r"/(?P<permission>[^/:]+)", self.delete, need="oauth")

    def held(self, model: str) -> list[dict[str, str]]:
        """Return the permissions of a model, oldest first."""
        return self._held.setdefault(model, [])

    async def create(self, call: Call) -> web.Response:
        """Give a right; one grantee has one permission."""
        model, body = self._model(call), call.body or {}
        if unknown := body.keys() - FIELDS:
            raise invalid(f'Invalid JSON payload received. Unknown name "{min(unknown)}"', "permission")
        kind, address = body.get("granteeType"), body.get("emailAddress", "")
        if kind not in GRANTEES or body.get("role") not in ROLES:
            raise invalid("granteeType and role are required.", "permission")
        if (kind == "EVERYONE") is bool(address):
            raise invalid(
                "email_address is for a user or a group, and not for everyone.", "permission.email_address"
            )
        if any(each.get("emailAddress", "") == address for each in self.held(model)):
            raise GoogleError(409, "Permission already exists.")
        self._made += 1
        made = {"name": f"{model}/permissions/{self._made}", "granteeType": kind, "role": body["role"]}
        made |= {"emailAddress": address} if address else {}
        self.held(model).append(made)
        return answer(made)

    async def list_permissions(self, call: Call) -> web.Response:
        """List the rights to a model."""
        size = whole_number(call.query, "pageSize", 10, 1000)
        newest_first = self.held(self._model(call))[::-1]
        shown, token = page(newest_first, _number, size, call.query.get("pageToken", ""))
        content: dict[str, Any] = {"permissions": shown} if shown else {}
        return answer(content | ({"nextPageToken": token} if token else {}))

    async def delete(self, call: Call) -> web.Response:
        """Take a right back."""
        model = self._model(call)
        wanted = f"{model}/permissions/{call.arguments['permission']}"
        for each in self.held(model):
            if each["name"] == wanted:
                self.held(model).remove(each)
                return answer({})
        raise not_found(f"Permission {wanted} does not exist.")

    def _model(self, call: Call) -> str:
        return self._models.find(VERSIONS[call.arguments["version"]], call.arguments["name"]).name


def _number(permission: dict[str, str]) -> int:
    return int(permission["name"].rpartition("/")[2])

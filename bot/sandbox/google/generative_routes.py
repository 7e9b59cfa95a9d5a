"""Paths of the Gemini API and the PaLM API for tuned models, their operations and the rights to them.

Source: google/ai/generativelanguage/{v1beta3,v1beta}, model_service.proto and permission_service.proto.
"""

from aiohttp import web

from bot.sandbox.google.fault_injection import Faults
from bot.sandbox.google.router import Call, Router, answer, list_answer
from bot.sandbox.google.rpc_status import GoogleError, invalid, not_found
from bot.sandbox.google.tuned_models import TunedModel, TunedModels

VERSIONS = {"v1beta3": "palm", "v1beta": "gemini"}
GRANTEES = ("USER", "GROUP", "EVERYONE")
ROLES = ("OWNER", "WRITER", "READER")
FIELDS = {"name", "granteeType", "emailAddress", "role"}
MODEL = r"(?P<name>tunedModels/[^/:]+)"
OPERATION = r"(?P<name>tunedModels/[^/:]+/operations/[^/:]+)"


class TunedModelRoutes:
    """tunedModels create, get, list, delete, and operations get, list, cancel."""

    def __init__(self, models: TunedModels, faults: Faults) -> None:
        self._models = models
        self._faults = faults

    def register(self, router: Router) -> None:
        """Bind v1beta3, v1beta and, for operations, v1."""
        version = r"/(?P<version>v1beta3|v1beta)/"
        listing = {"pageSize", "pageToken"}
        router.add("POST", version + "tunedModels", self.create, need="oauth", query={"tunedModelId"})
        router.add("GET", version + "tunedModels", self.list_models, need="key", query=listing)
        router.add("GET", version + MODEL, self.get, need="key")
        router.add("DELETE", version + MODEL, self.delete, need="oauth")
        router.add("GET", "/v1(beta)?/" + OPERATION, self.get_operation, need="key")
        router.add(
            "GET",
            "/v1(beta)?/" + MODEL + "/operations",
            self.list_operations,
            need="key",
            query=listing | {"filter"},
        )
        router.add("POST", "/v1/" + OPERATION + ":cancel", self.cancel_operation, need="oauth")

    async def create(self, call: Call) -> web.Response:
        """Start tuning; the answer is the operation."""
        model = self._models.create(_system(call), call.body, call.query.get("tunedModelId", ""))
        return answer(model.operation_view())

    async def list_models(self, call: Call) -> web.Response:
        """List tuned models, newest first."""
        models = self._models.listed(_system(call))
        return list_answer(
            call, "tunedModels", models, lambda model: model.number, TunedModel.view, size=10, largest=1000
        )

    async def get(self, call: Call) -> web.Response:
        """Show one tuned model."""
        return answer(self._models.find(_system(call), call.arguments["name"]).view())

    async def delete(self, call: Call) -> web.Response:
        """Delete a tuned model and with it its operation."""
        self._models.delete(self._models.find(_system(call), call.arguments["name"]))
        return answer({})

    async def get_operation(self, call: Call) -> web.Response:
        """Show how the tuning goes."""
        return answer(self._operation(call).operation_view())

    async def list_operations(self, call: Call) -> web.Response:
        """List the operations of a tuned model: the one that made it."""
        name = call.arguments["name"]
        found = [
            model
            for system in VERSIONS.values()
            for model in self._models.listed(system)
            if model.name == name and not self._faults.has_lost(model.operation)
        ]
        return answer({"operations": [model.operation_view() for model in found]} if found else {})

    async def cancel_operation(self, call: Call) -> web.Response:
        """Ask for the end of a tuning; one that has ended stays as it is."""
        model = self._operation(call)
        if model.job.phase not in ("succeeded", "failed", "cancelled"):
            model.job.cancel()
        return answer({})

    def _operation(self, call: Call) -> TunedModel:
        name = call.arguments["name"]
        if self._faults.has_lost(name):
            raise not_found(f"Operation {name} not found.")
        return self._models.of_operation(name)


def _system(call: Call) -> str:
    return VERSIONS[call.arguments["version"]]


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
        newest_first = self.held(self._model(call))[::-1]
        return list_answer(call, "permissions", newest_first, _number, dict, size=10, largest=1000)

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

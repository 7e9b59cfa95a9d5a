"""Who may use a tuned model of the Gemini API or the PaLM API: its permissions and its owner."""

from aiohttp import web

from bot.sandbox.google.generative_routes import MODEL, VERSIONS
from bot.sandbox.google.json_bodies import decode, encode
from bot.sandbox.google.router import Call, Router, answer
from bot.sandbox.google.status import invalid, not_found
from bot.sandbox.google.tuned_models import TunedModel, TunedModels


class PermissionRoutes:
    """permissions create, get, list, patch, delete, and transferOwnership."""

    def __init__(self, models: TunedModels) -> None:
        self._models = models

    def register(self, router: Router) -> None:
        """Bind both versions."""
        base = r"/(?P<version>v1beta3|v1beta)/" + MODEL
        one = base + r"/permissions/(?P<permission>[^/:]+)"
        router.add("POST", base + "/permissions", self.create, need="oauth")
        router.add(
            "GET", base + "/permissions", self.list_permissions, need="oauth", query={"pageSize", "pageToken"}
        )
        router.add("GET", one, self.get, need="oauth")
        router.add("PATCH", one, self.patch, need="oauth", query={"updateMask"})
        router.add("DELETE", one, self.delete, need="oauth")
        router.add("POST", base + ":transferOwnership", self.transfer, need="oauth")

    async def create(self, call: Call) -> web.Response:
        """Grant a role to a user, a group or everyone."""
        model = self._model(call)
        asked = decode(model.schema, "Permission", call.body or {}, "permission")
        grantee = asked.get("granteeType", "GRANTEE_TYPE_UNSPECIFIED")
        if asked.get("role") not in ("READER", "WRITER"):
            raise invalid("role must be READER or WRITER.", "permission.role")
        if grantee == "GRANTEE_TYPE_UNSPECIFIED":
            raise invalid("grantee_type must be specified.", "permission.grantee_type")
        if (grantee == "EVERYONE") == bool(asked.get("emailAddress")):
            raise invalid(
                "email_address must be set for USER and GROUP, and only for them.", "permission.email_address"
            )
        permission = {**asked, "name": f"{model.name}/permissions/{self._models.letters(12)}"}
        model.permissions.append(permission)
        return answer(encode(model.schema, "Permission", permission))

    async def list_permissions(self, call: Call) -> web.Response:
        """List all permissions, the owner's first."""
        model = self._model(call)
        return answer(encode(model.schema, "ListPermissionsResponse", {"permissions": model.permissions}))

    async def get(self, call: Call) -> web.Response:
        """Show one permission."""
        model = self._model(call)
        return answer(encode(model.schema, "Permission", self._permission(model, call)))

    async def patch(self, call: Call) -> web.Response:
        """Change a role."""
        model = self._model(call)
        permission = self._permission(model, call)
        asked = decode(model.schema, "Permission", call.body or {}, "permission")
        if permission["role"] == "OWNER" or asked.get("role") not in ("READER", "WRITER"):
            raise invalid("role must be READER or WRITER, and an owner stays one.", "permission.role")
        permission["role"] = asked["role"]
        return answer(encode(model.schema, "Permission", permission))

    async def delete(self, call: Call) -> web.Response:
        """Take a role back; an owner's can only be transferred."""
        model = self._model(call)
        permission = self._permission(model, call)
        if permission["role"] == "OWNER":
            raise invalid("The owner's permission cannot be deleted.", "name")
        model.permissions.remove(permission)
        return answer({})

    async def transfer(self, call: Call) -> web.Response:
        """Make somebody else the owner; the former one stays as a writer."""
        model = self._model(call)
        asked = decode(model.schema, "TransferOwnershipRequest", call.body or {})
        email = asked.get("emailAddress")
        if not email:
            raise invalid("email_address must be specified.", "email_address")
        for permission in model.permissions:
            if permission["role"] == "OWNER":
                permission["role"] = "WRITER"
        model.permissions = [one for one in model.permissions if one.get("emailAddress") != email]
        model.permissions.insert(
            0,
            {
                "name": f"{model.name}/permissions/{self._models.letters(12)}",
                "granteeType": "USER",
                "emailAddress": email,
                "role": "OWNER",
            },
        )
        return answer({})

    def _model(self, call: Call) -> TunedModel:
        return self._models.find(VERSIONS[call.arguments["version"]], call.arguments["name"])

    @staticmethod
    def _permission(model: TunedModel, call: Call) -> dict[str, str]:
        name = f"{model.name}/permissions/{call.arguments['permission']}"
        for permission in model.permissions:
            if permission["name"] == name:
                return permission
        raise not_found(f"Permission {name} does not exist.")

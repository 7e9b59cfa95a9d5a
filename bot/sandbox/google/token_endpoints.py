"""The places where google-auth fetches tokens: OAuth, the security token service, the metadata server."""

import base64
import binascii
import json
from collections.abc import Mapping

from aiohttp import web

from bot.sandbox.google.credentials import ACCOUNT, Credentials
from bot.sandbox.google.router import Call, Router

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  The name of a grant.
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
METADATA = "/computeMetadata/v1"
SERVICE_ACCOUNT = rf"{METADATA}/instance/service-accounts/(?P<account>default|{ACCOUNT})"


class TokenRoutes:
    """Answers for `/token`, `/v1/token` and the metadata server's paths."""

    def __init__(self, credentials: Credentials, project: str, project_number: str) -> None:
        self._credentials = credentials
        self._project = project
        self._number = project_number

    def register(self, router: Router) -> None:
        """Bind the paths; none of them asks for a token."""
        router.add("POST", r"/token", self.token, need="open", body="form")
        router.add("POST", r"/v1/token", self.token, need="open", body="form")
        router.add("GET", r"/", self.metadata_root, need="open")
        router.add("GET", rf"{METADATA}/?", self.metadata_root, need="open", query=None)
        router.add("GET", rf"{SERVICE_ACCOUNT}/token", self.metadata_token, need="open", query=None)
        router.add("GET", rf"{SERVICE_ACCOUNT}/", self.metadata_account, need="open", query=None)
        router.add(
            "GET",
            rf"{METADATA}/project/(?P<what>project-id|numeric-project-id)",
            self.metadata_project,
            need="open",
        )
        router.add("GET", rf"{METADATA}/universe/universe-domain", self.metadata_universe, need="open")

    async def token(self, call: Call) -> web.Response:
        """Exchange a signed assertion, a refresh token or a foreign token for an access token."""
        form = {name: str(value) for name, value in (await call.request.post()).items()}
        problem = self._refusal(form)
        if problem is not None:
            error, description = problem
            return web.json_response({"error": error, "error_description": description}, status=400)
        granted: dict[str, object] = {
            "access_token": self._credentials.issue(),
            "expires_in": int(self._credentials.lifetime),
            "token_type": "Bearer",
        }
        if form["grant_type"] == TOKEN_EXCHANGE:
            granted |= {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
        else:
            granted["scope"] = form.get("scope", SCOPE)
        return web.json_response(granted)

    def _refusal(self, form: Mapping[str, str]) -> tuple[str, str] | None:
        if self._credentials.refuse_refresh:
            return "invalid_grant", "Token has been expired or revoked."
        match form.get("grant_type"):
            case "refresh_token":
                if form.get("refresh_token") != self._credentials.refresh_token:
                    return "invalid_grant", "Bad Request"
                if not form.get("client_id") or not form.get("client_secret"):
                    return "invalid_client", "The OAuth client was not found."
            case grant if grant == JWT_BEARER:
                return _assertion_problem(form.get("assertion", ""))
            case grant if grant == TOKEN_EXCHANGE:
                if not form.get("subject_token") or not form.get("audience"):
                    return "invalid_request", "subject_token and audience are required."
            case other:
                return "unsupported_grant_type", f"Invalid grant_type: {other}"
        return None

    async def metadata_root(self, call: Call) -> web.Response:
        """Say that this is a metadata server: google-auth looks for the header before anything else."""
        return self._metadata(web.Response(text="computeMetadata/\n"))

    async def metadata_token(self, call: Call) -> web.Response:
        """Give the machine's own access token."""
        return self._flavored(
            call,
            {
                "access_token": self._credentials.issue(),
                "expires_in": int(self._credentials.lifetime),
                "token_type": "Bearer",
            },
        )

    async def metadata_account(self, call: Call) -> web.Response:
        """Describe the machine's service account."""
        return self._flavored(call, {"aliases": ["default"], "email": ACCOUNT, "scopes": [SCOPE]})

    async def metadata_project(self, call: Call) -> web.Response:
        """Name the project by id or by number."""
        known = {"project-id": self._project, "numeric-project-id": self._number}
        return self._flavored(call, known[call.arguments["what"]])

    async def metadata_universe(self, call: Call) -> web.Response:
        """Name the universe: the public cloud."""
        return self._flavored(call, "googleapis.com")

    def _flavored(self, call: Call, content: object) -> web.Response:
        if call.request.headers.get("Metadata-Flavor") != "Google":
            return self._metadata(web.Response(status=403, text="Missing Metadata-Flavor:Google header."))
        if isinstance(content, str):
            return self._metadata(web.Response(text=content, content_type="application/text"))
        return self._metadata(web.json_response(content))

    @staticmethod
    def _metadata(response: web.Response) -> web.Response:
        response.headers["Metadata-Flavor"] = "Google"
        return response


def _assertion_problem(assertion: str) -> tuple[str, str] | None:
    """Judge the shape of a JWT assertion: three parts, RS256, issuer, audience and times."""
    parts = assertion.split(".")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
    except (ValueError, binascii.Error):
        return "invalid_grant", "Invalid JWT: Failed to parse."
    if len(parts) != 3 or not parts[2] or header.get("alg") != "RS256":
        return "invalid_grant", "Invalid JWT Signature."
    if missing := [name for name in ("iss", "aud", "iat", "exp") if name not in claims]:
        return "invalid_grant", f"Invalid JWT: missing {', '.join(missing)}."
    if not claims["iat"] < claims["exp"] <= claims["iat"] + 3600:
        return "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)."
    if not claims.get("scope"):
        return "invalid_scope", "Invalid OAuth scope or ID token audience provided."
    return None

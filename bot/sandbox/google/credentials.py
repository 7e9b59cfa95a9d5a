"""Who may call: access tokens, one API key, and the key file that google-auth loads.

Every token is one that this stand-in gave out and that has not run out. Signatures are not checked, since the
stand-in has no register of keys; everything else about a request for a token is.
"""

import json
import secrets
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.sandbox.google.rpc_status import USUAL_MESSAGES, GoogleError, error_info

NO_CREDENTIAL = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
    "other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)
NO_IDENTITY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
    "other form of API consumer identity to call this API."
)
NO_KEYS = (
    "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials "
    "that assert a principal. See https://cloud.google.com/docs/authentication"
)
ACCOUNT = "tunebot@sandbox-project.iam.gserviceaccount.com"


class Credentials:
    """The tokens and the key that this stand-in accepts.

    `lifetime` is what new tokens live for, in seconds; `refuse_refresh` makes the token endpoint answer
    `invalid_grant`, as it does for a revoked account. `refresh_token` is a user's; google-auth sends it to Google
    whatever `token_uri` a user's file names, so only credentials built in code can bring it here.
    """

    def __init__(self, clock: Callable[[], float], project: str) -> None:
        self._clock = clock
        self._project = project
        self._expiries: dict[str, float] = {}
        self.api_key = "AIzaSandbox" + secrets.token_hex(14)
        self.refresh_token = "1//sandbox-" + secrets.token_hex(16)
        self.lifetime = 3600.0
        self.refuse_refresh = False
        self.issued = 0

    def issue(self, lifetime: float | None = None) -> str:
        """Give out an access token that lives for `lifetime` seconds."""
        token = "ya29.sandbox-" + secrets.token_hex(20)
        self._expiries[token] = self._clock() + (self.lifetime if lifetime is None else lifetime)
        self.issued += 1
        return token

    def expire_all(self) -> None:
        """Let every token given out so far run out now."""
        now = self._clock()
        self._expiries = dict.fromkeys(self._expiries, now)

    def check(self, request: web.Request, need: str, service: str) -> None:
        """Let a request pass or raise Google's 400, 401 or 403.

        `need` is `oauth`, `key` (a key or a token), `storage` (a token, or nothing at all, as Google's client
        calls an emulator) or `open`.
        """
        if need == "open":
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        key = request.headers.get("x-goog-api-key") or request.query.get("key")
        if scheme:
            if scheme.lower() != "bearer" or self._expiries.get(token, 0.0) <= self._clock():
                raise self._unauthenticated(USUAL_MESSAGES[401], "ACCESS_TOKEN_EXPIRED", service)
        elif key:
            if need != "key":
                raise self._unauthenticated(NO_KEYS, "CREDENTIALS_MISSING", service)
            if not secrets.compare_digest(key, self.api_key):
                raise GoogleError(
                    400,
                    "API key not valid. Please pass a valid API key.",
                    details=[error_info("API_KEY_INVALID", service=service)],
                )
        elif need == "key":
            raise GoogleError(403, NO_IDENTITY)
        elif need == "oauth":
            raise self._unauthenticated(NO_CREDENTIAL, "CREDENTIALS_MISSING", service)

    def service_account_file(self, directory: Path, base_url: str) -> Path:
        """Write a service-account key file whose token endpoint is this stand-in."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = directory / "service-account.json"
        path.touch(mode=0o600)
        content = {
            "type": "service_account",
            "project_id": self._project,
            "private_key_id": secrets.token_hex(20),
            "private_key": pem.decode(),
            "client_email": ACCOUNT,
            "client_id": "104729104729104729104",
            "token_uri": f"{base_url}/token",
            "universe_domain": "googleapis.com",
        }
        path.write_text(json.dumps(content, indent=2))
        return path

    @staticmethod
    def _unauthenticated(message: str, reason: str, service: str) -> GoogleError:
        return GoogleError(
            401,
            message,
            details=[error_info(reason, service=service)],
            headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'},
        )

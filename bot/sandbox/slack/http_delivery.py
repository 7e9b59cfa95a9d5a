"""HTTP mode: signed requests to the app's own address, as Slack's servers send them."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

import aiohttp

from bot.sandbox.slack.delivery import DeliveryFailed
from bot.sandbox.slack.records import Delivery, Json
from bot.sandbox.slack.slack_app import SlackApp
from bot.sandbox.slack.workspace import SlackWorkspace

_USER_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
_REASONS = {"timeout": "http_timeout", "no_connection": "connection_failed"}


class HttpDelivery:
    """Posts payloads to one URL for events, commands and interactions alike."""

    name = "http"

    def __init__(self, url: str, workspace: SlackWorkspace, app: SlackApp) -> None:
        self.url = url
        self._workspace = workspace
        self._app = app
        self._session = aiohttp.ClientSession()

    async def hand_over(self, delivery: Delivery, retry_num: int, retry_reason: str) -> Json:
        """Post one payload; a 2xx answer is the acknowledgement, its body the reply."""
        body, content_type = encoded(delivery)
        headers = self.signed(body) | {"Content-Type": content_type}
        if retry_num:
            headers["X-Slack-Retry-Num"] = str(retry_num)
            headers["X-Slack-Retry-Reason"] = _REASONS.get(retry_reason, "http_error")
        try:
            async with self._session.post(self.url, data=body, headers=headers, allow_redirects=False) as answer:
                text = await answer.text()
                if not 200 <= answer.status < 300:
                    no_retry = answer.headers.get("X-Slack-No-Retry") == "1"
                    raise DeliveryFailed("error", f"http_status_{answer.status}", retry=not no_retry)
                return _reply(text)
        except aiohttp.ClientConnectorError as error:
            raise DeliveryFailed("no_connection") from error
        except aiohttp.ClientError as error:
            raise DeliveryFailed("error", "connection_failed") from error

    def signed(self, body: str, *, timestamp: int | None = None) -> dict[str, str]:
        """Return the headers that prove a body to be Slack's: v0 HMAC over timestamp and body."""
        stamp = str(int(self._workspace.now()) if timestamp is None else timestamp)
        digest = hmac.new(self._app.signing_secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
        return {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest.hexdigest()}",
            "User-Agent": _USER_AGENT,
        }

    async def verify_url(self) -> bool:
        """Send the challenge by which Slack checks an events address, and tell whether it came back."""
        challenge = self._workspace.new_id("challenge")
        payload = {"token": self._app.verification_token, "challenge": challenge, "type": "url_verification"}
        body = json.dumps(payload)
        headers = self.signed(body) | {"Content-Type": "application/json"}
        async with self._session.post(self.url, data=body, headers=headers) as answer:
            return answer.status == 200 and challenge in await answer.text()

    async def close(self) -> None:
        """Let go of the client's connections."""
        await self._session.close()


def encoded(delivery: Delivery) -> tuple[str, str]:
    """Return a payload's body and content type: JSON for events, a form for everything else."""
    if delivery.envelope_type == "events_api":
        return json.dumps(delivery.payload), "application/json"
    form = "application/x-www-form-urlencoded"
    if delivery.envelope_type == "slash_commands":
        return urlencode(delivery.payload), form
    return urlencode({"payload": json.dumps(delivery.payload)}), form


def _reply(text: str) -> Json:
    """Return an acknowledgement's content; plain words are a command's answer."""
    if not text:
        return {}
    try:
        reply = json.loads(text)
    except ValueError:
        return {"text": text}
    return reply if isinstance(reply, dict) else {"text": text}

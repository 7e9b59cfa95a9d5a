"""Delivers payloads to the app over Socket Mode or HTTP, and repeats events as Slack does.

Source: https://docs.slack.dev/apis/events-api/ (three seconds to acknowledge, three retries) and
https://docs.slack.dev/authentication/verifying-requests-from-slack/ (the signature).
"""

import asyncio
import dataclasses
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp

from bot.sandbox.slack.records import Attempt, Delivery, Json
from bot.sandbox.slack.slack_app import SlackApp
from bot.sandbox.slack.slack_faults import Faults
from bot.sandbox.slack.workspace import WAIT_SECONDS, SlackWorkspace

ACK_SECONDS = 3.0
RETRY_DELAYS = (0.0, 60.0, 300.0)


class DeliveryFailed(Exception):
    """One attempt failed; `outcome` is ``error`` or ``no_connection``."""

    def __init__(self, outcome: str, detail: str = "", *, retry: bool = True) -> None:
        super().__init__(detail or outcome)
        self.outcome = outcome
        self.detail = detail
        self.retry = retry


class Transport(Protocol):
    """Socket Mode or HTTP."""

    name: str

    async def hand_over(self, delivery: Delivery, retry_num: int, retry_reason: str) -> Json:
        """Send one payload and return what came back with its acknowledgement."""


class Deliveries:
    """All deliveries to the app; `ack_seconds` and `retry_delays` may be shortened in tests."""

    def __init__(self, workspace: SlackWorkspace, faults: Faults) -> None:
        self.ack_seconds = ACK_SECONDS
        self.retry_delays: Sequence[float] = RETRY_DELAYS
        self.transport: Transport | None = None
        self._workspace = workspace
        self._faults = faults
        self._tasks: set[asyncio.Task[Any]] = set()
        self._resting: set[asyncio.Task[Any]] = set()

    def send_event(self, payload: Json) -> Delivery:
        """Deliver an event in the background, repeated until it is acknowledged or no retry is left."""
        delivery = self._new("events_api", payload)
        self._spawn(self._with_retries(delivery))
        return delivery

    async def interact(self, envelope_type: str, payload: Json) -> Delivery:
        """Deliver a command or an interaction once and return it with its acknowledgement, if any."""
        delivery = self._new(envelope_type, payload)
        await self._attempt(delivery, 0, "")
        return delivery

    async def settle(self, within: float = WAIT_SECONDS) -> None:
        """Wait until all deliveries have ended; a retry that is a second or more away does not count."""
        await self._workspace.wait_for(
            lambda: None if self._tasks - self._resting else True, within, what="quiet on the wires"
        )

    async def close(self) -> None:
        """Cancel all deliveries."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _new(self, envelope_type: str, payload: Json) -> Delivery:
        delivery = Delivery(envelope_type, payload, secrets.token_hex(16))
        self._workspace.deliveries.append(delivery)
        if self._faults.take_duplicate():
            twin = dataclasses.replace(delivery, envelope_id=secrets.token_hex(16), attempts=[])
            self._workspace.deliveries.append(twin)
            self._spawn(self._attempt(twin, 0, ""))
        return delivery

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._workspace.changed()

    async def _rest(self, seconds: float) -> None:
        """Sleep until a retry is due."""
        task = asyncio.current_task()
        assert task is not None
        if seconds >= 1:
            self._resting.add(task)
            self._workspace.changed()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._resting.discard(task)

    async def _with_retries(self, delivery: Delivery) -> None:
        reason = ""
        for retry_num, delay in enumerate((0.0, *self.retry_delays)):
            if retry_num:
                await self._rest(delay)
            attempt = await self._attempt(delivery, retry_num, reason)
            if attempt.outcome in ("acked", "refused"):
                return
            reason = "timeout" if attempt.outcome == "timeout" else attempt.detail or attempt.outcome

    async def _attempt(self, delivery: Delivery, retry_num: int, reason: str) -> Attempt:
        await self._faults.gate()
        transport = self.transport
        assert transport is not None, "the server sets the transport before anybody can act"
        attempt = Attempt(retry_num, transport.name)
        delivery.attempts.append(attempt)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.ack_seconds):
                delivery.ack = await transport.hand_over(delivery, retry_num, reason)
            attempt.outcome = "acked"
        except TimeoutError:
            attempt.outcome = "timeout"
        except DeliveryFailed as failure:
            attempt.outcome = failure.outcome if failure.retry else "refused"
            attempt.detail = failure.detail
        finally:
            attempt.seconds = time.perf_counter() - started
        self._workspace.changed()
        return attempt


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

"""Hands payloads to the app over whichever transport it uses, as often as Slack would."""

import asyncio
import dataclasses
import secrets
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.records import Attempt, Delivery, Json
from bot.sandbox.slack.workspace import SlackWorkspace

ACK_SECONDS = 3.0
RETRY_DELAYS = (0.0, 60.0, 300.0)


class DeliveryFailed(Exception):
    """One attempt came to nothing; `outcome` is ``error`` or ``no_connection``."""

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
    """Everything on its way to the app; `ack_seconds` and `retry_delays` may be shortened in tests."""

    def __init__(self, workspace: SlackWorkspace, faults: Faults) -> None:
        self.ack_seconds = ACK_SECONDS
        self.retry_delays: Sequence[float] = RETRY_DELAYS
        self.transport: Transport | None = None
        self._workspace = workspace
        self._faults = faults
        self._tasks: set[asyncio.Task[Any]] = set()
        self._resting: set[asyncio.Task[Any]] = set()

    def send_event(self, payload: Json) -> Delivery:
        """Deliver an event in the background, repeated until it is acknowledged or given up."""
        delivery = self._new("events_api", payload)
        self._spawn(self._with_retries(delivery))
        return delivery

    async def interact(self, envelope_type: str, payload: Json) -> Delivery:
        """Deliver a command or an interaction once and return it with its acknowledgement, if any."""
        delivery = self._new(envelope_type, payload)
        await self._attempt(delivery, 0, "")
        return delivery

    async def settle(self, within: float = 10.0) -> None:
        """Wait until nothing is on its way; a retry that is a second or more away does not count."""
        await self._workspace.wait_for(
            lambda: None if self._tasks - self._resting else True, within, what="quiet on the wires"
        )

    async def close(self) -> None:
        """Give up what is on its way."""
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
        attempt = Attempt(self._workspace.now(), retry_num, transport.name)
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

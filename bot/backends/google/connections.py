"""Keeps the connections to Google, and decides how long the bot waits for an answer and how often it asks again.

There is one pool of connections for each kind of request, so that none waits for another kind: with one pool for
all, five hundred questions to a slow model would occupy every connection, and the polls, the cancellations and the
starts of paid jobs would wait behind them.
"""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

import httpx
import stamina

from bot.domain.backoff import Backoff
from bot.errors import GoogleError

Result = TypeVar("Result")

# httpx's event hooks: what it calls with each request (`request`) and with each response (`response`); `error` is
# ours, and is called with a request that got no answer.
# Source: https://www.python-httpx.org/advanced/event-hooks/
EventHooks = Mapping[str, Sequence[Callable[..., Awaitable[None]]]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds to wait: for one answer, between two attempts of a request, and for all attempts together."""

    answer: float = 30.0
    generation: float = 120.0
    connect: float = 10.0
    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    all_attempts: float = 45.0

    async def wait(self, attempts: int) -> None:
        """Wait before the next attempt of an upload or download that failed `attempts` times in a row."""
        await asyncio.sleep(Backoff(self.first_wait).pause(attempts - 1, self.longest_wait))

    async def run(self, once: Callable[[], Awaitable[Result]], call: str) -> Result:
        """Call `once` until it returns or raises an error that is not a RetryableError.

        `call` is its name in the log of retries: ``METHOD /path``, or some words.

        Raises that error, or the one inside the last RetryableError.
        """

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, RetryableError):
                return False
            if error.wait is None:
                return True
            # Google says how long to wait. Where that is longer than all attempts may take, we do not try again.
            return error.wait if error.wait <= self.all_attempts else False

        attempts = stamina.retry_context(
            on=wait,
            attempts=self.attempts,
            timeout=self.all_attempts,
            wait_initial=self.first_wait,
            wait_max=self.longest_wait,
            wait_jitter=self.first_wait,
        ).with_name(call, (), {})
        try:
            async for attempt in attempts:
                with attempt:
                    return await once()
        except RetryableError as error:
            raise error.error from error.__cause__
        raise AssertionError("stamina ends with a result or an error")


class RetryableError(Exception):
    """Carries an error after which the request may be sent again, and how many seconds Google asks to wait."""

    def __init__(self, error: GoogleError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Pool(StrEnum):
    """The kinds of requests, each of which has connections of its own."""

    QUESTIONS = "questions"  # a model answers, which may take minutes
    READS = "reads"  # polls, lists and other reads
    STARTS = "starts"  # creates, which cost money
    CHANGES = "changes"  # cancellations and deletions
    FILES = "files"  # uploads and downloads


# The most connections of each pool; httpx's own default is 100 for all kinds together.
CONNECTIONS: Final[Mapping[Pool, int]] = {
    Pool.QUESTIONS: 64,
    Pool.READS: 32,
    Pool.STARTS: 16,
    Pool.CHANGES: 16,
    Pool.FILES: 32,
}
# So many idle connections stay open; they are closed after httpx's default of five seconds.
_IDLE: Final = 16


class Connections:
    """One httpx client for each pool, made at its first use; all are closed by `close`.

    `transport` replaces the network.
    """

    def __init__(
        self,
        retry_policy: RetryPolicy,
        event_hooks: EventHooks | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retry_policy = retry_policy
        given = {name: list(hooks) for name, hooks in (event_hooks or {}).items()}
        # httpx has no hook for a request without an answer.
        self._error_hooks = given.pop("error", [])
        self._event_hooks = given
        self._transport = transport
        self._clients: dict[Pool, httpx.AsyncClient] = {}

    def client(self, pool: Pool) -> httpx.AsyncClient:
        """Return the client of this pool. It honours HTTPS_PROXY and NO_PROXY and follows no redirect."""
        if (client := self._clients.get(pool)) is None:
            client = self._clients[pool] = httpx.AsyncClient(
                timeout=httpx.Timeout(self._retry_policy.answer, connect=self._retry_policy.connect),
                limits=httpx.Limits(max_connections=CONNECTIONS[pool], max_keepalive_connections=_IDLE),
                follow_redirects=False,
                headers={"user-agent": "tunebot"},
                event_hooks=self._event_hooks,
                verify=_tls_context(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", "")),
                transport=self._transport,
            )
        return client

    async def note_error(self, error: httpx.RequestError | httpx.InvalidURL) -> None:
        """Call the hooks named `error` with the request that got no answer."""
        try:
            request = error.request if isinstance(error, httpx.RequestError) else None
        except RuntimeError:  # It failed before there was a request.
            request = None
        if request is not None:
            for hook in self._error_hooks:
                await hook(request)

    async def close(self) -> None:
        """Close every connection. A second call does nothing."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()


@lru_cache(maxsize=4)
def _tls_context(file: str, directory: str) -> ssl.SSLContext:
    """Return what holds the certificates that are trusted: of this file or folder, else those of certifi.

    Reading them holds the event loop for some hundredths of a second, so all backends and pools share them.
    """
    return httpx.create_ssl_context()

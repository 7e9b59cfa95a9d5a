"""One HTTP client for one Google system: headers, time-outs, retries of reads, and errors in our words.

A create is sent exactly once, whatever happens: repeating it could pay twice. No URL with a query, no token and
no key reaches a log or an error. This module knows no path of any API.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx
import msgspec
from httpx_sse import EventSource, SSEError, aconnect_sse

from bot.backends.google.auth import Credentials
from bot.backends.google.google_errors import refusal
from bot.backends.google.json_fields import Json, number, records, text
from bot.backends.google.responses import decoded, not_json, retry_after, unreachable
from bot.backends.google.retry import Passing, RetryPolicy
from bot.errors import GoogleError, GoogleUnavailable, NotAuthenticated, OutcomeUnknown

logger = logging.getLogger(__name__)

# Statuses after which a request that changes nothing may be sent again.
_READ_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
# A question is paid for once it was answered, so only what Google surely did not carry out is asked again.
_ASK_AGAIN: Final = frozenset({429, 503})
# What fails before a byte of the request has left.
_NOTHING_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)
_LOOK_LATER: Final = "It is looked up at Google before anything is sent again."


# httpx's own: what is called with each request (`request`) and with each answer (`response`).
EventHooks = Mapping[str, Sequence[Callable[..., Awaitable[None]]]]


class GoogleHttp:
    """Sends requests to one Google system. Every method raises GoogleError's children and nothing of httpx's.

    `roles` names what the bot's account needs there, for the hint of a 403.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        roles: str = "",
        retry_policy: RetryPolicy | None = None,
        client: httpx.AsyncClient | None = None,
        watchers: EventHooks | None = None,
    ) -> None:
        self._credentials = credentials
        self._roles = roles
        self.retry_policy = retry_policy or RetryPolicy()
        self._client = client or httpx.AsyncClient(
            timeout=httpx.Timeout(self.retry_policy.answer, connect=self.retry_policy.connect),
            follow_redirects=False,
            headers={"user-agent": "tunebot"},
            event_hooks={name: list(hooks) for name, hooks in (watchers or {}).items()},
        )

    def showing(self, credentials: Credentials) -> "GoogleHttp":
        """The same connections with other credentials; closing either closes both."""
        return GoogleHttp(credentials, roles=self._roles, retry_policy=self.retry_policy, client=self._client)

    async def close(self) -> None:
        await self._client.aclose()

    async def read(self, url: str, params: Mapping[str, str | int] | None = None) -> Json:
        """GET; tried again while it may pass."""
        return await self._tried(_READ_AGAIN, True, "GET", url, params=params)

    async def ask(self, url: str, body: Json) -> Json:
        """POST a question, which changes nothing at Google."""
        return await self._tried(_ASK_AGAIN, False, "POST", url, body=body, seconds=self.retry_policy.generation)

    async def create(self, url: str, body: Json, params: Mapping[str, str] | None = None) -> Json:
        """POST something that is paid for, once.

        Raises OutcomeUnknown unless Google certainly did nothing; every other error means that it did nothing.
        """
        try:
            response = await self.send("POST", url, params=params, body=body, seconds=self.retry_policy.generation)
        except _NOTHING_SENT as error:
            raise unreachable(error) from error
        except httpx.RequestError as error:
            raise OutcomeUnknown("Google's answer to the start was lost.", _LOOK_LATER) from error
        refused = 400 <= response.status_code < 500 and response.status_code != httpx.codes.REQUEST_TIMEOUT
        if refused:
            raise self.refused(response)
        try:
            return self._decoded(response)
        except GoogleError as error:
            raise OutcomeUnknown(
                f"Google's answer to the start was broken ({response.status_code}).",
                _LOOK_LATER,
                status=error.status,
                http_status=response.status_code,
            ) from error

    async def change(
        self, method: str, url: str, body: Json | None = None, params: Mapping[str, str] | None = None
    ) -> Json:
        """Cancel or delete something, once."""
        try:
            return self._decoded(await self.send(method, url, params=params, body=body))
        except httpx.RequestError as error:
            raise unreachable(error) from error

    async def pages(
        self, url: str, field: str, *, size: int, limit: int, params: Mapping[str, str] | None = None
    ) -> AsyncGenerator[list[Json], None]:
        """The pages of a list, one GET each: at most `limit` pages of `size`; `field` names the list within."""
        token = ""
        for _ in range(limit):
            query: dict[str, str | int] = {**(params or {}), "pageSize": size}
            if token:
                query["pageToken"] = token
            page = await self.read(url, query)
            yield records(page.get(field))
            following = text(page.get("nextPageToken"))
            # A token that repeats itself would make this go round for ever.
            if not following or following == token:
                return
            token = following

    async def pieces(self, url: str, body: Json) -> AsyncGenerator[Json, None]:
        """POST a question and yield the answer's server-sent events as they come."""
        async with AsyncExitStack() as stack:
            source = await self._opened(stack, url, body)
            try:
                async for event in source.aiter_sse():
                    if not event.data:
                        continue
                    piece = decoded(event.data.encode())
                    if "error" in piece:
                        status = number(piece["error"].get("code")) if isinstance(piece["error"], dict) else None
                        raise refusal(int(status or 500), piece, roles=self._roles)
                    yield piece
            except SSEError as error:
                raise not_json(source.response.status_code) from error
            except httpx.RequestError as error:
                raise GoogleUnavailable("The answer broke off halfway.", "Ask again.") from error

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> httpx.Response:
        """Send one request as the bot and give whatever is answered; new credentials are tried once on a 401.

        Raises httpx.RequestError, and GoogleError where there are no credentials to send.
        """
        content = None if body is None else msgspec.json.encode(body)
        kind = {} if content is None else {"content-type": "application/json"}
        shown = await self._credentials.headers()
        for renewed in (False, True):
            response = await self._client.request(
                method,
                url,
                params=params,
                content=content,
                headers={**kind, **(headers or {}), **shown},
                timeout=self._limits(seconds),
            )
            logger.debug("%s %s -> %s", method, httpx.URL(url).path, response.status_code)
            if renewed or response.status_code != httpx.codes.UNAUTHORIZED:
                break
            if not await self._credentials.renew(shown):
                break
            shown = await self._credentials.headers()
        return response

    async def opened(
        self, url: str, params: Mapping[str, str | int], headers: Mapping[str, str]
    ) -> httpx.Response:
        """GET whose body is still to be read; the caller closes it. Raises like `send`."""
        shown = await self._credentials.headers()
        for renewed in (False, True):
            request = self._client.build_request("GET", url, params=params, headers={**headers, **shown})
            response = await self._client.send(request, stream=True)
            if renewed or response.status_code != httpx.codes.UNAUTHORIZED:
                break
            if not await self._credentials.renew(shown):
                break
            await response.aclose()
            shown = await self._credentials.headers()
        return response

    def refused(self, response: httpx.Response) -> GoogleError:
        """The error that a response other than 2xx stands for."""
        try:
            body: Any = msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            body = None
        # Google's streaming methods without `alt=sse` answer errors as a list of one.
        if isinstance(body, list) and body:
            body = body[0]
        error = refusal(response.status_code, body, retry_after=retry_after(response), roles=self._roles)
        if isinstance(error, NotAuthenticated):
            error.hint = self._credentials.hint
        return error

    @property
    def client(self) -> httpx.AsyncClient:
        """The client itself, for uploads and downloads that are more than one request with a JSON answer."""
        return self._client

    async def _tried(
        self,
        again: frozenset[int],
        resend: bool,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        seconds: float | None = None,
    ) -> Json:
        async def once() -> Json:
            try:
                response = await self.send(method, url, params=params, body=body, seconds=seconds)
                self._raise_passing(response, again)
                return self._decoded(response)
            except httpx.RequestError as error:
                if resend or isinstance(error, _NOTHING_SENT):
                    raise Passing(unreachable(error)) from error
                raise unreachable(error) from error
            except GoogleUnavailable as error:
                if resend:
                    raise Passing(error) from error.__cause__
                raise

        return await self.retry_policy.keep_trying(once)

    async def _opened(self, stack: AsyncExitStack, url: str, body: Json) -> EventSource:
        """Open a streamed answer; only what was surely not answered yet is sent again."""
        content = msgspec.json.encode(body)
        limits = self._limits(self.retry_policy.generation)

        async def connected(shown: Mapping[str, str]) -> EventSource:
            headers = {"content-type": "application/json", **shown}
            connection = aconnect_sse(
                self._client, "POST", url, params={"alt": "sse"}, content=content, headers=headers, timeout=limits
            )
            try:
                source = await stack.enter_async_context(connection)
                if source.response.status_code != httpx.codes.OK:
                    await source.response.aread()
            except _NOTHING_SENT as error:
                raise Passing(unreachable(error)) from error
            except httpx.RequestError as error:
                raise unreachable(error) from error
            return source

        async def once() -> EventSource:
            shown = await self._credentials.headers()
            source = await connected(shown)
            unauthorized = source.response.status_code == httpx.codes.UNAUTHORIZED
            if unauthorized and await self._credentials.renew(shown):
                source = await connected(await self._credentials.headers())
            self._raise_passing(source.response, _ASK_AGAIN)
            if not source.response.is_success:
                raise self.refused(source.response)
            return source

        return await self.retry_policy.keep_trying(once)

    def _raise_passing(self, response: httpx.Response, again: frozenset[int]) -> None:
        if response.status_code in again:
            raise Passing(self.refused(response), retry_after(response))

    def _decoded(self, response: httpx.Response) -> Json:
        if not response.is_success:
            raise self.refused(response)
        return decoded(response.content, response.status_code)

    def _limits(self, answer: float | None) -> httpx.Timeout:
        return httpx.Timeout(answer or self.retry_policy.answer, connect=self.retry_policy.connect)

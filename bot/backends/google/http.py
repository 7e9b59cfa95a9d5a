"""Sends HTTP requests to one Google system: headers, time-outs, retries of reads, and errors of our own.

A create is sent exactly once, because sending it again could pay twice. No URL with a query, no token and no key
reaches a log or an error. This module knows no path of any API.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx
import msgspec

from bot.backends.google.auth import Credentials
from bot.backends.google.connections import Connections, EventHooks, Pool, RetryableError, RetryPolicy
from bot.backends.google.google_errors import (
    ASK_AGAIN,
    NETWORK_ERRORS,
    NOTHING_SENT,
    READ_AGAIN,
    REFUSED,
    decode_answer,
    google_error,
    network_error,
    not_json,
    read_retry_after,
)
from bot.backends.google.json_fields import Json, is_about, text
from bot.errors import (
    AlreadyExists,
    GoogleError,
    GoogleUnavailable,
    NotAuthenticated,
    OutcomeUnknown,
)

logger = logging.getLogger(__name__)

_LOOKED_UP_LATER: Final = "It is looked up at Google before anything is sent again."


class GoogleHttp:
    """Sends requests to one Google system. Raises subclasses of GoogleError; `send` and `open_stream` also raise
    NETWORK_ERRORS.

    `roles` names what the bot's account needs there, for the hint of a 403.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        roles: str = "",
        retry_policy: RetryPolicy | None = None,
        connections: Connections | None = None,
        event_hooks: EventHooks | None = None,
    ) -> None:
        self._credentials = credentials
        self.roles = roles
        self.retry_policy = retry_policy or RetryPolicy()
        self._connections = connections or Connections(self.retry_policy, event_hooks)

    def with_credentials(self, credentials: Credentials) -> "GoogleHttp":
        """Return a client with other credentials on the same connections; closing one of the two closes both."""
        return GoogleHttp(
            credentials, roles=self.roles, retry_policy=self.retry_policy, connections=self._connections
        )

    async def close(self) -> None:
        await self._connections.close()

    async def read(self, url: str, params: Mapping[str, str | int] | None = None) -> Json:
        """Send a GET, and again after an error that may pass; returns the JSON object of the answer."""
        return await self._send_with_retries(READ_AGAIN, True, "GET", url, params=params)

    async def read_resource(self, url: str, name: str) -> Json:
        """Read the resource of this name, as `read` does.

        Raises GoogleUnavailable for an answer that is about something else, also where it is JSON.
        """
        answer = await self.read(url)
        if not is_about(answer, name):
            raise not_json(httpx.codes.OK)
        return answer

    async def count(self, url: str, body: Json) -> Json:
        """POST what Google only counts, free of charge, as `read` does; returns the JSON object of the answer."""
        return await self._send_with_retries(READ_AGAIN, True, "POST", url, body=body)

    async def ask(self, url: str, body: Json) -> Json:
        """POST a question, which changes nothing at Google; returns the JSON object of the answer."""
        seconds = self.retry_policy.generation
        return await self._send_with_retries(
            ASK_AGAIN, False, "POST", url, body=body, seconds=seconds, pool=Pool.QUESTIONS
        )

    async def create(
        self,
        url: str,
        body: Json,
        params: Mapping[str, str] | None = None,
        *,
        record_sent: Callable[[], Awaitable[None]],
        makes: Callable[[str], bool],
    ) -> Json:
        """POST something that costs money, once; returns the JSON object of the answer.

        `makes` says whether the name in the answer is one of what was to be made. Awaits `record_sent` when
        nothing but the request itself is left to do, and raises what that raises. Raises OutcomeUnknown unless
        Google itself says that it did nothing, AlreadyExists after a 409. Any other error means that Google did
        nothing.
        """
        # The token is fetched before the record, because that may take long or fail.
        await self._credentials.headers()
        await record_sent()
        try:
            response = await self.send(
                "POST",
                url,
                params=params,
                body=body,
                seconds=self.retry_policy.generation,
                pool=Pool.STARTS,
                once=True,
            )
        except NOTHING_SENT as error:
            raise network_error(error) from error
        except NETWORK_ERRORS as error:
            raise OutcomeUnknown("Google's answer to the start was lost.", _LOOKED_UP_LATER) from error
        try:
            answer = self._decode(response)
            if not makes(text(answer.get("name"))):
                raise not_json(response.status_code)
            return answer
        except AlreadyExists:
            raise
        except GoogleError as error:
            if error.from_google and response.status_code in REFUSED:
                raise
            raise OutcomeUnknown(
                f"Google's answer to the start was broken ({response.status_code}).",
                _LOOKED_UP_LATER,
                status=error.status,
                http_status=response.status_code,
            ) from error

    async def change(
        self, method: str, url: str, body: Json | None = None, params: Mapping[str, str] | None = None
    ) -> Json:
        """Send a request that cancels or deletes something, once; returns the JSON object of the answer."""
        try:
            return self._decode(await self.send(method, url, params=params, body=body, pool=Pool.CHANGES))
        except NETWORK_ERRORS as error:
            raise network_error(error) from error

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
        pool: Pool = Pool.READS,
        once: bool = False,
    ) -> httpx.Response:
        """Send one request with the bot's credentials, and after a 401 once more with renewed ones.

        With `once`, it is sent once more only if the 401 is Google's own, so that Google certainly did nothing.
        Returns the response whatever its status. Raises NETWORK_ERRORS, and NotAuthenticated or
        GoogleUnavailable where there are no credentials to send.
        """
        response = await self.open_stream(
            method, url, params=params, body=body, headers=headers, seconds=seconds, pool=pool, once=once
        )
        try:
            await response.aread()
        except NETWORK_ERRORS as error:
            await self._connections.note_error(error)
            raise
        finally:
            await response.aclose()
        logger.debug("%s %s -> %s", method, httpx.URL(url).path, response.status_code)
        return response

    async def open_stream(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
        pool: Pool = Pool.FILES,
        once: bool = False,
    ) -> httpx.Response:
        """Return the response as `send` does, before its body is read; the caller closes it."""
        client = self._connections.client(pool)
        content = None if body is None else msgspec.json.encode(body)
        kind = {} if content is None else {"content-type": "application/json"}
        authorization = await self._credentials.headers()
        for renewed in (False, True):
            try:
                request = client.build_request(
                    method,
                    url,
                    params=params,
                    content=content,
                    headers={**kind, **(headers or {}), **authorization},
                    timeout=self._timeout(seconds),
                )
                response = await client.send(request, stream=True)
                if renewed or response.status_code != httpx.codes.UNAUTHORIZED:
                    break
                # Its connection is free once it is read, whatever happens to the token.
                await response.aread()
            except NETWORK_ERRORS as error:
                await self._connections.note_error(error)
                raise
            if once and not self.error_for(response).from_google:
                break
            if not await self._credentials.renew(authorization):
                break
            authorization = await self._credentials.headers()
        return response

    def error_for(self, response: httpx.Response) -> GoogleError:
        """Return the error for a response other than 2xx."""
        try:
            body: Any = msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            body = None
        # Without `alt=sse`, Google's streaming methods answer an error as a list with one member.
        if isinstance(body, list) and body:
            body = body[0]
        error = google_error(
            response.status_code,
            body,
            retry_after=read_retry_after(response),
            roles=self.roles,
            storage="/storage/" in response.request.url.path,
        )
        if isinstance(error, NotAuthenticated):
            error.hint = self._credentials.hint
        return error

    @property
    def upload_client(self) -> httpx.AsyncClient:
        """The httpx client for uploads, which are more than one request with a JSON answer."""
        return self._connections.client(Pool.FILES)

    async def _send_with_retries(
        self,
        again: frozenset[int],
        may_resend: bool,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        seconds: float | None = None,
        pool: Pool = Pool.READS,
    ) -> Json:
        async def once() -> Json:
            try:
                response = await self.send(method, url, params=params, body=body, seconds=seconds, pool=pool)
                if response.status_code in again:
                    raise RetryableError(self.error_for(response), read_retry_after(response))
                return self._decode(response)
            except NETWORK_ERRORS as error:
                if may_resend or isinstance(error, NOTHING_SENT):
                    raise RetryableError(network_error(error)) from error
                raise network_error(error) from error
            except GoogleUnavailable as error:
                if may_resend:
                    raise RetryableError(error) from error.__cause__
                raise

        return await self.retry_policy.run(once, f"{method} {httpx.URL(url).path}")

    def _decode(self, response: httpx.Response) -> Json:
        if not response.is_success:
            raise self.error_for(response)
        return decode_answer(response.content, response.status_code)

    def _timeout(self, answer: float | None) -> httpx.Timeout:
        return httpx.Timeout(answer or self.retry_policy.answer, connect=self.retry_policy.connect)

"""Reads an answer that Google streams as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html

The question is sent again only where Google certainly did not begin to answer it.
"""

from collections.abc import AsyncGenerator
from typing import Final

import httpx
from httpx_sse import EventSource, SSEError

from bot.backends.google.connections import Pool, RetryableError
from bot.backends.google.google_errors import (
    ASK_AGAIN,
    NETWORK_ERRORS,
    NOTHING_SENT,
    decode_answer,
    google_error,
    network_error,
    not_json,
    read_retry_after,
)
from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, integer, record
from bot.errors import AnswerLost

_HEADERS: Final = {"accept": "text/event-stream", "cache-control": "no-store"}


async def read_events(http: GoogleHttp, url: str, body: Json) -> AsyncGenerator[Json, None]:
    """POST a question and yield the JSON object of each event of the answer. Raises GoogleError."""
    response = await http.retry_policy.run(lambda: _open(http, url, body), f"POST {httpx.URL(url).path}")
    try:
        async for event in EventSource(response).aiter_sse():
            if not event.data:
                continue
            received = decode_answer(event.data.encode())
            if "error" in received:
                status = integer(record(received["error"]).get("code"))
                raise google_error(status or 500, received, roles=http.roles, storage=False)
            yield received
    except SSEError as error:
        raise not_json(response.status_code) from error
    except NETWORK_ERRORS as error:
        raise AnswerLost("The answer ended before it was complete.", "Ask again.") from error
    finally:
        await response.aclose()


async def _open(http: GoogleHttp, url: str, body: Json) -> httpx.Response:
    """Return the response with the events, which the caller closes. Raises GoogleError, RetryableError."""
    seconds = http.retry_policy.generation
    try:
        response = await http.open_stream(
            "POST", url, params={"alt": "sse"}, body=body, headers=_HEADERS, seconds=seconds, pool=Pool.QUESTIONS
        )
        if response.is_success:
            return response
        try:
            await response.aread()
        finally:
            await response.aclose()
    except NOTHING_SENT as error:
        raise RetryableError(network_error(error)) from error
    except NETWORK_ERRORS as error:
        raise network_error(error) from error
    refused = http.error_for(response)
    if response.status_code in ASK_AGAIN:
        raise RetryableError(refused, read_retry_after(response))
    raise refused

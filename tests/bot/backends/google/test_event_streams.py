"""Answers that Google streams: what breaks, what is refused, and what is sent again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.backends.google.event_streams import read_events
from bot.backends.google.http import GoogleHttp
from bot.domain.chat import Answer, Turn, TurnRole
from bot.errors import GoogleUnavailable, InvalidRequest, QuotaExceeded
from bot.ports.backends import Prompt
from tests.support.backend_harness import BackendHarness
from tests.support.http_server import serving

QUESTION = Prompt([Turn(TurnRole.USER, "8")])


async def _collect(stream: AsyncIterator[Answer], received: list[str]) -> None:
    async for answer in stream:
        received += [answer.text]


async def test_stream_that_breaks_is_an_error_after_what_was_received(gemini: BackendHarness) -> None:
    job = await gemini.trained()
    gemini.google.answers.say("one two three four")
    gemini.google.faults.cut_stream(after=2)
    received: list[str] = []
    with pytest.raises(GoogleUnavailable, match="before it was complete"):
        await _collect(gemini.backend.stream(job.endpoint, QUESTION), received)
    assert received == ["one", " two"]


async def test_stream_that_is_refused_tells_googles_reason(gemini: BackendHarness) -> None:
    job = await gemini.trained()
    gemini.google.faults.fail(400, "No streams today.", path=":streamGenerateContent")
    with pytest.raises(InvalidRequest, match="No streams today"):
        [piece async for piece in gemini.backend.stream(job.endpoint, QUESTION)]


async def test_stream_is_opened_again_when_google_is_busy(gemini: BackendHarness) -> None:
    job = await gemini.trained()
    gemini.google.faults.fail(503, path=":streamGenerateContent")
    pieces = [piece async for piece in gemini.backend.stream(job.endpoint, QUESTION)]
    assert "".join(piece.text for piece in pieces).strip() == "9"


async def test_stream_left_early_closes_its_connection(http: GoogleHttp) -> None:
    closed = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:  # a write waits while the client reads nothing, and fails once the connection is closed
                await response.write(b'data: {"candidates": []}\n\n' * 10_000)
        except ConnectionError:
            closed.set()
        return response

    async with serving(answer) as url:
        events = read_events(http, url, {})
        assert await anext(events) == {"candidates": []}
        await events.aclose()
        await closed.wait()


async def test_page_instead_of_a_stream_is_named(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="<html>Sign in</html>", content_type="text/html")

    async with serving(answer) as url:
        with pytest.raises(GoogleUnavailable, match="Something other than Google"):
            [piece async for piece in read_events(http, url, {})]


async def test_error_in_the_middle_of_a_stream_is_raised(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        events = 'data: {"candidates": []}\n\ndata: {"error": {"code": 429, "message": "Enough for today."}}\n\n'
        return web.Response(text=events, content_type="text/event-stream")

    async with serving(answer) as url:
        with pytest.raises(QuotaExceeded, match="Enough for today"):
            [piece async for piece in read_events(http, url, {})]

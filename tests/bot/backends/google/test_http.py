"""The HTTP client reads, asks, streams and lists, and raises our errors for whatever breaks."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.backends.google.http import GoogleHttp
from bot.domain.chat import Answer, Role, Turn
from bot.errors import GoogleUnavailable, InvalidRequest, NotAuthenticated, OutcomeUnknown, QuotaExceeded
from bot.ports.backends import Prompt
from tests.support.backend_harness import SHORT_TIMEOUTS, BackendHarness, nothing_recorded, open_backend
from tests.support.http_server import serving

QUESTION = Prompt([Turn(Role.USER, "8")])


async def _collect(stream: AsyncIterator[Answer], received: list[str]) -> None:
    async for answer in stream:
        received += [answer.text]


async def test_request_without_an_answer_ends(any_backend: BackendHarness) -> None:
    quick = open_backend(any_backend.name, any_backend.google, retry_policy=SHORT_TIMEOUTS)
    any_backend.google.faults.hang(times=None)
    with pytest.raises(GoogleUnavailable, match="in time"):
        await quick.backend.models()
    await quick.backend.close()


async def test_question_is_sent_again_only_if_google_certainly_did_not_answer_it(
    any_backend: BackendHarness,
) -> None:
    job = await any_backend.trained()
    verb = ":generate"
    any_backend.google.requests.clear()
    any_backend.google.faults.fail(503, path=verb)
    assert (await any_backend.backend.generate(job.endpoint, QUESTION)).text.strip() == "9"
    assert len(any_backend.google.requests.matching(verb)) == 2
    any_backend.google.requests.clear()
    any_backend.google.faults.fail(500, path=verb)
    with pytest.raises(GoogleUnavailable):
        await any_backend.backend.generate(job.endpoint, QUESTION)
    assert len(any_backend.google.requests.matching(verb)) == 1


async def test_deletion_and_cancellation_are_sent_once(any_backend: BackendHarness) -> None:
    job = await any_backend.create()
    any_backend.google.faults.fail(503, path=":cancel", times=None)
    with pytest.raises(GoogleUnavailable):
        await any_backend.backend.cancel(job)
    assert len(any_backend.google.requests.matching(":cancel")) == 1


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
        events = http.events(url, {})
        assert await anext(events) == {"candidates": []}
        await events.aclose()
        await closed.wait()


async def test_page_instead_of_a_stream_is_named(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="<html>Sign in</html>", content_type="text/html")

    async with serving(answer) as url:
        with pytest.raises(GoogleUnavailable, match="Something other than Google"):
            [piece async for piece in http.events(url, {})]


async def test_error_in_the_middle_of_a_stream_is_raised(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        events = 'data: {"candidates": []}\n\ndata: {"error": {"code": 429, "message": "Enough for today."}}\n\n'
        return web.Response(text=events, content_type="text/event-stream")

    async with serving(answer) as url:
        with pytest.raises(QuotaExceeded, match="Enough for today"):
            [piece async for piece in http.events(url, {})]


@pytest.mark.parametrize("content", ['{"a": ', "<html></html>", "[1]", '"x"', "nothing"])
async def test_answer_that_is_no_object_is_named(http: GoogleHttp, content: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=content, content_type="application/json")

    async with serving(answer) as url:
        with pytest.raises(GoogleUnavailable, match="Something other than Google"):
            await http.read(url)


async def test_answer_cut_in_the_middle_is_read_again(http: GoogleHttp) -> None:
    tries = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal tries
        tries += 1
        if tries > 1:
            return web.json_response({"whole": True})
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"whole": ')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serving(answer) as url:
        assert await http.read(url) == {"whole": True}


async def test_answer_that_cannot_be_unpacked_is_named(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"no gzip", headers={"Content-Encoding": "gzip"})

    async with serving(answer) as url:
        with pytest.raises(GoogleUnavailable):
            await http.read(url)
        with pytest.raises(OutcomeUnknown):
            await http.create(url, {}, record_sent=nothing_recorded)


async def test_redirect_is_not_followed(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async with serving(answer) as url:
        with pytest.raises(GoogleUnavailable):
            await http.read(url)


@pytest.mark.parametrize("limit", [1, 3])
async def test_list_ends_at_its_limit(http: GoogleHttp, limit: int) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.query.get("pageToken"))
        return web.json_response({"items": [{"n": len(asked)}], "nextPageToken": str(len(asked))})

    async with serving(answer) as url:
        pages = [page async for page in http.pages(url, "items", size=1, limit=limit)]
    assert len(pages) == limit
    assert asked == [None, "1", "2"][:limit]


async def test_page_token_that_repeats_ends_the_list(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"items": [], "nextPageToken": "same"})

    async with serving(answer) as url:
        assert len([page async for page in http.pages(url, "items", size=1, limit=50)]) == 2


async def test_token_that_is_refused_is_shown_once(http: GoogleHttp) -> None:
    shown = []

    async def answer(request: web.Request) -> web.Response:
        shown.append(request.headers["Authorization"])
        return web.json_response({"error": {"code": 401, "message": "no"}}, status=401)

    async with serving(answer) as url:
        with pytest.raises(NotAuthenticated):
            await http.read(url)
    assert shown == ["Bearer token"]

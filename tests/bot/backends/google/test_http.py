"""The HTTP client reads, asks, streams and lists, and raises our errors for whatever breaks."""

import pytest
from aiohttp import web

from bot.backends.google.http import GoogleHttp
from bot.domain.chat import Turn, TurnRole
from bot.errors import GoogleUnavailable, NotAuthenticated, OutcomeUnknown
from bot.ports.backends import Prompt
from tests.support.backend_harness import SHORT_TIMEOUTS, BackendHarness, nothing_recorded, open_backend
from tests.support.http_server import serving

QUESTION = Prompt([Turn(TurnRole.USER, "8")])


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
            await http.create(url, {}, record_sent=nothing_recorded, makes=bool)


async def test_redirect_is_not_followed(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async with serving(answer) as url:
        with pytest.raises(GoogleUnavailable):
            await http.read(url)


async def test_token_that_is_refused_is_shown_once(http: GoogleHttp) -> None:
    shown = []

    async def answer(request: web.Request) -> web.Response:
        shown.append(request.headers["Authorization"])
        return web.json_response({"error": {"code": 401, "message": "no"}}, status=401)

    async with serving(answer) as url:
        with pytest.raises(NotAuthenticated):
            await http.read(url)
    assert shown == ["Bearer token"]

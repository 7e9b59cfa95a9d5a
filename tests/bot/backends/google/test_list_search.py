"""Lists at Google, page by page; the searches are tested with each backend, which use them."""

import pytest
from aiohttp import web

from bot.backends.google.http import GoogleHttp
from bot.backends.google.list_search import read_pages
from tests.support.http_server import serving


@pytest.mark.parametrize("limit", [1, 3])
async def test_list_ends_at_its_limit(http: GoogleHttp, limit: int) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.query.get("pageToken"))
        return web.json_response({"items": [{"n": len(asked)}], "nextPageToken": str(len(asked))})

    async with serving(answer) as url:
        pages = [page async for page in read_pages(http, url, "items", size=1, limit=limit)]
    assert len(pages) == limit
    assert asked == [None, "1", "2"][:limit]


async def test_page_token_that_repeats_ends_the_list(http: GoogleHttp) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"items": [], "nextPageToken": "same"})

    async with serving(answer) as url:
        assert len([page async for page in read_pages(http, url, "items", size=1, limit=50)]) == 2

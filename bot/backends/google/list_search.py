"""Reads lists at Google page by page, and searches them to the last page, in several parts if they are long.

Only a list that was read to its end shows that something is not in it. How much one search reads is limited, so
the next one continues where the last one stopped.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Final

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, records, text
from bot.errors import GoogleUnavailable, NotFoundAtGoogle

_PAGE_SIZE: Final = 100
# So many requests one search makes at most.
PAGES_PER_SEARCH: Final = 50


async def read_pages(
    http: GoogleHttp, url: str, field: str, *, size: int, limit: int, params: Mapping[str, str] | None = None
) -> AsyncGenerator[list[Json], None]:
    """Yield the pages of a list, one GET each: at most `limit` pages of `size`; `field` names the list."""
    token = ""
    for _ in range(limit):
        rows, following = await read_page(http, url, field, size=size, token=token, params=params)
        yield rows
        # A token that Google sends twice would make this loop endless.
        if not following or following == token:
            return
        token = following


async def read_page(
    http: GoogleHttp, url: str, field: str, *, size: int, token: str = "", params: Mapping[str, str] | None = None
) -> tuple[list[Json], str]:
    """Return one page of a list and the token of the next one, which is empty after the last page.

    A list that does not exist is a GoogleUnavailable: it says nothing about any member of the list.
    """
    query: dict[str, str | int] = {**(params or {}), "pageSize": size}
    if token:
        query["pageToken"] = token
    try:
        answer = await http.read(url, query)
    except NotFoundAtGoogle as error:
        raise GoogleUnavailable(
            error.message, error.hint, status=error.status, http_status=error.http_status
        ) from error
    return records(answer.get(field)), text(answer.get("nextPageToken"))


class ListSearch:
    """Searches the list at the address that `url` returns, whose members are in the field `field`."""

    def __init__(self, http: GoogleHttp, url: Callable[[], str], field: str) -> None:
        self._http = http
        self._url = url
        self._field = field
        self._tokens: dict[str, str] = {}

    async def thorough(self, key: str, fits: Callable[[Json], bool]) -> Json | None:
        """Return the member that fits, None if the list was read to its end without one.

        Raises GoogleError, also if the end was not reached yet; the next call with this key continues there.
        """
        for _ in range(PAGES_PER_SEARCH):
            # Kept until the page has come, so that a search which fails or is cancelled continues there, too.
            found, token = await self._search_page(fits, {}, self._tokens.get(key, ""))
            if found is not None or not token:
                self._tokens.pop(key, None)
                return found
            self._tokens[key] = token
        raise GoogleUnavailable(
            f"Google's list is longer than the {PAGES_PER_SEARCH * _PAGE_SIZE:,} entries that one search reads.",
            "The next search continues there.",
        )

    async def members(self, params: Mapping[str, str]) -> list[Json]:
        """Return the members that one search reads. Raises GoogleError."""
        found: list[Json] = []
        search = read_pages(
            self._http, self._url(), self._field, size=_PAGE_SIZE, limit=PAGES_PER_SEARCH, params=params
        )
        async with aclosing(search):
            async for members in search:
                found += members
        return found

    async def quick(self, fits: Callable[[Json], bool], params: Mapping[str, str] | None = None) -> Json | None:
        """Return a member that fits from the first pages; None proves nothing. Raises GoogleError."""
        token = ""
        for _ in range(PAGES_PER_SEARCH):
            found, token = await self._search_page(fits, params or {}, token)
            if found is not None or not token:
                return found
        return None

    async def _search_page(
        self, fits: Callable[[Json], bool], params: Mapping[str, str], token: str
    ) -> tuple[Json | None, str]:
        members, following = await read_page(
            self._http, self._url(), self._field, size=_PAGE_SIZE, token=token, params=params
        )
        found = next((member for member in members if fits(member)), None)
        if found is None and following and following == token:
            raise GoogleUnavailable("Google's list does not end.", "I search again later.")
        return found, following

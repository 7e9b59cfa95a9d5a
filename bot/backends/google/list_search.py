"""Searches a list at Google to its last page, in several parts if it is long.

Only a list that was read to its end shows that something is not in it. How much one search reads is limited, so
the next one continues where the last one stopped.
"""

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Final

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json
from bot.errors import GoogleUnavailable

_PAGE_SIZE: Final = 100
# So many requests one search makes at most.
PAGES_PER_SEARCH: Final = 50


class ListSearch:
    """Searches the list at the address that `url` returns, whose members are in the field `field`."""

    def __init__(self, http: GoogleHttp, url: Callable[[], str], field: str) -> None:
        self._http = http
        self._url = url
        self._field = field
        self._tokens: dict[str, str] = {}

    async def whole(self, key: str, fits: Callable[[Json], bool]) -> Json | None:
        """Return the member that fits, None if the list was read to its end without one.

        Raises GoogleError, also if the end was not reached yet; the next call with this key continues there.
        """
        for _ in range(PAGES_PER_SEARCH):
            # Kept until the page has come, so that a search which fails or is cancelled continues there, too.
            found, token = await self._read_page(fits, {}, self._tokens.get(key, ""))
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
        pages = self._http.pages(self._url(), self._field, size=_PAGE_SIZE, limit=PAGES_PER_SEARCH, params=params)
        async with aclosing(pages):
            async for page in pages:
                found += page
        return found

    async def quick(self, fits: Callable[[Json], bool], params: Mapping[str, str] | None = None) -> Json | None:
        """Return a member that fits from the first pages; None proves nothing. Raises GoogleError."""
        token = ""
        for _ in range(PAGES_PER_SEARCH):
            found, token = await self._read_page(fits, params or {}, token)
            if found is not None or not token:
                return found
        return None

    async def _read_page(
        self, fits: Callable[[Json], bool], params: Mapping[str, str], token: str
    ) -> tuple[Json | None, str]:
        page, following = await self._http.page(
            self._url(), self._field, size=_PAGE_SIZE, token=token, params=params
        )
        found = next((member for member in page if fits(member)), None)
        if found is None and following and following == token:
            raise GoogleUnavailable("Google's list does not end.", "I search again later.")
        return found, following

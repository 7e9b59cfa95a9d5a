"""Every request that arrived, in order, without its secrets: what tests count and compare."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

HIDDEN = "***"
SECRET_HEADERS = {"authorization", "x-goog-api-key", "cookie"}
SECRET_FIELDS = {"key", "assertion", "refresh_token", "client_secret", "subject_token", "access_token"}


@dataclass(slots=True)
class Received:
    """One request: `body` is its JSON or form (secrets hidden), None when it was a stream or empty.

    `status` is the HTTP code answered, 0 while none is or when the connection was cut instead; `length` counts
    the body's bytes as far as the request declared them.
    """

    number: int
    at: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    length: int
    body: Any = None
    status: int = 0
    fault: str | None = None


@dataclass(slots=True)
class Journal:
    """The newest `keep` requests; `total` counts all of them."""

    keep: int = 100_000
    total: int = 0
    _received: deque[Received] = field(default_factory=deque)

    def open(
        self,
        at: float,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        length: int,
    ) -> Received:
        """Write down a request at its arrival."""
        self.total += 1
        entry = Received(
            number=self.total,
            at=at,
            method=method,
            path=path,
            query=hide(query),
            headers={
                name.lower(): HIDDEN if name.lower() in SECRET_HEADERS else value
                for name, value in headers.items()
            },
            length=length,
        )
        self._received.append(entry)
        while len(self._received) > self.keep:
            self._received.popleft()
        return entry

    def __iter__(self) -> Iterator[Received]:
        return iter(self._received)

    def __len__(self) -> int:
        return len(self._received)

    def matching(self, path: str = "", method: str | None = None) -> list[Received]:
        """Return the requests whose path holds the pattern `path` (a regular expression), oldest first."""
        pattern = re.compile(path)
        return [entry for entry in self._received if pattern.search(entry.path) and method in (None, entry.method)]

    def clear(self) -> None:
        """Forget what was received; `total` goes on counting."""
        self._received.clear()


def hide(values: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a query or a form with the values of secret fields hidden."""
    return {name: HIDDEN if name in SECRET_FIELDS else value for name, value in values.items()}

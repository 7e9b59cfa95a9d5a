"""Errors on demand: what tests and the sandbox's page make Google do to the next requests.

A fault waits for requests that fit its method, path and query. A delay lets a request go on, any other ends it.
"""

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypedDict, Unpack

from aiohttp import web

from bot.sandbox.google.rpc_status import GoogleError, retry_info


class FaultKind(StrEnum):
    """What a fault does to the request that it meets."""

    FAIL = "fail"
    GARBLE = "garble"
    DELAY = "delay"
    HANG = "hang"
    RESET = "reset"
    LOSE_ANSWER = "lose answer"
    CUT_STREAM = "cut stream"
    PAUSE_STREAM = "pause stream"


class Chosen(TypedDict, total=False):
    """Which requests a fault meets: `path` and `query` are regular expressions searched in the raw URL's parts.

    The next one request by default; `times` None means all of them.
    """

    path: str
    query: str
    method: str | None
    times: int | None


@dataclass(slots=True, eq=False)
class Fault:
    """One fault: `times` requests still to meet (None: all), `hits` met so far.

    `status` and `text` are what a proxy answers; status 0 cuts the connection. A pause of a stream sets `reached`
    when it begins, and `left` where the caller closes the connection; `first_pieces` are the times at which each
    paused stream sent its first piece. Cancel it with `Faults.remove`.
    """

    kind: FaultKind
    path: re.Pattern[str]
    query: re.Pattern[str]
    method: str | None
    times: int | None
    error: GoogleError | None = None
    seconds: float = 0.0
    after: int = 0
    text: str = ""
    status: int = 0
    hits: int = 0
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    reached: bool = False
    left: bool = False
    first_pieces: list[float] = field(default_factory=list)

    def fits(self, request: web.Request) -> bool:
        """Say whether the fault still waits for such a request."""
        url = request.rel_url
        return (
            self.times != 0
            and self.method in (None, request.method)
            and bool(self.path.search(url.raw_path))
            and bool(self.query.search(url.query_string))
        )

    def spend(self) -> None:
        """Count one request met."""
        self.hits += 1
        if self.times is not None:
            self.times -= 1

    def go_on(self) -> None:
        """End the pause of a stream."""
        self.goes_on.set()

    async def wait(self, sent: int, request: web.Request) -> None:
        """Pause a stream that has sent so many pieces, if it is time for that."""
        if sent == 1:
            self.first_pieces.append(time.perf_counter())
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if sent != self.after:
            return
        self.reached = True
        while not self.goes_on.is_set():
            if request.transport is None or request.transport.is_closing():
                self.left = True
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self.goes_on.wait()

    def page(self) -> web.Response:
        """Return the proxy's answer: it is HTML and holds no google.rpc.Status."""
        return web.Response(status=self.status, text=self.text, content_type="text/html")


def proxy_page(status: int) -> str:
    """Return the page that a proxy in between shows instead of Google's answer."""
    # 499 is nginx's own code for a client that closed the connection.
    known = {499: "Client Closed Request"} | {one.value: one.phrase for one in HTTPStatus}
    title = f"{status} {known.get(status, 'Error')}"
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>"


@dataclass(slots=True)
class Faults:
    """The faults that are set, and what else is unusual until `clear`; a request meets the first that fits.

    A list shows a job only `list_lag` seconds of the stand-in's clock after its creation.
    """

    list_lag: float = 0.0
    _faults: list[Fault] = field(default_factory=list)
    _lost_operations: set[str] = field(default_factory=set)

    def fail(
        self,
        code: int,
        message: str | None = None,
        *,
        retry_after: float | None = None,
        status: str | None = None,
        details: tuple[dict[str, Any], ...] = (),
        **chosen: Unpack[Chosen],
    ) -> Fault:
        """Answer with this HTTP code and a google.rpc.Status; `retry_after` is in seconds."""
        headers = {}
        if retry_after is not None:
            headers["Retry-After"] = f"{retry_after:g}"
            details = (*details, retry_info(retry_after))
        error = GoogleError(code, message, status=status, details=details, headers=headers)
        return self._add(FaultKind.FAIL, chosen, error=error)

    def garble(self, text: str | None = None, *, status: int = 502, **chosen: Unpack[Chosen]) -> Fault:
        """Answer with something that is not Google's JSON, by default the page of a proxy in between."""
        page = proxy_page(status) if text is None else text
        return self._add(FaultKind.GARBLE, chosen, status=status, text=page)

    def delay(self, seconds: float, **chosen: Unpack[Chosen]) -> Fault:
        """Wait before going on."""
        return self._add(FaultKind.DELAY, chosen, seconds=seconds)

    def hang(self, **chosen: Unpack[Chosen]) -> Fault:
        """Never answer, until the caller goes away or the stand-in stops."""
        return self._add(FaultKind.HANG, chosen)

    def reset(self, **chosen: Unpack[Chosen]) -> Fault:
        """Cut the connection before anything is done."""
        return self._add(FaultKind.RESET, chosen)

    def lose_answer(self, status: int = 0, **chosen: Unpack[Chosen]) -> Fault:
        """Do what is asked, then cut the connection, or with a status show the page of a proxy (499, 502)."""
        return self._add(FaultKind.LOSE_ANSWER, chosen, status=status, text=proxy_page(status))

    def cut_stream(self, after: int = 1, **chosen: Unpack[Chosen]) -> Fault:
        """Cut a streamed answer after so many pieces."""
        return self._add(FaultKind.CUT_STREAM, {"path": ":streamGenerateContent", **chosen}, after=after)

    def pause_stream(self, after: int = 1, seconds: float | None = None, **chosen: Unpack[Chosen]) -> Fault:
        """Pause a streamed answer after so many pieces until `go_on`, or, with `seconds`, after each piece."""
        facts = {"after": after if seconds is None else 0, "seconds": seconds or 0.0}
        return self._add(FaultKind.PAUSE_STREAM, {"path": ":streamGenerateContent", **chosen}, **facts)

    def refuse_filter(self, **chosen: Unpack[Chosen]) -> Fault:
        """Refuse every list that is asked for with a filter, as an API does that does not know the field."""
        error = GoogleError(400, "Invalid filter expression.")
        return self._add(FaultKind.FAIL, {"query": r"(^|&)filter=", "times": None, **chosen}, error=error)

    def lose_operation(self, name: str) -> None:
        """Answer 404 for this operation from now on, while its tuned model lives (`tunedModels/x` or in full)."""
        self._lost_operations.add(name)

    def has_lost(self, operation: str) -> bool:
        """Say whether an operation, named in full, was lost."""
        return operation in self._lost_operations or operation.split("/operations/")[0] in self._lost_operations

    def remove(self, fault: Fault) -> None:
        """Take one fault away."""
        self._faults.remove(fault)

    def clear(self) -> None:
        """Take every fault away, find every lost operation again and behave as Google usually does."""
        self._faults.clear()
        self._lost_operations.clear()
        self.list_lag = 0.0

    @property
    def waiting(self) -> list[Fault]:
        """The faults that still wait for a request."""
        return [fault for fault in self._faults if fault.times != 0]

    def _add(self, kind: FaultKind, chosen: Chosen, **facts: Any) -> Fault:
        path, query = re.compile(chosen.get("path", "")), re.compile(chosen.get("query", ""))
        fault = Fault(kind, path, query, chosen.get("method"), chosen.get("times", 1), **facts)
        self._faults.append(fault)
        return fault

    async def meet(self, request: web.Request) -> Fault | None:
        """Let a request meet its faults; delays are waited for here, the first other one is returned."""
        for fault in list(self._faults):
            if not fault.fits(request):
                continue
            fault.spend()
            if fault.kind is not FaultKind.DELAY:
                return fault
            await asyncio.sleep(fault.seconds)
        return None


class Cut(Exception):
    """Ends a request by cutting its connection."""

"""Errors on demand: what tests and the control strip make Google do to the next requests.

A fault waits for requests that fit its method and path. Delays let the request go on; everything else ends it.
"""

import asyncio
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

from bot.sandbox.google.rpc_status import GoogleError, retry_info


class Harm(StrEnum):
    """What a fault does to the request that it meets."""

    FAIL = "fail"
    GARBLE = "garble"
    DELAY = "delay"
    HANG = "hang"
    RESET = "reset"
    LOSE_ANSWER = "lose answer"
    CUT_STREAM = "cut stream"


@dataclass(slots=True, eq=False)
class Fault:
    """One fault: `times` requests still to meet (None: all), `hits` met so far.

    Cancel it with `Faults.remove`.
    """

    harm: Harm
    pattern: re.Pattern[str]
    method: str | None
    times: int | None
    error: GoogleError | None = None
    seconds: float = 0.0
    after: int = 0
    text: str = ""
    status: int = 502
    hits: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Say whether the fault still waits for such a request."""
        return self.times != 0 and self.method in (None, method) and bool(self.pattern.search(path))

    def spend(self) -> None:
        """Count one request met."""
        self.hits += 1
        if self.times is not None:
            self.times -= 1


@dataclass(slots=True)
class Faults:
    """The faults laid out, first come first met. `path` is a regular expression searched in the raw path."""

    _laid: list[Fault] = field(default_factory=list)
    _lost_operations: set[str] = field(default_factory=set)

    def fail(
        self,
        code: int,
        message: str | None = None,
        *,
        path: str = "",
        method: str | None = None,
        times: int | None = 1,
        retry_after: float | None = None,
        status: str | None = None,
        details: tuple[dict[str, Any], ...] = (),
    ) -> Fault:
        """Answer with this HTTP code and a google.rpc.Status; `retry_after` is in seconds."""
        headers = {}
        if retry_after is not None:
            headers["Retry-After"] = f"{retry_after:g}"
            details = (*details, retry_info(retry_after))
        error = GoogleError(code, message, status=status, details=details, headers=headers)
        return self._lay(Fault(Harm.FAIL, re.compile(path), method, times, error=error))

    def garble(
        self,
        text: str = "<html><title>502 Bad Gateway</title></html>",
        *,
        status: int = 502,
        path: str = "",
        method: str | None = None,
        times: int | None = 1,
    ) -> Fault:
        """Answer with something that isn't Google's JSON, as a proxy in between does."""
        return self._lay(Fault(Harm.GARBLE, re.compile(path), method, times, text=text, status=status))

    def delay(self, seconds: float, *, path: str = "", method: str | None = None, times: int | None = 1) -> Fault:
        """Wait before going on."""
        return self._lay(Fault(Harm.DELAY, re.compile(path), method, times, seconds=seconds))

    def hang(self, *, path: str = "", method: str | None = None, times: int | None = 1) -> Fault:
        """Never answer, until the caller goes away or the stand-in stops."""
        return self._lay(Fault(Harm.HANG, re.compile(path), method, times))

    def reset(self, *, path: str = "", method: str | None = None, times: int | None = 1) -> Fault:
        """Cut the connection before anything is done."""
        return self._lay(Fault(Harm.RESET, re.compile(path), method, times))

    def lose_answer(self, *, path: str = "", method: str | None = None, times: int | None = 1) -> Fault:
        """Do what is asked, then cut the connection instead of answering."""
        return self._lay(Fault(Harm.LOSE_ANSWER, re.compile(path), method, times))

    def cut_stream(
        self,
        after: int = 1,
        *,
        path: str = ":streamGenerateContent",
        method: str | None = None,
        times: int | None = 1,
    ) -> Fault:
        """Cut a streamed answer after so many pieces."""
        return self._lay(Fault(Harm.CUT_STREAM, re.compile(path), method, times, after=after))

    def lose_operation(self, name: str) -> None:
        """Answer 404 for this operation from now on, while its tuned model lives (`tunedModels/x` or in full)."""
        self._lost_operations.add(name)

    def has_lost(self, operation: str) -> bool:
        """Say whether an operation, named in full, was lost."""
        return operation in self._lost_operations or operation.split("/operations/")[0] in self._lost_operations

    def remove(self, fault: Fault) -> None:
        """Take one fault away."""
        self._laid.remove(fault)

    def clear(self) -> None:
        """Take every fault away and find every lost operation again."""
        self._laid.clear()
        self._lost_operations.clear()

    @property
    def waiting(self) -> list[Fault]:
        """The faults that still wait for a request."""
        return [fault for fault in self._laid if fault.times != 0]

    def _lay(self, fault: Fault) -> Fault:
        self._laid.append(fault)
        return fault

    async def meet(self, request: web.Request) -> Fault | None:
        """Let a request meet its faults; delays are waited for here, the first other one is returned."""
        for fault in list(self._laid):
            if not fault.fits(request.method, request.rel_url.raw_path):
                continue
            fault.spend()
            if fault.harm is not Harm.DELAY:
                return fault
            await asyncio.sleep(fault.seconds)
        return None


class Cut(Exception):
    """Ends a request by cutting its connection."""

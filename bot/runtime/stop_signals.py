"""Runs a service until the process gets a signal to stop, and ends the process where the stop takes too long."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

logger = logging.getLogger(__name__)

# Less than the ten seconds that `docker stop` gives a container before it sends SIGKILL.
LONGEST_STOP_SECONDS: Final = 9.5
# So many seconds later a thread ends the process, where the event loop is blocked and cannot end it.
_LOOP_STANDS_SECONDS: Final = 0.2

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def run_until_stopped(service: AbstractAsyncContextManager[None]) -> None:
    """Keep the service open until SIGINT or SIGTERM, which also end an incomplete start. Raises what it raises."""
    ready, stop = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(_serve(service, ready, stop), name="service")

    timer = threading.Timer(LONGEST_STOP_SECONDS + _LOOP_STANDS_SECONDS, _exit_from_thread)
    timer.daemon = True

    def begin_stop() -> None:
        for number in _STOP_SIGNALS:
            # A second signal ends the process at once, whatever it is doing.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        # Only now: who reads this line may send the second signal at once.
        logger.info("stopping: no new requests, finishing what runs")
        loop.call_later(LONGEST_STOP_SECONDS, _exit_now, serving)
        timer.start()
        stop.set()
        if not ready.is_set():
            serving.cancel()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, begin_stop)
    try:
        await serving
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        timer.cancel()
    logger.info("stopped")


async def _serve(service: AbstractAsyncContextManager[None], ready: asyncio.Event, stop: asyncio.Event) -> None:
    async with service:
        ready.set()
        await stop.wait()


def _exit_now(serving: asyncio.Task[None]) -> None:
    """End the process before the container runtime kills it, e.g. where a thread of a library does not return."""
    closed = serving.done()
    state = "everything was written" if closed else "some work had not ended"
    for task in asyncio.all_tasks():
        logger.info("%s still waits in %s", task.get_name(), where(task))
    logger.error("the stop took too long, exiting now; %s", state)
    logging.shutdown()
    os._exit(0 if closed else 1)


def _exit_from_thread() -> None:
    """End the process, and log in which function its event loop is blocked."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    stands: list[str] = []
    while frame is not None:
        stands.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        frame = frame.f_back
    logger.error("the stop took too long, exiting now; the event loop stands in %s", " > ".join(reversed(stands)))
    logging.shutdown()
    os._exit(1)


def where(task: asyncio.Task[Any]) -> str:
    """Return the functions in which a task waits, the outermost first, without any value of theirs."""
    found: list[str] = []
    inner: object = task.get_coro()
    while inner is not None:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "ag_frame", None)
        if frame is not None:
            found.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        waited_for = getattr(inner, "cr_await", None) or getattr(inner, "ag_await", None)
        if type(waited_for).__name__ == "async_generator_asend":
            # It shows its generator to nobody but the garbage collector.
            waited_for = next(iter(gc.get_referents(waited_for)), None)
        inner = waited_for
    return " > ".join(found)

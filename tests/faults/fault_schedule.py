"""What goes wrong, drawn from a seed: which fault comes next, when, and how hard.

The seed decides the faults and their order. Which request each of them meets depends on the
machine's speed: a run with the same seed has the same faults, but not at the same requests.
"""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from bot.sandbox.stage import Stage
from storage.backup import copy_database
from tests.support.fake_time import remove_leftovers, set_offset

SLACK_METHODS: Final = ("chat.postMessage", "chat.update", "chat.*", "views.*", "conversations.*", "files.*", "*")
STARTS: Final = r"/(tuningJobs|tunedModels)$"
CANCELS: Final = r":cancel$"
GOOGLE_PATHS: Final = (
    STARTS,  # and their lists
    CANCELS,
    r"/(tuningJobs|tunedModels|operations)",
    r"/upload/storage",
    r"/storage/",
    r"",
)
# A create that is late must be there before the grace of a start is over; see `LoadRun`.
LONGEST_DELAY: Final = 1.2
# Codes that Slack lists or may add, none of which is about one message alone.
SLACK_REFUSALS: Final = (
    "accesslimited",
    "ekm_access_denied",
    "message_limit_exceeded",
    "org_login_required",
    "rate_limited",
    "a_code_of_next_year",
)
# The longest wait for what is done between two faults.
LONGEST_WORK: Final = 60.0
# Seconds by which the bot's clock is wrong: Slack's signatures, and our search for posts, allow no hour.
JUMPS: Final = (-1800, -5, 0, 5, 1800)


class FaultSchedule:
    """Causes one fault after another until it is cancelled; `counts` says how many of each kind came.

    `round` is set once every kind of fault has come. `restored` is called with the copy of the database that is
    put back, and with the database: what the bot learnt since the copy was made it no longer knows.
    `machine_clock` is libfaketime's file, None where the bot runs without it. So many calls of Slack come between
    two faults, because on a machine with too much work the next fault would else come before anything is done.
    """

    def __init__(
        self,
        seed: int,
        stage: Stage,
        clock: Path,
        jumps: Sequence[int] = JUMPS,
        restored: Callable[[Path, Path], None] = lambda copy, database: None,
        machine_clock: Path | None = None,
        calls_a_fault: int = 0,
    ) -> None:
        self._calls_a_fault = calls_a_fault
        self._machine_clock = machine_clock
        self._restored = restored
        self.counts: Counter[str] = Counter()
        self.round = asyncio.Event()
        self._chance = random.Random(seed)
        self._stage = stage
        self._slack, self._google = stage.slack.faults, stage.google.faults
        self._clock = clock
        self._jumps = jumps
        self._faults: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "an answer to a start is lost": (2, self._lost_starts),
            "kill -9 while Google starts": (2, self._kill_in_a_start),
            "kill -9 while Google cancels": (2, self._kill_in_a_cancellation),
            "kill -9 while Slack posts": (2, self._kill_in_a_post),
            "an answer to a post is lost": (2, self._lost_posts),
            "SIGTERM": (2, self._stop),
            "kill -9": (4, self._kill),
            "Slack fails": (6, self._slack_fails),
            "Google fails": (8, self._google_fails),
            "socket lost": (2, self._socket),
            "delivered twice": (3, self._twice),
            "delivered in another order": (2, self._reordered),
            "Slack away": (1, self._outage),
            "clock jumps": (1, self._clock_jumps),
            "a proxy answers 404": (2, self._proxy_answers),
            "499 after a create": (2, self._closed_by_a_proxy),
            "lists lag": (2, self._lists_lag),
            "Google away": (1, self._google_away),
            "Slack refuses for a reason of its own": (2, self._slack_refuses),
            "a backup is restored": (1, self._restore_backup),
            "no fault": (3, self._no_fault),
        }
        if machine_clock is not None:
            self._faults["the machine's clock jumps"] = (1, self._machine_clock_jumps)

    async def run(self) -> None:
        """One fault after the other, for ever: first each kind once, then each as often as its weight."""
        cards = list(self._faults)  # in order: the first ones need people who start something
        while True:
            for name in cards:
                self.counts[name] += 1
                await self._faults[name][1]()
                await asyncio.sleep(self._chance.uniform(0.1, 0.5))
                calls = self._stage.slack.workspace.calls
                enough = len(calls) + self._calls_a_fault
                await _until(lambda: len(calls) >= enough, LONGEST_WORK)  # noqa: B023 - it ends in this round
            self.round.set()
            cards = [name for name, (weight, _) in self._faults.items() for _ in range(weight)]
            self._chance.shuffle(cards)

    def clear(self) -> None:
        """No fault waits any more, and every clock is right."""
        self._slack.clear()
        self._google.clear()
        self._set_clocks()

    async def _kill(self) -> None:
        await self._stage.kill()
        await self._start_again()

    async def _kill_in_a_post(self) -> None:
        """The bot dies before it has Slack's answer, and Slack carries the post out."""
        self._slack.delay("chat.postMessage", seconds=0.3, times=None)
        calls = self._stage.slack.workspace.calls
        earlier = len(calls)
        await _until(lambda: any(call.method == "chat.postMessage" for call in calls[earlier:]))
        await self._kill()

    async def _kill_in_a_start(self) -> None:
        """The bot dies before it has Google's answer, and Google starts the job."""
        fault = self._google.delay(0.3, path=STARTS, method="POST", times=None)
        await _until(lambda: fault.hits > 0)
        await self._kill()

    async def _kill_in_a_cancellation(self) -> None:
        """The bot dies before it has Google's answer; sometimes Google never got the question."""
        if self._chance.random() < 0.5:
            fault = self._google.delay(0.3, path=CANCELS, times=None)
        else:
            fault = self._google.reset(path=CANCELS, times=None)
        await _until(lambda: fault.hits > 0)
        await self._kill()

    async def _lost_posts(self) -> None:
        self._slack.lose_answer("chat.postMessage", times=2)
        await _until(lambda: not self._slack.rules)

    async def _lost_starts(self) -> None:
        fault = self._google.lose_answer(path=STARTS, method="POST", times=2)
        await _until(lambda: fault.times == 0)

    async def _stop(self) -> None:
        code = await self._stage.stop()
        if code in (1, -signal.SIGKILL) and (code != 1 or "the stop took too long" in self._stage.log_end(3)):
            # A machine with too much work does not finish a stop in time; what follows is like a kill.
            self.counts["a stop took too long"] += 1
        elif code != 0:
            raise AssertionError(f"SIGTERM ended the bot with {code}:\n{self._stage.log_end()}")
        await self._start_again()

    async def _start_again(self) -> None:
        await asyncio.sleep(self._chance.choice((0.0, 0.0, 0.5, 1.0)))
        # Nothing is promised of a start while Slack is away: the operator starts the bot again then.
        self._slack.clear()
        self._google.clear()
        if self._machine_clock is not None:
            remove_leftovers()
        await self._stage.start()

    async def _slack_fails(self) -> None:
        method, times = self._chance.choice(SLACK_METHODS), self._chance.randint(1, 3)
        match self._chance.choice(("503", "500", "429", "internal_error", "late", "hang", "reset", "lost answer")):
            case "503":
                self._slack.fail(method, times=times, status=503)
            case "500":
                self._slack.fail(method, times=times, status=500)
            case "429":
                self._slack.rate_limit(method, times=times, retry_after=self._chance.randint(1, 2))
            case "internal_error":
                self._slack.fail(method, times=times, error="internal_error")
            case "late":
                self._slack.delay(method, times=times, seconds=self._chance.uniform(0.2, LONGEST_DELAY))
            case "hang":
                self._slack.hang(method, times=1)
            case "reset":
                self._slack.reset(method, times=times)
            case _:
                self._slack.lose_answer(method, times=times)

    async def _google_fails(self) -> None:
        path, times = self._chance.choice(GOOGLE_PATHS), self._chance.randint(1, 3)
        match self._chance.choice(("503", "500", "429", "garbled", "late", "hang", "reset", "lost answer")):
            case "503":
                self._google.fail(503, path=path, times=times)
            case "500":
                self._google.fail(500, path=path, times=times)
            case "429":
                self._google.fail(429, path=path, times=times, retry_after=1.0)
            case "garbled":
                self._google.garble(path=path, times=times)
            case "late":
                self._google.delay(self._chance.uniform(0.2, LONGEST_DELAY), path=path, times=times)
            case "hang":
                self._google.hang(path=path, times=1)
            case "reset":
                self._google.reset(path=path, times=times)
            case _:
                self._google.lose_answer(path=path, times=times)

    async def _socket(self) -> None:
        match self._chance.choice(("reset", "closed", "asked")):
            case "reset":
                self._slack.drop_sockets(abort=True)
            case "closed":
                self._slack.drop_sockets(abort=False)
            case _:
                self._slack.ask_to_reconnect()

    async def _twice(self) -> None:
        self._slack.duplicate_deliveries(self._chance.randint(1, 4))

    async def _reordered(self) -> None:
        self._slack.reorder_deliveries(2)
        await asyncio.sleep(1.0)
        self._slack.clear()  # what is held goes on, though no second one came

    async def _outage(self) -> None:
        self._slack.outage()
        await asyncio.sleep(self._chance.uniform(1.0, 3.0))
        self._slack.clear()

    async def _clock_jumps(self) -> None:
        self._set_clocks(bot=self._chance.choice(self._jumps))

    async def _machine_clock_jumps(self) -> None:
        """All that runs in the process reads a wrong clock, as the libraries do."""
        self._set_clocks(machine=self._chance.choice(self._jumps))

    def _set_clocks(self, *, bot: int = 0, machine: int = 0) -> None:
        """Set by how many seconds each clock is wrong: only one is, since the bot allows for less than an hour."""
        self._clock.write_text(str(bot))
        if self._machine_clock is not None:
            set_offset(self._machine_clock, machine)

    async def _proxy_answers(self) -> None:
        """A page of HTML comes with 404, or with 403 or 499, in place of Google's answer to a look."""
        status, times = self._chance.choice((404, 404, 499)), self._chance.randint(2, 8)
        self._google.garble(status=status, path=self._chance.choice(GOOGLE_PATHS), times=times)

    async def _closed_by_a_proxy(self) -> None:
        """Google starts the job, and a proxy says that the connection was closed."""
        fault = self._google.lose_answer(status=499, path=STARTS, method="POST", times=2)
        await _until(lambda: fault.times == 0)

    async def _lists_lag(self) -> None:
        self._google.list_lag = self._chance.uniform(0.5, LONGEST_DELAY)

    async def _google_away(self) -> None:
        """Every connection breaks, also those that are kept open for the next request."""
        fault = self._google.reset(times=None)
        await asyncio.sleep(self._chance.uniform(0.5, 2.0))
        self._google.remove(fault)

    async def _slack_refuses(self) -> None:
        error = self._chance.choice(SLACK_REFUSALS)
        self._slack.fail(self._chance.choice(SLACK_METHODS), times=self._chance.randint(1, 3), error=error)

    async def _restore_backup(self) -> None:
        """The database is copied while the bot runs, the bot goes on, and the copy is put back."""
        database = self._stage.directory / "tunebot.db"
        copy = database.with_name(f"backup-{self.counts['a backup is restored']}.db")
        await asyncio.to_thread(copy_database, database, copy)
        fault = self._google.delay(0.0, path=STARTS, method="POST", times=None)
        await _until(lambda: fault.hits > 0)
        await asyncio.sleep(self._chance.uniform(0.0, 1.0))
        await self._stage.kill()
        # Nobody restores a backup so fast that a request of the killed process is still under way.
        await asyncio.sleep(2 * LONGEST_DELAY)
        self._restored(copy, database)
        for name in ("tunebot.db-wal", "tunebot.db-shm"):
            (self._stage.directory / name).unlink(missing_ok=True)
        copy.replace(database)
        await self._start_again()

    async def _no_fault(self) -> None:
        self._slack.clear()
        await asyncio.sleep(self._chance.uniform(0.5, 1.5))


async def _until(probe: Callable[[], bool], within: float = 3.0) -> None:
    """Wait for it, but not for ever: nobody may be starting anything just now."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not probe():  # noqa: ASYNC110 - what arrives at the stand-ins wakes nobody
                await asyncio.sleep(0.005)

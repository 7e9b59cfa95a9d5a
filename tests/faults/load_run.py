"""People who start and cancel jobs while faults come, and the bot as a process of its own between the stand-ins.

They do what people do: type again when no answer comes, click again when Slack shows an error, click twice.
"""

import asyncio
import contextlib
import itertools
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bot.sandbox.google import GoogleStandIn, Limits
from bot.sandbox.slack import Channel, Message, Person, SlackStandIn, View
from bot.sandbox.slack.refusals import ClientRefusal
from bot.sandbox.stage import BUCKET, Stage
from bot.spending.price_table import built_in_text
from handlers.transport.manifest import manifest
from tests.faults.books import over_budget, read_entries, read_tunings, wrong_money, wrong_turns
from tests.faults.bystanders import Bystanders, open_bystanders
from tests.faults.fault_schedule import JUMPS, FaultSchedule
from tests.faults.ledger import OPEN, Ledger, read
from tests.faults.spenders import READY, Spenders, open_spenders
from tests.support.fake_time import faketime_environment, faketime_library, set_offset
from tests.support.waiting import wait_until, wait_until_still

ROOT: Final = Path(__file__).parents[2]
# Twice what the faults may delay a create by, and longer than a killed process's requests are still under way.
GRACE_SECONDS: Final = 6.0
# What a machine with too much work may need; a fast one waits for none of it. People wait for a report as long as
# reports took lately, because who types again too early ends the check of the file that runs.
START_SECONDS: Final = 600.0
FIRST_PATIENCE, LONGEST_PATIENCE = 2.5, 10.0
# The ledger is read at every fiftieth probe, twice a second. One that is the same so often does not settle.
PROBES_A_CHECK: Final = 50
STILL_CHECKS: Final = 600
CALLS_A_FAULT: Final = 8
BACKENDS: Final = ("vertex", "gemini", "palm")
# One of so many jobs is cancelled by who started it. It never ends by itself, so that a cancellation that is lost
# leaves it running for ever, which the ledger shows.
CANCELLED_OF: Final = 4
# One of so many jobs is asked for by a newcomer, who may not start alone, and approved by the person of the room.
ASKED_FOR_OF: Final = 3
NUMBERS: Final = b"".join(
    b'{"text_input": "%s", "output": "%s"}\n' % pair
    for pair in [(b"1", b"2"), (b"3", b"4"), (b"ninety nine", b"one hundred"), (b"seven", b"eight")] * 5
)
# The tokens of one pass over it, by the rule of four characters each that Google's stand-in goes by.
TOKENS: Final = 70
# Dear enough that a few tunings of this small file reach a budget of some dollars.
DEAR: Final = ("training = 10.00", "training = 1000.00")
# How many tunings Google may run at the same time: the others wait in the bot.
AT_ONCE: Final = {"vertex": 2, "gemini": 1}


@dataclass
class LoadRun:
    """Some people, each in a channel of their own; `submitted` are the names whose start was acknowledged.

    `cancelled` says who read in Slack that the job of this name is being cancelled.
    """

    stage: Stage
    faults: FaultSchedule
    chance: random.Random
    people: list[tuple[Person, Channel]]
    submitted: list[str] = field(default_factory=list)
    cancelled: dict[str, str] = field(default_factory=dict)
    commands: int = 0
    patience: float = FIRST_PATIENCE
    bystanders: Bystanders | None = None
    spenders: Spenders | None = None
    # Who, by room, may not start a tuning alone.
    newcomers: dict[str, Person] = field(default_factory=dict)
    # The names of jobs about which the bot may know less than Slack shows, since a backup was put back.
    restored: set[str] = field(default_factory=set)
    # The names, by key, of the jobs that the backup did not have.
    forgotten: dict[str, str] = field(default_factory=dict)
    owners: dict[str, tuple[Person, Channel]] = field(default_factory=dict)

    async def run(self, jobs: int, say: Callable[[str], None]) -> Ledger:
        """Start so many jobs in bad faults, wait for good faults to settle everything, and count."""
        numbers = iter(range(1, jobs + 1))
        if self.spenders is not None:
            await self.spenders.set_budgets(self.stage.slack)
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch_money())
            faults = group.create_task(self.faults.run())
            ending = group.create_task(self._end_jobs())
            others = group.create_task(self._others())
            work = [self._work(person, channel, numbers, say) for person, channel in self.people]
            await asyncio.gather(self._spend(), *work)
            await self.faults.round.wait()
            faults.cancel()
            ending.cancel()
            others.cancel()
            watch.cancel()
        say("no more faults")
        # A request that hangs ends here, instead of after its timeout; the last fault is a kill like any other.
        await self.stage.kill()
        self.faults.clear()
        await self.stage.start()
        ending = asyncio.create_task(self._end_jobs())
        try:
            await self._approve_again()
            await self._cancel_again()
            ledger = await self._settle(jobs, say)
            ledger.disturbed += self._wrong_books(ledger)
            return ledger
        finally:
            ending.cancel()

    async def _spend(self) -> None:
        async def report(person: Person, channel: Channel, name: str, backend: str, file: str) -> View:
            self.owners[name] = (person, channel)
            return await self._report(person, channel, name, backend, file)

        if self.spenders is not None:
            await self.spenders.run(report, NUMBERS)

    async def _watch_money(self) -> None:
        if self.spenders is not None:
            await self.spenders.watch(self.stage.directory / "tunebot.db", lambda: set(self.forgotten))

    def _wrong_books(self, ledger: Ledger) -> Iterator[str]:
        """Say where the money or the order of the starts is wrong."""
        entries = read_entries(self.stage.directory / "tunebot.db")
        tunings = read_tunings(self.stage.google)
        excused = {row.key for row in ledger.rows if row.name in self.restored} | self.forgotten.keys()
        yield from wrong_turns(entries, tunings, AT_ONCE, excused)
        if self.spenders is not None:
            budgets = self.spenders.budgets
            yield from dict.fromkeys(self.spenders.passed)
            yield from over_budget(entries, budgets, self.forgotten)
            yield from wrong_money(entries, tunings, TOKENS, budgets, self.forgotten)

    async def _others(self) -> None:
        if self.bystanders is not None:
            await self.bystanders.run(self.stage.slack)

    def restore(self, copy: Path, database: Path) -> None:
        """Remember what the copy does not know, and the database in its place did."""
        with closing(sqlite3.connect(copy)) as earlier:
            open_ones = ", ".join("?" * len(OPEN))
            ended = earlier.execute(f"SELECT name FROM jobs WHERE state NOT IN ({open_ones})", OPEN).fetchall()
            kept = {key for (key,) in earlier.execute("SELECT key FROM jobs")}
        with closing(sqlite3.connect(database)) as later:
            jobs = later.execute("SELECT key, name FROM jobs").fetchall()
        self.restored |= self.owners.keys() - {name for (name,) in ended}
        self.forgotten |= {key: name for key, name in jobs if key not in kept}

    async def _approve_again(self) -> None:
        """Approve what waits for it, since a restored backup does not know the first approval."""
        for row in self.ledger().rows:
            if row.state == "awaiting approval":
                await self._approve(*self.owners[row.name], row.name)

    async def _cancel_again(self) -> None:
        """Ask once more for the cancellations that a restored backup does not know."""
        for name in sorted(name for name in self.restored if to_be_cancelled(name)):
            self.cancelled.pop(name, None)
            person, channel = self.owners[name]
            for _ in range(20):
                rows = [row for row in self.ledger().rows if row.name == name]
                if not rows or rows[0].state not in OPEN or rows[0].cancelled_by:
                    break
                await self._cancel_by_command(person, channel, name)
                await asyncio.sleep(0.3)

    async def _settle(self, jobs: int, say: Callable[[str], None]) -> Ledger:
        # Slack lets fifty cards a minute be edited. A job that is old by a wrong clock is searched for once a
        # minute, and five searches decide on it.
        probes, checks = itertools.count(), itertools.count()
        last, same = (-1, -1, -1), 0

        def settled() -> bool:
            nonlocal last, same
            # Reading the ledger takes a while, which a machine with too much work does not have at each probe.
            if next(probes) % PROBES_A_CHECK:
                return False
            ledger = self.ledger()
            if next(checks) % 20 == 0:
                say(f"{ledger.open} jobs go on, {ledger.pending} notices wait")
            now = (ledger.open, ledger.pending, ledger.questions)
            last, same = now, same + 1 if now == last else 0
            return ledger.settled or same >= STILL_CHECKS

        # A ledger that never settles is reported as it is.
        with contextlib.suppress(AssertionError):
            await wait_until(settled, "the end of every job and notice", within=1200.0 + 20 * jobs)
        # A message that is posted once too often comes after the end.
        await wait_until_still(lambda: len(self.stage.slack.workspace.calls), 1.5)
        return self.ledger()

    def ledger(self) -> Ledger:
        database = self.stage.directory / "tunebot.db"
        return read(
            database, self.stage.google, self.stage.slack, self.submitted, self.cancelled, self.forgotten,
            self.bystanders, [person.id for person in self.newcomers.values()], self.restored, self.spenders,
        )  # fmt: skip

    async def _end_jobs(self) -> None:
        """Some jobs fail at Google, some are cancelled there, some wait to be cancelled here; others succeed."""
        seen = 0
        while True:
            for job in self.stage.google.jobs.all[seen:]:
                seen += 1
                if to_be_cancelled(job.display_name):
                    job.pause()
                    continue
                match self.chance.randrange(8):
                    case 0:
                        job.fail(8, "Resource has been exhausted.")
                    case 1:
                        job.cancel()
            await asyncio.sleep(0.4)

    async def _work(
        self, person: Person, channel: Channel, numbers: Iterator[int], say: Callable[[str], None]
    ) -> None:
        file = person.permalink(person.upload(channel, "numbers.jsonl", NUMBERS))
        for number in numbers:
            name = f"load-{number}"
            backend = BACKENDS[number % len(BACKENDS)]
            self.owners[name] = (person, channel)
            asker = self.newcomers[channel.id] if number % ASKED_FOR_OF == 0 else person
            while not await self._press_start(asker, await self._report(asker, channel, name, backend, file)):
                pass
            self.submitted.append(name)
            if asker is not person:
                await self._approve(person, channel, name)
            if to_be_cancelled(name):
                await self._cancel(person, channel, name)
            if number % 10 == 0:
                say(f"{len(self.submitted)} started")
            await asyncio.sleep(self.chance.uniform(0.5, 4.0))

    async def _report(self, person: Person, channel: Channel, name: str, backend: str, file: str) -> View:
        """Type until the report is there."""
        while True:
            self.commands += 1
            await person.slash_command(channel, "/tune", f"start name={name} backend={backend} file={file}")
            shown: View | None = None
            try:
                shown = await self.stage.slack.workspace.wait_for_view(
                    person.id,
                    lambda view: "blocks" in view.definition and "Checking" not in view.title,
                    self.patience,
                )
                self.patience = max(FIRST_PATIENCE, 0.8 * self.patience)
            except TimeoutError:
                shown = person.modal
                self.patience = min(LONGEST_PATIENCE, 1.2 * self.patience)
            if shown is not None and shown.title == READY:
                return shown
            if shown is not None and self._has(name) and "already a model named" in str(shown.blocks):
                return shown
            if shown is not None:
                await person.close_view(shown)
            await asyncio.sleep(self.chance.uniform(0.1, 0.4))

    def _has(self, name: str) -> bool:
        """Whether the bot has a start of this name: it may have been killed between a press and its answer."""
        return name in self.restored or any(row.name == name for row in self.ledger().rows)

    async def _press_start(self, person: Person, report: View) -> bool:
        """Click until Slack shows no error: often twice at once, sometimes once more afterwards.

        Return False where the report must be asked for again: it is older than a backup that was put back, or the
        bot says in its place that it was restarted too often.
        """
        while report.title == READY:
            clicks = self.chance.choice((1, 1, 2, 3))
            done = await asyncio.gather(*(person.submit_view(report) for _ in range(clicks)))
            actions = {each.action for each in done}
            if "clear" in actions:
                return True
            if self.restored and "update" in actions:
                return False
            if actions != {"error"}:
                raise AssertionError(f"“Start tuning” was answered with {actions}: {report.blocks}")
            await asyncio.sleep(self.chance.uniform(0.1, 0.5))
        with contextlib.suppress(ClientRefusal):
            await person.close_view(report)
        return "already a model named" in str(report.blocks)

    async def _approve(self, person: Person, channel: Channel, name: str) -> None:
        """Press Approve, often twice at once, until the card says that the start no longer waits."""
        while True:
            cards = [message for message in self._said(channel) if message.text.startswith(f"Tuning {name} (")]
            if cards and "awaiting approval" not in cards[-1].text:
                return
            if name in self.restored and not any(row.name == name for row in self.ledger().rows):
                return
            clicks = self.chance.choice((1, 1, 2)) if cards else 0
            await asyncio.gather(*(self._press_approve(person, cards[-1]) for _ in range(clicks)))
            with contextlib.suppress(TimeoutError):
                await self.stage.slack.workspace.wait_for(
                    lambda: self._said_approved(channel, name), self.chance.uniform(0.5, 2.0)
                )

    async def _press_approve(self, person: Person, card: Message) -> None:
        """Press the button, which a first press may have taken away meanwhile."""
        with contextlib.suppress(ClientRefusal):
            await person.click(card, "job_approve")

    def _said_approved(self, channel: Channel, name: str) -> bool | None:
        cards = [message for message in self._said(channel) if message.text.startswith(f"Tuning {name} (")]
        return True if cards and "awaiting approval" not in cards[-1].text else None

    async def _cancel(self, person: Person, channel: Channel, name: str) -> None:
        """Cancel by the card's button, by a command or by both at once, until Slack shows that the bot took it."""
        while (confirmed := self._confirmed(person, channel, name)) is None:
            if name in self.restored:
                # It may be gone; `_cancel_again` asks for what is left of it.
                return
            self.commands += 1
            cards = [message for message in self._said(channel) if message.text.startswith(f"Tuning {name} (")]
            shown = [card for card in cards if "job_cancel" in str(card.blocks)]
            deeds: list[Coroutine[Any, Any, object]] = [person.click(card, "job_cancel") for card in shown[-1:]]
            if not deeds or self.chance.random() < 0.5:
                deeds.append(self._cancel_by_command(person, channel, name))
            await asyncio.gather(*deeds)
            with contextlib.suppress(TimeoutError):
                await self.stage.slack.workspace.wait_for(
                    lambda: self._confirmed(person, channel, name), self.patience
                )
        if confirmed:
            self.cancelled[name] = person.id

    async def _cancel_by_command(self, person: Person, channel: Channel, name: str) -> None:
        """Type the command, and say yes to the questions that are shown by then; another round repeats it."""
        await person.slash_command(channel, "/tune", f"cancel {name}")
        # What is asked of a job that waits in the bot reads otherwise than of one that Google trains.
        questions = (f"Google stops training “{name}”.", f"By my records “{name}” was not sent to Google:")
        for message in self._said(channel):
            if "confirm_deed" in str(message.blocks) and any(each in message.text for each in questions):
                await person.click(message, "job_cancel")

    def _confirmed(self, person: Person, channel: Channel, name: str) -> bool | None:
        """Whether Slack shows the person that the job is being cancelled; None while it shows neither."""
        for message in reversed(self._said(channel)):
            if message.text.startswith(
                (
                    f"I asked Google to cancel “{name}”.",
                    f"“{name}” has already been cancelled",
                    f"“{name}” is cancelled: by my records it was not sent",
                    f"I do not send “{name}” to Google.",
                    f"Google has not confirmed the start of “{name}” yet. I cancel it",
                )
            ):
                return True
            if message.text.startswith(f"“{name}” has already"):
                return False
            if message.text.startswith(f"Tuning {name} ("):
                marks = (f"<@{person.id}> wants it cancelled", f"Cancelled by <@{person.id}>")
                return True if any(mark in message.text for mark in marks) else None
        return None

    def _said(self, channel: Channel) -> list[Message]:
        return [
            message for message in self.stage.slack.workspace.messages(channel.id) if message.bot_id is not None
        ]


def to_be_cancelled(name: str) -> bool:
    kind, _, number = name.rpartition("-")
    return kind == "load" and int(number) % CANCELLED_OF == 0


@asynccontextmanager
async def open_load_run(
    seed: int, directory: Path, people: int, jumps: Sequence[int] = JUMPS, fake_time: bool = False
) -> AsyncIterator[LoadRun]:
    """Open the stand-ins and start the bot; what the bot writes stays in the directory.

    With `fake_time`, which the run by hand has, libfaketime also sets the clock of the bot's whole process wrong,
    where it is installed, and each fault waits until the bot has done something since the one before.
    """
    clock = directory / "clock"
    clock.write_text("0")
    library, machine_clock = faketime_library() if fake_time else None, directory / "machine-clock"
    faked = {} if library is None else faketime_environment(library, machine_clock)
    set_offset(machine_clock, 0)
    limits = Limits(concurrent_vertex_jobs=1000)
    async with (
        GoogleStandIn(job_seconds=2.0, seed=seed, limits=limits) as google,
        SlackStandIn(manifest=manifest()) as slack,
    ):
        google.create_bucket(BUCKET)
        slack.limits.enabled = True
        persons = [slack.person(f"ada{number}", f"Ada {number}") for number in range(people)]
        newcomers = [slack.person(f"new{number}", f"New {number}") for number in range(people)]
        rooms = [slack.add_channel(f"room-{person.user.name}", person) for person in persons]
        for newcomer, room in zip(newcomers, rooms, strict=True):
            newcomer.join(room)
        bystanders = open_bystanders(slack, random.Random(seed + 2))
        spenders = open_spenders(slack, random.Random(seed + 3))
        prices = directory / "prices.toml"
        prices.write_text(built_in_text().replace(*DEAR), encoding="utf-8")
        approvers = [*persons, *spenders.people]
        tuners = [person.id for person in (*newcomers, bystanders.attacker)]
        stage = Stage(
            slack,
            google,
            directory,
            environment={
                **faked,
                "TUNEBOT_POLL_SECONDS": "0.3",
                "TUNEBOT_TUNINGS_AT_ONCE": ",".join(f"{name}={number}" for name, number in AT_ONCE.items()),
                "TUNEBOT_PRICES": str(prices),
                "TUNEBOT_OWNERS": spenders.owner.id,
                "TUNEBOT_START_ALONE": "approvers",
                "TUNEBOT_TUNERS": ",".join(tuners),
                "TUNEBOT_APPROVERS": ",".join(person.id for person in approvers),
                "PYTHONPATH": str(ROOT),
            },
            command=("-m", "tests.faults.bot_with_wrong_clock", str(GRACE_SECONDS), str(clock)),
            start_seconds=START_SECONDS,
        )
        chance = random.Random(seed + 1)
        async with stage:
            place = LoadRun(
                stage,
                FaultSchedule(
                    seed,
                    stage,
                    clock,
                    jumps,
                    lambda copy, database: place.restore(copy, database),
                    machine_clock if faked else None,
                    CALLS_A_FAULT if fake_time else 0,
                ),
                chance,
                list(zip(persons, rooms, strict=True)),
                bystanders=bystanders,
                spenders=spenders,
                newcomers={room.id: newcomer for newcomer, room in zip(newcomers, rooms, strict=True)},
            )
            yield place

"""Two people who share a small budget and start as much as they can at the same moments, while the faults come.

What does not fit must be refused, and what is spent and reserved must never pass a budget: that is looked at all
the time, not only at the end.
"""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from bot.sandbox.slack import Channel, Person, SlackStandIn, View
from bot.sandbox.slack.refusals import ClientRefusal
from tests.faults.books import over_budget, read_entries

ROUNDS: Final = 4
PREFIX: Final = "spend-"
LOOK_SECONDS: Final = 0.5
READY: Final = "Ready to start"  # the title of a report whose start can be pressed

Report = Callable[[Person, Channel, str, str, str], Awaitable[View]]


@dataclass
class Spenders:
    """`tried` are the names of all starts that were clicked, `refused` those that a budget refused."""

    owner: Person
    people: tuple[Person, Person]
    room: Channel
    budgets: dict[str, Decimal]
    chance: random.Random
    tried: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    looks: int = 0
    passed: list[str] = field(default_factory=list)

    async def set_budgets(self, slack: SlackStandIn) -> None:
        """Set them as the owner does, before any fault comes."""
        for subject, usd in self.budgets.items():
            target = f"<#{subject}>" if subject == self.room.id else f"<@{subject}>"
            await self.owner.slash_command(self.room, "/tune", f"budget {usd} for {target}")
            await slack.workspace.wait_for(
                lambda: (
                    any(
                        f"{target}, tuning: $0.00 of ${usd}" in message.text  # noqa: B023
                        for message in slack.workspace.messages(self.room.id)
                    )
                    or None
                ),
                60.0,
                what=f"the budget of {target}",
            )

    async def run(self, report: Report, content: bytes) -> None:
        """Prepare a start each, then press Start together, some rounds long."""
        files = {
            person.id: person.permalink(person.upload(self.room, "numbers.jsonl", content))
            for person in self.people
        }
        for number in range(1, ROUNDS + 1):
            names = [f"{PREFIX}{person.user.name}-{number}" for person in self.people]
            pairs = list(zip(self.people, names, strict=True))
            reports = await asyncio.gather(
                *(report(person, self.room, name, "vertex", files[person.id]) for person, name in pairs)
            )
            self.tried += names
            pressed = zip(pairs, reports, strict=True)
            await asyncio.gather(*(self._press(person, name, view) for (person, name), view in pressed))
            await asyncio.sleep(self.chance.uniform(0.5, 2.0))

    async def _press(self, person: Person, name: str, report: View) -> None:
        """Click, often twice at once, until Slack shows no error: the start is taken or refused.

        After restarts the bot may have put another page in the place of the report: then nothing is clicked.
        """
        while report.title == READY:
            clicks = self.chance.choice((1, 2, 3))
            done = await asyncio.gather(*(person.submit_view(report) for _ in range(clicks)))
            actions = {each.action for each in done}
            if "clear" in actions:
                self.accepted.append(name)
                return
            if actions != {"error"}:
                # Or the report is older than a backup that was put back.
                words = "" if person.modal is None else str(person.modal.blocks)
                if any(budget in words for budget in ("The budget of this channel", "Your budget")):
                    self.refused.append(name)
                # Else the next wait for a report would see the words of this one.
                with contextlib.suppress(ClientRefusal):
                    await person.close_view()
                return
            await asyncio.sleep(self.chance.uniform(0.1, 0.5))
        with contextlib.suppress(ClientRefusal):
            await person.close_view(report)

    async def watch(self, database: Path, excused: Callable[[], set[str]]) -> None:
        """Look again and again whether a budget is passed, until it is cancelled."""
        while True:
            # While a backup is put back there is no database, or half of one.
            with contextlib.suppress(sqlite3.Error):
                entries = await asyncio.to_thread(read_entries, database)
                self.looks += 1
                self.passed += over_budget(entries, self.budgets, excused())
            await asyncio.sleep(LOOK_SECONDS)

    def __str__(self) -> str:
        return (
            f"{len(self.tried)} starts under a budget: {len(self.accepted)} taken, {len(self.refused)} refused, "
            f"{self.looks} looks at the money"
        )


def open_spenders(slack: SlackStandIn, chance: random.Random) -> Spenders:
    """Two of them in a room with an owner; the second one also has a budget of their own."""
    owner, first, second = (
        slack.person("owner", "Owner"),
        slack.person("rich", "Rich"),
        slack.person("poor", "Poor"),
    )
    room = slack.add_channel("room-of-spenders", owner, first, second)
    return Spenders(owner, (first, second), room, {room.id: Decimal("5.00"), second.id: Decimal("2.00")}, chance)

"""Those who start nothing while the faults come: who asks questions, another bot, an attacker, one without rights.

What each of them must get, or must never get, is counted in Slack and at Google, as the jobs are in ledger.py.
"""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.slack import Channel, Message, Person, SlackStandIn

ROBOT_SAYS: Final = "@Tunebot robots ask"
HOSTILE_FILES: Final = (
    b"",
    b"\x00" * 5_000,
    b"\xff\xfe" + b"<!channel>".decode().encode("utf-16-le"),
    b"[" * 20_000,
    b'{"text_input": "<!channel> @here", "output": "<https://evil.example|Tunebot>"}\n' * 3 + b"{",
    b'"' + b'a,"' * 3_000,
    b'{"text_input": ' + b"1" * 5_000 + b"}\n",
    b"\x1f\x8b\x08\x00" + b"\x00" * 200,
)
HOSTILE_TEXTS: Final = (
    "start name=`<!channel>` file=https://evil.example/a.jsonl",
    "start name=<!here> backend=<@U1> file=gs://tunebot-sandbox/tunebot/x",
    "cancel <!channel>",
    "status \u202e\u2066load-1` *bold* <!everyone>",
    "delete '; drop table jobs; --",
    "use " + "\u200b" * 500,
    "list " + "<" * 3_000,
)


# What a person without a role tries; the last words are theirs and a good file's.
TRESPASSES: Final = (
    "start name=mine file={file}",
    "roles give owner <@{me}>",
    "budget none for workspace",
    "settings temperature=2",
    "audit",
)
GOOD_FILE: Final = b'{"text_input": "1", "output": "2"}\n' * 20


@dataclass
class Bystanders:
    """`acknowledged` counts the questions that the bot acknowledged."""

    asker: Person
    robot: Person
    attacker: Person
    powerless: Person
    room: Channel
    chance: random.Random
    acknowledged: int = 0
    asked: int = 0
    attacks: int = 0
    trespasses: int = 0
    said_by_robot: list[Message] = field(default_factory=list)

    async def run(self, slack: SlackStandIn) -> None:
        """Go on until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask(slack))
            group.create_task(self._talk())
            group.create_task(self._attack())
            group.create_task(self._trespass())

    async def _ask(self, slack: SlackStandIn) -> None:
        """Ask one of the models that are said to be ready, as soon as there is one."""
        for number in itertools.count(1):
            await asyncio.sleep(self.chance.uniform(0.5, 2.0))
            ready = [
                message.text.partition(" is ready")[0]
                for message in slack.workspace.messages(ephemeral=False)
                if message.bot_id is not None and " is ready" in message.text
            ]
            names = [name.rpartition(" ")[2].strip("*`") for name in ready]
            if names:
                self.asked += 1
                text = f"model={self.chance.choice(names)} what follows {number}?"
                sent = await self.asker.slash_command(self.room, "/ask", text)
                self.acknowledged += sent.acked

    async def _talk(self) -> None:
        """Another bot mentions ours, also in a form without a user."""
        for number in itertools.count(1):
            await asyncio.sleep(self.chance.uniform(0.5, 2.0))
            text = self.robot.typed(f"{ROBOT_SAYS} {number}")
            legacy = self.chance.random() < 0.5
            self.said_by_robot.append(self.robot.post(self.room, text, as_legacy_bot=legacy))

    async def _attack(self) -> None:
        """Type hostile commands, mention the bot with them, and have hostile files checked."""
        for text in itertools.cycle(HOSTILE_TEXTS):
            await asyncio.sleep(self.chance.uniform(0.5, 2.0))
            self.attacks += 1
            match self.chance.randrange(3):
                case 0:
                    await self.attacker.slash_command(self.room, "/tune", text)
                case 1:
                    self.attacker.post(self.room, f"{self.attacker.typed('@Tunebot')} {text}")
                case _:
                    content = self.chance.choice(HOSTILE_FILES)
                    file = self.attacker.upload(self.room, "<!channel>`.jsonl", content)
                    link = self.attacker.permalink(file)
                    await self.attacker.slash_command(self.room, "/tune", f"start name=evil file={link}")
            with contextlib.suppress(Exception):
                if (shown := self.attacker.modal) is not None:
                    await self.attacker.close_view(shown)

    async def _trespass(self) -> None:
        """Try what nobody allowed this person."""
        file = self.powerless.permalink(self.powerless.upload(self.room, "mine.jsonl", GOOD_FILE))
        for text in itertools.cycle(TRESPASSES):
            await asyncio.sleep(self.chance.uniform(0.5, 2.0))
            self.trespasses += 1
            typed = text.format(file=file, me=self.powerless.id)
            await self.powerless.slash_command(self.room, "/tune", typed)
            with contextlib.suppress(Exception):
                if (shown := self.powerless.modal) is not None:
                    await self.powerless.submit_view(shown)

    def wrong(self, google: GoogleStandIn, slack: SlackStandIn) -> Iterator[str]:
        """Say what nobody may have got, one line each."""
        ours = [message for message in slack.workspace.messages() if message.user == slack.app.bot_user_id]
        robots = {message.ts for message in self.said_by_robot}
        if answered := [message for message in ours if message.thread_ts in robots]:
            yield f"{len(answered)} messages of another bot were answered, as with {answered[0].text[:80]!r}"
        if paid := google.requests.matching("enerateContent$"):
            asked = [entry for entry in paid if "robots ask" in str(entry.body)]
            if asked:
                yield f"{len(asked)} questions of another bot were paid for"
        for message in ours:
            if loud := [each for each in message.live if each.kind == "everyone"]:
                yield f"a message of ours tells everyone: {loud[0]} in {message.text[:80]!r}"
        for (question, piece), times in answers(slack).items():
            if times > 1:
                yield f"piece {piece} of the answer to {question} was posted {times} times"
        given = len({question for question, _ in answers(slack)})
        if given > self.asked:
            yield f"{given} answers were given to {self.asked} questions"

    def __str__(self) -> str:
        return (
            f"{self.asked} questions asked, {self.acknowledged} acknowledged; "
            f"{len(self.said_by_robot)} messages of another bot; "
            f"{self.attacks} hostile commands, mentions and files; {self.trespasses} commands without a right"
        )


def answers(slack: SlackStandIn) -> Counter[tuple[str, str]]:
    """How often each piece of each answer was posted."""
    found: Counter[tuple[str, str]] = Counter()
    for message in slack.workspace.messages(ephemeral=False):
        metadata = message.metadata or {}
        if metadata.get("event_type") == "tunebot_answer":
            payload = metadata["event_payload"]
            found[str(payload["question"]), str(payload["piece"])] += 1
    return found


def open_bystanders(slack: SlackStandIn, chance: random.Random) -> Bystanders:
    """Four of them in a room with the bot."""
    asker, attacker = slack.person("curious", "Curious"), slack.person("mallory", "Mallory")
    robot, powerless = slack.other_bot("robot"), slack.person("eve", "Eve")
    room = slack.add_channel("room-of-others", asker, attacker, robot, powerless)
    return Bystanders(asker, robot, attacker, powerless, room, chance)

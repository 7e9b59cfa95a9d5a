"""Only the people of the workspace are served, and none of them asks paid models without an end."""

import pytest

from bot.sandbox.slack import Person
from tests.support.bot_harness import BotHarness, OpenBot
from tests.support.waiting import holds

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER = "I serve only the people of the workspace that installed me"


def joined(bot: BotHarness, person: Person) -> Person:
    bot.channel.members.add(person.id)
    return person


def done(bot: BotHarness) -> tuple[int, int]:
    """How many questions reached Google, and how many messages Tunebot has in the channel."""
    own = [message for message in bot.messages() if message.user == bot.slack.app.bot_user_id]
    return len(bot.asked()), len(own)


async def test_two_bots_cannot_talk_to_each_other(bot: BotHarness) -> None:
    name = f"talker-{bot.channel.id}"
    await bot.tuned(name)
    answered = bot.ada.post(bot.channel, bot.ada.typed(f'@Tunebot model="{name}" seven'))
    await bot.message("eight", thread=answered.ts)
    await bot.message(f"{name}* is ready")
    robot = joined(bot, bot.slack.other_bot(f"robot-{bot.channel.id}"))
    before = done(bot)
    for legacy in (False, True):
        # By a mention, by a reply in a model's thread, by a command in a mention, and with a file.
        robot.post(bot.channel, bot.ada.typed(f'@Tunebot model="{name}" seven'), as_legacy_bot=legacy)
        robot.post(bot.channel, "seven", thread_ts=answered.ts, as_legacy_bot=legacy)
        robot.post(bot.channel, bot.ada.typed("@Tunebot list"), as_legacy_bot=legacy)
        robot.post(bot.channel, bot.ada.typed("@Tunebot tune"), [("n.jsonl", b"{}")], as_legacy_bot=legacy)
    await bot.slack.settle()
    # Longer than a mention waits for its file.
    await holds(lambda: done(bot) == before, 1.5, "silence")


async def test_a_person_of_another_company_is_told_why_and_gets_nothing_else(bot: BotHarness) -> None:
    name = f"shared-{bot.channel.id}"
    card = await bot.tuned(name)
    answered = bot.ada.post(bot.channel, bot.ada.typed(f'@Tunebot model="{name}" seven'))
    await bot.message("eight", thread=answered.ts)
    bot.channel.is_ext_shared = True
    eve = joined(bot, bot.slack.person(f"eve-{bot.channel.id}", team_id="T0ELSEWHERE"))
    asked, models = len(bot.asked()), len(bot.google.jobs.all)

    eve.post(bot.channel, "seven", thread_ts=answered.ts)
    eve.post(bot.channel, bot.ada.typed(f'@Tunebot model="{name}" seven'))
    await told(bot, eve, 1)
    await eve.click(card, "job_use")
    await told(bot, eve, 2)
    await eve.click(card, "job_delete")
    await told(bot, eve, 3)
    await bot.slack.settle()
    assert (len(bot.asked()), len(bot.google.jobs.all)) == (asked, models)
    assert bot.google.requests.matching(r"/models/", "DELETE") == []

    # The people of the workspace go on as before, in the same channel.
    said = bot.ada.post(bot.channel, bot.ada.typed(f'@Tunebot model="{name}" seven'))
    await bot.message("eight", thread=said.ts)


async def told(bot: BotHarness, person: Person, times: int) -> None:
    """Wait until the person alone was told so often why they are refused."""
    workspace = bot.slack.workspace
    await workspace.wait_for(
        lambda: (
            [message for message in workspace.messages() if message.visible_to == person.id][times - 1 : times]
            or None
        ),
        60,
    )
    hers = [message for message in workspace.messages() if message.visible_to == person.id]
    assert [STRANGER in message.text for message in hers] == [True] * times


async def test_a_guest_of_the_workspace_is_served(bot: BotHarness) -> None:
    name = f"guested-{bot.channel.id}"
    await bot.tuned(name)
    guest = joined(bot, bot.slack.person(f"guest-{bot.channel.id}", is_restricted=True))
    said = guest.post(bot.channel, bot.ada.typed(f'@Tunebot model="{name}" seven'))
    await bot.message("eight", thread=said.ts)


async def test_a_person_who_asks_too_much_is_told_kindly_and_others_are_answered(open_bot: OpenBot) -> None:
    async with open_bot(job_seconds=None, environment={"TUNEBOT_QUESTIONS_PER_MINUTE": "2"}) as bot:
        await bot.tuned("counter")
        for _ in range(2):
            said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
            await bot.message("eight", thread=said.ts)
        said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
        refused = await bot.message("You asked 2 questions within a minute", thread=said.ts)
        assert "Please ask this one again in" in refused.text
        await bot.ada.slash_command(bot.channel, "/ask", "seven")
        await bot.message("You asked 2 questions within a minute", "again in")
        # A restart does not begin the count anew.
        await bot.stage.kill()
        await bot.stage.start()
        said = bot.ada.post(bot.channel, bot.ada.typed("@Tunebot seven"))
        await bot.message("You asked 2 questions within a minute", thread=said.ts)
        assert len(bot.asked()) == 2
        bob = joined(bot, bot.slack.person("bob"))
        said = bob.post(bot.channel, bot.ada.typed("@Tunebot seven"))
        await bot.message("eight", thread=said.ts)

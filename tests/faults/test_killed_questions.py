"""A question is answered once, wherever the process dies between its delivery and the turns that are kept."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from bot.domain.place import Place
from bot.sandbox.slack import Message, Person, SlackStandIn
from handlers.transport.manifest import manifest
from tests.faults.load_run import ROOT
from tests.faults.question_kill_points import StandInAddresses, key_of, open_parts
from tests.support.harness import Harness, open_harness

pytestmark = pytest.mark.long

MOST_STEPS, ANSWER = 1_000, "one two three"
MODELS = r":(streamG|g)enerateContent$"


async def die_at_every_step(
    addresses: StandInAddresses, directory: Path, *, first: int = 1, every: int = 1
) -> list[str]:
    """Kill the process at each step of a question; return the keys of the questions. The last ones ran through.

    With `first` and `every`, only at some of the steps.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.question_kill_points", str(directory), str(first), str(every)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
    )
    await process.communicate(msgspec.json.encode(addresses))
    assert process.returncode == 0
    keys = sorted(path.stem for path in directory.glob("ask-*.db"))  # noqa: ASYNC240
    assert keys == [key_of(first + every * number) for number in range(len(keys))]
    return keys


def calls_of_google(at: Harness, key: str) -> int:
    """Return how often Google was asked this question."""
    return sum(key in str(call.body) for call in at.google.requests.matching(MODELS))


def answers(slack: SlackStandIn, addresses: StandInAddresses, key: str) -> list[Message]:
    """Return the messages of the bot about this question that everybody sees."""
    said = [message for message in slack.workspace.messages(ephemeral=False) if message.bot_id is not None]
    if addresses.threads:
        return [message for message in said if message.thread_ts == addresses.place(key).thread]
    return [message for message in said if key in message.text]


@asynccontextmanager
async def stand_ins(
    directory: Path, says: str = ANSWER
) -> AsyncIterator[tuple[Harness, SlackStandIn, Person, StandInAddresses]]:
    """Open Google with a tuned model, and Slack with Ada in a channel; both serve other processes too."""
    async with open_harness(directory, ["vertex"]) as at, SlackStandIn(manifest=manifest()) as slack:
        job = await at.tuned("counter")
        ada = slack.person("ada")
        channel = slack.add_channel("tuning", ada)
        at.google.answers.say(says, times=None)
        at.google.faults.pause_stream(seconds=0.005, times=None)
        addresses = StandInAddresses(
            project=at.google.project,
            token=at.google.issue_token(),
            google=at.google.url,
            slack=slack.api_url,
            bot_token=slack.app.bot_token,
            team=slack.workspace.team_id,
            channel=channel.id,
            user=ada.id,
            endpoint=job.endpoint,
        )
        yield at, slack, ada, addresses


@pytest.mark.parametrize("threaded", [False, True])
async def test_killed_at_any_step_a_question_is_one_answer_and_paid_twice_only_if_no_answer_was_stored(
    tmp_path: Path, threaded: bool
) -> None:
    seen: Counter[str] = Counter()
    async with stand_ins(tmp_path) as (at, slack, ada, addresses):
        if threaded:
            channel = slack.workspace.channels[addresses.channel]
            addresses.threads = [ada.post(channel, "a question").ts for _ in range(MOST_STEPS)]
        for key in await die_at_every_step(addresses, tmp_path):
            seen[await recover(at, slack, addresses, tmp_path / f"{key}.db")] += 1
    # Where the first words are shown before the end, no step leaves an answer without its message.
    assert seen.keys() | {"posted"} == {"delivered again", "asked again", "posted", "found", "done"}, seen
    print(dict(seen))


async def recover(at: Harness, slack: SlackStandIn, addresses: StandInAddresses, file: Path) -> str:
    """Another process takes over, and Slack delivers the same once more, twice at once."""
    key = file.stem
    posts, questions = len(answers(slack, addresses, key)), calls_of_google(at, key)
    async with open_parts(file, addresses) as parts:
        left = await parts.questions.open_questions()
        assert left or not questions or posts, "Google was asked before the row was written"
        again = [parts.accept(key), parts.accept(key)]
        await asyncio.gather(*again, *map(parts.process, left))
        assert await parts.questions.open_questions() == []
        (answer,) = answers(slack, addresses, key)
        thread = answer.thread_ts or answer.ts
        conversation = await parts.chats.conversation(Place(addresses.team, addresses.channel, thread))
    assert answer.streaming_until is None
    assert [block["text"] for block in answer.blocks if block["type"] == "markdown"] == [ANSWER]
    assert conversation is not None
    question, _ = conversation.turns
    assert question.text == key
    if not left:
        assert calls_of_google(at, key) == 1
        return "done" if posts else "delivered again"
    if left[0].answer is None:
        assert questions <= 1
        assert calls_of_google(at, key) == questions + 1
        return "asked again"
    assert calls_of_google(at, key) == questions == 1
    return "found" if posts else "posted"


async def test_killed_at_any_step_a_long_answer_is_whole_and_in_order_in_its_messages(tmp_path: Path) -> None:
    words = [f"{number}" + "x" * 250 for number in range(120)]
    numbers: Counter[int] = Counter()
    async with stand_ins(tmp_path, " ".join(words)) as (at, slack, ada, addresses):
        channel = slack.workspace.channels[addresses.channel]
        addresses.threads = [ada.post(channel, "a question").ts for _ in range(5 * MOST_STEPS)]
        for key in await die_at_every_step(addresses, tmp_path, first=60, every=40):
            questions = calls_of_google(at, key)
            numbers[len(answers(slack, addresses, key))] += 1
            async with open_parts(tmp_path / f"{key}.db", addresses) as parts:
                left = await parts.questions.open_questions()
                await asyncio.gather(parts.accept(key), *map(parts.process, left))
                assert await parts.questions.open_questions() == []
            posted = answers(slack, addresses, key)
            text = " ".join(
                block["text"] for each in posted for block in each.blocks if block["type"] == "markdown"
            )
            assert text.split() == words, key
            assert all(each.streaming_until is None for each in posted)
            asked_again = bool(left) and left[0].answer is None
            assert calls_of_google(at, key) == questions + (asked_again or (not left and not questions))
    # The last run was not killed: all its messages are there.
    assert {1, 2, 3} <= numbers.keys(), numbers
    print(dict(numbers))


async def test_killed_at_any_step_a_comparison_is_one_whole_and_no_stored_answer_is_paid_again(
    tmp_path: Path,
) -> None:
    seen: Counter[str] = Counter()
    async with stand_ins(tmp_path) as (at, slack, _, addresses):
        other = await at.tuned("other")
        # A model without labels is everybody's; one of another Tunebot would belong to the channel that they name.
        at.at_google(other).labels.clear()
        addresses.compare = other.endpoint
        for key in await die_at_every_step(addresses, tmp_path, first=60, every=5):
            seen[await recover_comparison(at, slack, addresses, tmp_path / f"{key}.db")] += 1
    assert {"0 of 2 stored", "2 of 2 stored"} <= seen.keys(), seen
    print(dict(seen))


async def recover_comparison(at: Harness, slack: SlackStandIn, addresses: StandInAddresses, file: Path) -> str:
    """Another process takes over; return how many of the two answers the killed one had stored."""
    key = file.stem
    endpoints = (addresses.endpoint, addresses.compare)

    def paid() -> list[int]:
        calls = [call for call in at.google.requests.matching(MODELS) if key in str(call.body)]
        return [sum(endpoint.rpartition("/")[2] in call.path for call in calls) for endpoint in endpoints]

    before = paid()
    async with open_parts(file, addresses) as parts:
        left = await parts.questions.open_questions()
        found = await parts.comparisons.comparison(key)
        assert found is not None or before == [0, 0], "Google was asked before the row was written"
        whole = bool(left and left[0].answer is not None) or (not left and bool(answers(slack, addresses, key)))
        stored = {each.model.endpoint: whole or each.answer is not None for each in (found.sides if found else ())}
        await asyncio.gather(parts.accept(key), *map(parts.process, left))
        assert await parts.questions.open_questions() == []
        after = await parts.comparisons.comparison(key)
    assert after is not None
    if found is not None and left:
        assert [side.model for side in after.sides] == [side.model for side in found.sides], "the order stays"
    for endpoint, earlier, now in zip(endpoints, before, paid(), strict=True):
        assert earlier <= 1
        assert now == earlier + (not stored.get(endpoint, False))
    (answer,) = answers(slack, addresses, key)
    markdown = [block["text"] for block in answer.blocks if block["type"] == "markdown"]
    assert markdown == [ANSWER, ANSWER], answer.text
    return f"{sum(stored.values())} of 2 stored"

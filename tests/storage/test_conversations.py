import pytest

from bot.domain.chat import ChannelSettings, Conversation, ModelRef, Turn, TurnRole
from bot.domain.generation_settings import GenerationSettings, Safety
from bot.domain.place import Place
from storage.conversations import SqliteChatStore
from storage.database import Database
from tests.storage.conftest import Keep
from tests.support.builders import TEAM
from tests.support.clock import FixedClock

MODEL = ModelRef("vertex", "projects/1/endpoints/2", "next-number")
OTHER = ModelRef("gemini", "tunedModels/capitals", "capitals")
THREAD = Place(TEAM, "C0GENERAL", "1700.1")


def exchange(number: int) -> tuple[Turn, Turn]:
    return Turn(TurnRole.USER, f"question {number}"), Turn(TurnRole.MODEL, f"answer {number}")


async def test_channel_answers_with_the_model_that_was_bound_last(chats: SqliteChatStore) -> None:
    assert await chats.bound(THREAD) is None
    await chats.bind(THREAD, OTHER, "U0ADA")
    await chats.bind(Place(TEAM, "C0GENERAL"), MODEL, "U0BOB")
    bound = await chats.bound(THREAD)
    assert bound is not None
    assert (bound.model, bound.user) == (MODEL, "U0BOB")
    assert await chats.bound(Place(TEAM, "C0RANDOM")) is None


async def test_the_settings_of_a_channel_come_back_as_they_were_set(chats: SqliteChatStore) -> None:
    assert await chats.settings(THREAD) == ChannelSettings()
    set_now = ChannelSettings(GenerationSettings(top_k=3, safety=Safety.NONE, system_instruction=""), "Hello!")
    await chats.set_settings(THREAD, ChannelSettings(greeting="Older."), "U0ADA")
    await chats.set_settings(THREAD, set_now, "U0ADA")
    assert await chats.settings(Place(TEAM, "C0GENERAL")) == set_now
    assert await chats.settings(Place(TEAM, "C0RANDOM")) == ChannelSettings()


async def test_turns_are_appended_to_the_thread(chats: SqliteChatStore, keep: Keep) -> None:
    assert await chats.conversation(THREAD) is None
    await keep(Conversation(THREAD, MODEL, exchange(1)))
    await keep(Conversation(THREAD, MODEL, exchange(2)))
    assert await chats.conversation(THREAD) == Conversation(THREAD, MODEL, exchange(1) + exchange(2))


async def test_thread_goes_on_with_the_model_that_answered_last(chats: SqliteChatStore, keep: Keep) -> None:
    await keep(Conversation(THREAD, MODEL, exchange(1)))
    await keep(Conversation(THREAD, OTHER, exchange(2)))
    assert await chats.conversation(THREAD) == Conversation(THREAD, OTHER, exchange(1) + exchange(2))


async def test_threads_of_a_channel_and_channels_of_a_workspace_do_not_mix(
    chats: SqliteChatStore, keep: Keep
) -> None:
    places = [THREAD, Place(TEAM, "C0GENERAL", "1700.2"), Place(TEAM, "C0RANDOM", "1700.1")]
    for number, place in enumerate(places):
        await keep(Conversation(place, MODEL, exchange(number)))
    for number, place in enumerate(places):
        assert await chats.conversation(place) == Conversation(place, MODEL, exchange(number))


# Each question and answer below is 10 to 11 bytes, or 3 tokens by the estimate.
@pytest.mark.parametrize(
    ("tokens", "kept", "cut"),
    [
        (None, [97, 98, 99], False),
        (18, [97, 98, 99], False),
        (17, [98, 99], True),
        (12, [98, 99], True),
        (11, [99], True),
        (5, [], True),
        (0, [], True),
    ],
)
async def test_a_long_thread_is_read_from_its_end_up_to_the_tokens_and_begins_with_a_person(
    chats: SqliteChatStore, keep: Keep, tokens: int | None, kept: list[int], cut: bool
) -> None:
    for number in (97, 98, 99):
        await keep(Conversation(THREAD, MODEL, exchange(number)))
    found = await chats.conversation(THREAD, tokens)
    assert found is not None
    assert found.turns == tuple(turn for number in kept for turn in exchange(number))
    assert found.cut is cut


async def test_turns_that_are_not_read_are_kept(chats: SqliteChatStore, database: Database, keep: Keep) -> None:
    for number in range(30):
        await keep(Conversation(THREAD, MODEL, exchange(number)))
    found = await chats.conversation(THREAD, 60)
    assert found is not None
    assert found.turns[0].role is TurnRole.USER
    assert await database.run(lambda connection: connection.table("turns").count) == 60


async def test_short_history_that_begins_with_the_model_is_left_as_it_is(
    chats: SqliteChatStore, clock: FixedClock, keep: Keep
) -> None:
    clock.advance(seconds=1)
    greeting = (Turn(TurnRole.MODEL, "Ask me for the next number."),)
    await keep(Conversation(THREAD, MODEL, greeting))
    assert await chats.conversation(THREAD) == Conversation(THREAD, MODEL, greeting)


async def test_words_of_every_script_come_back_unchanged(chats: SqliteChatStore, keep: Keep) -> None:
    turns = (Turn(TurnRole.USER, "что?\x00 🧮\r\n\u2028"), Turn(TurnRole.MODEL, ""))
    await keep(Conversation(THREAD, MODEL, turns))
    assert await chats.conversation(THREAD) == Conversation(THREAD, MODEL, turns)

"""Which model answers is said of the place in which it was chosen."""

import pytest

from bot.chat.chat_service import ChosenModel
from bot.domain.chat import ChannelModel, ModelRef
from handlers.blocks.chat.channel_model import build_channel_model, build_chosen, build_none_chosen
from tests.support.builders import START

CHOSEN = ChosenModel(ChannelModel(ModelRef("vertex", "projects/1/endpoints/2", "to lose"), "U1", START))


@pytest.mark.parametrize(("direct", "here"), [(False, "this channel"), (True, "these direct messages")])
def test_each_place_is_named_as_what_it_is(direct: bool, here: str) -> None:
    assert f"*to lose* answers in {here}." in build_channel_model(CHOSEN, direct=direct).text
    assert f"No model was chosen for {here}." in build_channel_model(None, direct=direct).text
    assert f"*to lose* no longer answers in {here}," in build_none_chosen(CHOSEN, "U1", direct=direct).text


def test_in_direct_messages_nobody_is_told_to_mention_the_bot() -> None:
    assert build_chosen("to lose", "U1", direct=True).text == (
        "*to lose* answers in these direct messages now. Ask it: just write."
    )
    assert build_chosen("to lose", "U1", greeting="Hello!").text == (
        "*to lose* answers in this channel now, chosen by <@U1>. Ask it with `/ask`, or mention me.\nHello!"
    )

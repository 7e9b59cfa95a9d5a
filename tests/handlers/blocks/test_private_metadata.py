"""What buttons and views carry comes back as it was, or is refused."""

from dataclasses import replace

import pytest
from hypothesis import given

from bot.domain.datasets import FieldMapping
from bot.domain.place import Place, Requester
from bot.domain.requests import StartRequest
from bot.errors import BadArgument, Forbidden, Outdated
from handlers.blocks.private_metadata import (
    pack_request,
    pack_requester,
    unpack_model,
    unpack_request,
    unpack_requester,
)
from tests.support import block_samples as samples
from tests.support.block_samples import ADA, PLACE


@given(samples.requests)
def test_a_request_comes_back_from_a_button_as_it_was(request_: StartRequest) -> None:
    try:
        packed = pack_request(request_)
    except BadArgument:
        return
    assert len(packed) <= 2_000
    assert unpack_request(packed) == request_


def test_a_mapping_comes_back_from_a_button() -> None:
    request = StartRequest(mapping=FieldMapping("question", "answer"))
    assert unpack_request(pack_request(request)) == request


NESTED = '{"n":' + "[" * 1_990  # deeper than Python's reader of JSON goes


@pytest.mark.parametrize("text", ["", "[1]", '{"n":1}', '{"h":{"epochs":"three"}}', '{"k":["one"]}', NESTED])
def test_a_button_of_an_older_version_is_outdated(text: str) -> None:
    with pytest.raises(Outdated):
        unpack_request(text)


def test_a_place_comes_back_with_what_was_kept_beside_it() -> None:
    ada = Requester("U1", Place("T1", "C1", "1.2"))
    # A view stays open also for a person who leaves its channel.
    sender = replace(ada, present=False)
    assert unpack_requester(pack_requester(ada, proposal="tb-p", empty=""), ada) == (sender, {"proposal": "tb-p"})


@pytest.mark.parametrize("sender", [Requester("U2", PLACE), Requester("U1", Place("T2", "C1"))])
def test_a_view_is_refused_to_everybody_but_the_person_for_whom_it_was_opened(sender: Requester) -> None:
    with pytest.raises(Forbidden, match="opened by somebody else"):
        unpack_requester(pack_requester(ADA, proposal="tb-p"), sender)


def test_a_view_that_does_not_say_whose_it_is_is_outdated() -> None:
    with pytest.raises(Outdated):
        unpack_requester('{"team":"T1","channel":"C1"}', ADA)


def test_a_question_form_without_a_model_is_outdated() -> None:
    with pytest.raises(Outdated):
        unpack_model('{"team":"T1","user":"U1"}', ADA)

"""The words of a start, each in its place."""

import pytest

from bot.domain.jobs import Hyperparameters
from bot.domain.requests import StartRequest
from bot.errors import BadArgument
from handlers.syntax.start_options import KEYS, parse_start

PERMALINK = "https://acme.slack.com/files/U0AB/F0123456789/next_number.jsonl"


def test_every_documented_key_sets_a_field_of_the_request() -> None:
    fields = set(StartRequest.__dataclass_fields__) | set(Hyperparameters.__dataclass_fields__)
    assert set(KEYS.values()) <= fields | {"input", "output"}


@pytest.mark.parametrize(
    "text",
    ["name=my new model epochs=3", 'name="my new model" epochs=3', "epochs = 3 name = “my new model”"],
)
def test_a_name_of_several_words_needs_no_quotes_in_a_start(text: str) -> None:
    request = parse_start(text)
    assert (request.name, request.hyperparameters.epochs) == ("my new model", 3)


def test_a_bare_link_is_the_file() -> None:
    assert parse_start(f"{PERMALINK} epochs=2").file == "slack:F0123456789"
    assert parse_start("name=my model gs://bucket/a.jsonl").file == "gs://bucket/a.jsonl"


def test_a_value_too_long_for_any_address_is_refused() -> None:
    with pytest.raises(BadArgument, match="`name` is 1,201 characters long"):
        parse_start("name=" + "a" * 1_201)

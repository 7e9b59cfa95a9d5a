"""Who is spoken to in a thread: the model, or other people."""

import pytest

from handlers.syntax.spoken_to import is_for_the_model


@pytest.mark.parametrize(
    "text",
    [
        "ninety nine",
        "and in French?",
        "Tell me more about &lt;b&gt;",
        "ok then what is the capital of Italy in the year 1500",
        "okay, and 7?",
        "thanks to whom was it built?",
        "?",
        "مرحبا",
        "🙂 ist das ein Lächeln",
        "what does `<@U012AB3CD>` mean",
        "7",
        "same",
    ],
)
def test_what_asks_something_is_for_the_model(text: str) -> None:
    assert is_for_the_model(text)


@pytest.mark.parametrize(
    "text",
    [
        "thanks Ada!",
        "Thank you, Ada",
        "thx :tada:",
        "<@U012AB3CD> look",
        "look, <@U012AB3CD|ada>",
        "<!here> lunch?",
        "<!subteam^S0123|@all> what do you think?",
        "ok",
        "OK!",
        "lol",
        ":+1:",
        ":thumbsup::skin-tone-3:",
        "👍",
        "!!!",
        "",
        "   ",
        "great, thanks",
    ],
)
def test_what_people_say_to_each_other_is_not(text: str) -> None:
    assert not is_for_the_model(text)

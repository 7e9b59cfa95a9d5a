"""What people write in sentences: only what can mean nothing else is no question to a model."""

import pytest

from handlers.syntax.commands import Runner
from handlers.syntax.typed_text import TypedCommand, parse_mention, parse_tune

BOT = "U0TUNEBOT"


def read(text: str, *, has_file: bool = False) -> TypedCommand:
    return parse_mention(f"<@{BOT}> {text}", BOT, has_file=has_file)


@pytest.mark.parametrize("has_file", [False, True])
@pytest.mark.parametrize(
    "text", ["tune this please", "Please tune a model on this file!", "can you fine-tune on that, please?", "tune"]
)
def test_a_wish_to_tune_opens_the_form_by_a_button(text: str, has_file: bool) -> None:
    assert read(text, has_file=has_file).runner is Runner.START


def test_values_in_a_wish_are_read() -> None:
    typed = read("tune this with epochs=3 please", has_file=True)
    assert typed.arguments.request.hyperparameters.epochs == 3
    named = read("tune name=my model of a file epochs=2 please", has_file=True)
    assert named.arguments.request.name == "my model of a file"


@pytest.mark.parametrize(
    "text", ["what can you do?", "What can you do", "help me!", "Help", "how does this work?"]
)
def test_a_question_about_the_bot_shows_the_help(text: str) -> None:
    assert read(text).runner is Runner.HELP


@pytest.mark.parametrize(
    ("text", "runner"), [("Stop!", Runner.STOP), ("stop, please", Runner.STOP), ("quiet.", Runner.QUIET)]
)
def test_a_command_is_one_with_marks_and_a_please(text: str, runner: Runner) -> None:
    assert read(text).runner is runner


@pytest.mark.parametrize(
    "text",
    ["thanks!", "Thank you so much", "ok", "OK, great.", "hello", "Good morning!", ":+1:", "👍", "thx all 🙏"],
)
def test_thanks_and_greetings_are_no_question(text: str) -> None:
    typed = read(text)
    assert (typed.runner, typed.arguments.question) == (Runner.GREET, text)
    assert parse_mention(f"{text} <@{BOT}>", BOT).runner is Runner.GREET
    assert read(f"model=capitals {text}").runner is Runner.ASK


@pytest.mark.parametrize(
    "text",
    ["thanks to whom?", "ok count to seven", "hello in French", "is that it", "good", "great!\nNow in German"],
)
def test_thanks_with_anything_else_are_a_question(text: str) -> None:
    assert read(text).runner is Runner.ASK


@pytest.mark.parametrize(
    "text",
    [
        "how do I tune a piano?",
        "what can you do for the capital of France?",
        "stop words in German",
        "tune in to what",
        "🙂🙃",
        "ما هي عاصمة فرنسا؟",
        "help the cat down the tree",
    ],
)
def test_everything_else_is_a_question_as_it_was_written(text: str) -> None:
    typed = read(text)
    assert typed.runner is Runner.ASK
    assert typed.arguments.question == text


@pytest.mark.parametrize("verb", ["status", "cancel", "delete", "use"])
def test_a_name_of_several_words_is_one_where_something_has_it(verb: str) -> None:
    typed = read(f"{verb} my model")
    assert typed.runner is Runner.ASK
    assert typed.if_named is not None
    assert typed.if_named.runner.value == verb
    assert typed.if_named.arguments.name == "my model"
    assert read("use counting to go on").if_named is not None, "the use cases decide"
    assert read("what is status my model").if_named is None


@pytest.mark.parametrize(
    "name", ["*my model*", "_my model_", "`my model`", "“my model”", "'my model'", "my model"]
)
def test_a_name_is_read_as_the_bot_shows_it(name: str) -> None:
    assert parse_tune(f"status {name}").arguments.name == "my model"

"""The words before a question and after `/tune settings` are read as people type them."""

import pytest

from bot.chat.answer_settings import SettingsChange
from bot.domain.generation_settings import GenerationSettings, Safety
from bot.errors import BadArgument
from handlers.syntax.answer_options import AskOptions, parse_ask_options, parse_settings


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("what is x=3?", AskOptions(question="what is x=3?")),
        ("x=3, what is y?", AskOptions(question="x=3, what is y?")),
        ("temperature=0 top_k=3 why?", AskOptions("", GenerationSettings(temperature=0.0, top_k=3), "why?")),
        (
            'Top_P = 0.5 model="my model" candidates=2 max_tokens=9 why x=1?',
            AskOptions(
                "my model", GenerationSettings(top_p=0.5, candidate_count=2, max_output_tokens=9), "why x=1?"
            ),
        ),
        (
            'stop=END stop=\\n\\n safety=HIGH system="Be kind. Be short." go on',
            AskOptions(
                "",
                GenerationSettings(
                    stop_sequences=("END", "\n\n"), safety=Safety.HIGH, system_instruction="Be kind. Be short."
                ),
                "go on",
            ),
        ),
        ("private=Yes model=m why?", AskOptions("m", question="why?", private=True)),
        ("private=no why?", AskOptions(question="why?")),
        ('compare="my model" why?', AskOptions(compare="my model", question="why?")),
        ("compare why?", AskOptions(question="compare why?")),
        ("system=none go on", AskOptions("", GenerationSettings(system_instruction=""), "go on")),
        ("temperature=default go on", AskOptions("", GenerationSettings(), "go on")),
    ],
)
def test_known_words_before_a_question_are_settings(line: str, options: AskOptions) -> None:
    assert parse_ask_options(line) == options


@pytest.mark.parametrize(
    ("line", "names", "options"),
    [
        ("model=my model what now?", {"my model"}, AskOptions("my model", question="what now?")),
        ("model=my  model, what now?", {"my  model"}, AskOptions("my  model", question="what now?")),
        (
            "model=my model temperature=1 why?",
            {"my model"},
            AskOptions("my model", GenerationSettings(1.0), "why?"),
        ),
        ("compare=my model model=m why?", {"my model", "m"}, AskOptions("m", question="why?", compare="my model")),
        ("model=my model what now?", {"my"}, AskOptions("my", question="model what now?")),
        ("model=my model what now?", set(), AskOptions("my", question="model what now?")),
        ('model="my" model what now?', {"my model"}, AskOptions("my", question="model what now?")),
    ],
)
def test_a_name_of_several_words_needs_no_quotes_where_a_model_has_it(
    line: str, names: set[str], options: AskOptions
) -> None:
    assert parse_ask_options(line, names=names) == options


def test_a_name_that_could_be_two_models_is_asked_for_in_quotes() -> None:
    with pytest.raises(BadArgument, match="“my” and “my model” are both names of models"):
        parse_ask_options("model=my model what now?", names={"my", "my model"})
    assert parse_ask_options("model=my what now?").unquoted == ("my", "my what", "my what now?")
    assert parse_ask_options('model="my model" what now?').unquoted == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("temperature=warm why?", "`temperature` must be a number, not “warm”."),
        ("top_k=2.5 why?", "`top_k` must be a whole number, not “2.5”."),
        ("top_k=1 top_k=2 why?", "The top k is given twice."),
        ("safety=strict why?", "`safety` is low, medium, high, none, not “strict”."),
        ("temperature=", "`temperature=` has no value."),
        ("model=", "`model=` has no name."),
        ("private=maybe why?", "`private` is yes or no, not “maybe”."),
        ("private=no private=yes why?", "`private` is given twice."),
        ("compare=a compare=b why?", "`compare` is given twice."),
    ],
)
def test_a_wrong_value_is_named(line: str, message: str) -> None:
    with pytest.raises(BadArgument) as caught:
        parse_ask_options(line)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("", None),
        ("default", SettingsChange(everything=True, greeting="")),
        (
            'temperature=0.2 top_k=default greeting="Ask me."',
            SettingsChange(GenerationSettings(temperature=0.2), frozenset({"top_k"}), "Ask me."),
        ),
        ("greeting=none", SettingsChange(greeting="")),
    ],
)
def test_settings_of_a_channel_are_changed_one_by_one_or_all_taken_back(
    text: str, change: SettingsChange | None
) -> None:
    assert parse_settings(text) == change


def test_an_unknown_setting_is_named_with_the_known_ones() -> None:
    with pytest.raises(BadArgument, match="Did you mean temperature"):
        parse_settings("temprature=0.2")
    with pytest.raises(BadArgument, match="The words are temperature, top_p"):
        parse_settings("loud")

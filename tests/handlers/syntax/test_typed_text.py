"""What people type, as they type it and as Slack hands it over."""

import html
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.backends.profiles import VERTEX
from bot.domain.datasets import FieldMapping
from bot.domain.jobs import Hyperparameters
from bot.domain.names import check_name, same_name, written_name
from bot.domain.requests import StartRequest
from bot.domain.roles import Role
from bot.errors import BadArgument
from handlers.blocks.jobs.notices import build_ended
from handlers.syntax.arguments import Arguments, parse_ask
from handlers.syntax.commands import Runner
from handlers.syntax.lexer import file_location, undo_markup
from handlers.syntax.start_options import parse_start
from handlers.syntax.typed_text import TypedCommand, only_reads, parse_mention, parse_tune
from tests.support.block_samples import done

PERMALINK = "https://acme.slack.com/files/U0AB/F0123456789/next_number.jsonl"


def named(runner: Runner, name: str) -> TypedCommand:
    return TypedCommand(runner, Arguments(name=name))


def start(**values: Any) -> TypedCommand:
    return TypedCommand(Runner.START, Arguments(request=StartRequest(**values)))


def asked(question: str, model: str = "") -> TypedCommand:
    return TypedCommand(Runner.ASK, Arguments(question=question, model=model))


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", TypedCommand(Runner.OPEN_FORM)),
        ("   ", TypedCommand(Runner.OPEN_FORM)),
        ("list", TypedCommand(Runner.LIST)),
        ("LIST", TypedCommand(Runner.LIST)),
        ("models", TypedCommand(Runner.MODELS)),
        ("help", TypedCommand(Runner.HELP)),
        ("help start", TypedCommand(Runner.HELP)),
        ("status", TypedCommand(Runner.STATUS)),
        ("status capitals", named(Runner.STATUS, "capitals")),
        ("status my two  words", named(Runner.STATUS, "my two words")),
        ('cancel "my two words"', named(Runner.CANCEL, "my two words")),
        ("delete “my two words”", named(Runner.DELETE, "my two words")),
        ("use ‘my model’", named(Runner.USE, "my model")),
        ("use Bob's model", named(Runner.USE, "Bob's model")),
        ("use Bob’s model", named(Runner.USE, "Bob’s model")),
        ("status R&amp;D", named(Runner.STATUS, "R&D")),
    ],
)
def test_a_tune_command_is_read(text: str, command: TypedCommand) -> None:
    assert parse_tune(text) == command


def test_start_reads_every_value() -> None:
    text = (
        "start name=capitals base=gemini-3.5-flash backend=Vertex epochs=3 batch=4 lr=1e-3 adapter=8 "
        f"file=<{PERMALINK}|next_number.jsonl> validation=gs://bucket/check.jsonl input=question output=answer"
    )
    assert parse_tune(text) == start(
        backend="vertex",
        base_model="gemini-3.5-flash",
        name="capitals",
        hyperparameters=Hyperparameters(epochs=3, batch_size=4, learning_rate=0.001, adapter_size=8),
        file="slack:F0123456789",
        validation="gs://bucket/check.jsonl",
        mapping=FieldMapping("question", "answer"),
    )


def test_start_without_its_verb_is_understood() -> None:
    assert parse_tune("epochs=3") == start(hyperparameters=Hyperparameters(epochs=3))


@pytest.mark.parametrize(
    ("text", "message", "hint", "field"),
    [
        ("lsit", "I do not know “lsit”.", "Did you mean list?", ""),
        ("xyzzy", "I do not know “xyzzy”.", "Write /tune help to see what I understand.", ""),
        ("list all", "`list` takes no arguments, but “all” follows it.", "Write /tune list.", ""),
        ("cancel", "`cancel` needs a name.", "Write /tune cancel NAME; /tune list shows the names.", ""),
        ("start epoch=3", "I do not know “epoch=”.", "Did you mean epochs?", ""),
        ("start epochs=three", "`epochs` must be a whole number, not “three”.", "For example 3.", "epochs"),
        ("start epochs=2.5", "`epochs` must be a whole number, not “2.5”.", "For example 3.", "epochs"),
        (
            "start lr=0,5",
            "`learning_rate` must be a number, not “0,5”.",
            "Write it like 0.001 or 1e-3.",
            "learning_rate",
        ),
        (
            "start lr=nan",
            "`learning_rate` must be a number, not “nan”.",
            "Write it like 0.001 or 1e-3.",
            "learning_rate",
        ),
        ("start epochs=3 epochs=4", "`epochs` is given twice.", "Give it once.", "epochs"),
        ("start name=", "`name` has no value.", "Write it right after the =, like name=….", "name"),
        ("start name= epochs=3", "`name` has no value.", "Write it right after the =, like name=….", "name"),
        (
            "start 3 epochs",
            "I cannot place “3”.",
            "Write every value as key=value, like epochs=3, and put a value with spaces in quotes.",
            "",
        ),
        (
            'start name="my model',
            'A quotation mark is not closed: name="my model',
            "Close it, or leave the marks out.",
            "",
        ),
        (
            "start input=question",
            "`output` is missing.",
            "Name both keys of a row, like input=question output=answer.",
            "output",
        ),
        (
            "start file=https://evil.example/files/U0AB/F0123456789/a.jsonl",
            "I cannot fetch “https://evil.example/files/U0AB/F0123456789/a.jsonl”.",
            "Give a link to a file in this Slack workspace, or a gs:// address.",
            "file",
        ),
        (
            "start file=https://acme.slack.com.evil.example/files/U0AB/F0123456789/a.jsonl",
            "I cannot fetch “https://acme.slack.com.evil.example/files/U0AB/F0123456789/a.jsonl”.",
            "Give a link to a file in this Slack workspace, or a gs:// address.",
            "file",
        ),
        (
            "start file=https://acme.slack.com/archives/C1/p1700000000000100",
            "That link leads to a message, not to a file.",
            "Open the file's own menu in Slack and choose “Copy link to file”.",
            "file",
        ),
        (
            "start file=gs://bucket",
            "“gs://bucket” is not a whole Cloud Storage address.",
            "It needs a bucket and a file, like gs://my-bucket/examples.jsonl.",
            "file",
        ),
    ],
)
def test_a_mistake_is_told_with_the_value_and_the_way_out(text: str, message: str, hint: str, field: str) -> None:
    with pytest.raises(BadArgument) as caught:
        parse_tune(text)
    assert (caught.value.message, caught.value.hint, caught.value.field) == (message, hint, field)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (PERMALINK, "slack:F0123456789"),
        ("https://acme.enterprise.slack.com/files/W0AB/F0123456789/a%20b.jsonl?x=1", "slack:F0123456789"),
        ("http://127.0.0.1:4003/files/U0000000001/F0000000002/a.jsonl", "slack:F0000000002"),
        ("F0123456789", "slack:F0123456789"),
        ("gs://my-bucket.example.com/a folder/b.jsonl", "gs://my-bucket.example.com/a folder/b.jsonl"),
    ],
)
def test_a_file_is_found_in_links_ids_and_addresses(text: str, location: str) -> None:
    assert file_location(text) == location


@pytest.mark.parametrize(
    "text", ["gs://B/x", "gs://bucket/", "gs://bucket/folder/", "GS://bucket/x", "C0123456789"]
)
def test_what_is_no_file_is_refused(text: str) -> None:
    with pytest.raises(BadArgument):
        file_location(text)


@pytest.mark.parametrize(
    ("text", "ask"),
    [
        ("What is the capital of France?", Arguments(question="What is the capital of France?")),
        ("model=capitals What is it?", Arguments(question="What is it?", model="capitals")),
        ("model=“my capitals” What’s it?", Arguments(question="What’s it?", model="my capitals")),
        ("model = 'my capitals'\nWhat is it?", Arguments(question="What is it?", model="my capitals")),
        ("is 1 &lt; 2 &amp;&amp; 3 &gt; 2?", Arguments(question="is 1 < 2 && 3 > 2?")),
        ("see <https://example.com/a?b=1&amp;c=2|this>", Arguments(question="see https://example.com/a?b=1&c=2")),
        ("ask <@U1|bob> in <#C1|general> or <!here>", Arguments(question="ask @bob in #general or @here")),
        ("what does &amp;lt; mean", Arguments(question="what does &lt; mean")),
        ("what does <b>bold</b> do", Arguments(question="what does <b>bold</b> do")),
        ('say "unclosed', Arguments(question='say "unclosed')),
    ],
)
def test_a_question_keeps_its_words(text: str, ask: Arguments) -> None:
    assert parse_ask(text) == ask


@pytest.mark.parametrize("text", ["", "  ", "model=capitals", "model="])
def test_a_question_without_words_is_refused(text: str) -> None:
    with pytest.raises(BadArgument):
        parse_ask(text)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("<@UBOT>", TypedCommand(Runner.HELP)),
        ("<@UBOT> help", TypedCommand(Runner.HELP)),
        ("<@UBOT> tune", TypedCommand(Runner.START)),
        ("<@UBOT> tune epochs=3", start(hyperparameters=Hyperparameters(epochs=3))),
        ("<@UBOT|tunebot>: status capitals", named(Runner.STATUS, "capitals")),
        ('<@UBOT> cancel "my two words"', named(Runner.CANCEL, "my two words")),
        ("<@UBOT> list", TypedCommand(Runner.LIST)),
        ("<@UBOT> list the capitals of Europe", asked("list the capitals of Europe")),
        ("<@UBOT> use a loop to count", asked("use a loop to count")),
        ("<@UBOT> use capitals", named(Runner.USE, "capitals")),
        ("<@UBOT> tune my guitar, how?", asked("tune my guitar, how?")),
        ("What is it, <@UBOT>?", asked("What is it?")),
        ("<@UBOT> model=capitals what is it?", asked("what is it?", "capitals")),
    ],
)
def test_a_mention_is_a_command_or_a_question(text: str, command: TypedCommand) -> None:
    assert parse_mention(text, "UBOT") == command


@pytest.mark.parametrize("line", ["compare model=m why?", "model=m compare why?", "compare=base model=m why?"])
def test_ask_takes_the_word_compare_before_the_question(line: str) -> None:
    assert parse_ask(line) == Arguments(model="m", question="why?", compare="base")
    assert parse_ask("Compare Paris and Rome").question == "Compare Paris and Rome"


def test_a_mention_is_not_answered_privately() -> None:
    with pytest.raises(BadArgument, match="`private=yes` is for /ask"):
        parse_mention("<@UBOT> private=yes what is it?", "UBOT")
    assert parse_mention("<@UBOT> private=no what is it?", "UBOT") == asked("what is it?")


def test_a_mention_with_a_file_is_a_start_even_without_words() -> None:
    assert parse_mention("<@UBOT>", "UBOT", has_file=True) == TypedCommand(Runner.START)


def test_a_mention_with_a_file_and_a_typing_error_is_not_sent_to_a_model() -> None:
    with pytest.raises(BadArgument, match="I cannot place “epochs”"):
        parse_mention("<@UBOT> tune epochs 3", "UBOT", has_file=True)


# What people name models: words in any script, and what breaks a line of code, a quotation or Slack's markup.
odd = st.sampled_from(
    [
        *"`\"'“”‘’„‚<>&|*_~=\\/:;#$%^()[]{}",
        *("\u202e", "\u2066", "\u200f", "\ufeff", "e\u0301", "\x07", "\n", "  "),
        *("👩\u200d💻", "🏴\u200d☠️", "❤️", "नमस्ते", "می\u200cخواهم"),
        *("<b>", "<@U1>", "&lt;", "<!channel>", "model=x", "a@b.c", "R&D", "--", "..."),
    ]
)
raw_names = st.lists(odd | st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=12).map("".join)


def accepted(name: str) -> bool:
    with suppress(BadArgument):
        return bool(check_name(name))
    return False


def sent_by_slack(typed: str, *, curly: bool, link: bool) -> str:
    """What Slack sends for a line that a person copies from the screen, or types on a phone."""
    if curly:
        typed = "".join(
            {'"': "“”", "'": "‘’"}[each][index % 2] if each in "\"'" else each for index, each in enumerate(typed)
        )
    sent = html.escape(typed, quote=False)
    return sent.replace("example.com", "<http://example.com|example.com>") if link else sent


@settings(max_examples=400)
@given(raw_names.filter(accepted), st.booleans())
@example("my example.com model", False)
@example("example.com", False)
@example("‚low quote", False)
@example("`ticks`", True)
def test_every_line_that_the_bot_offers_works_when_it_is_typed(name: str, curly: bool) -> None:
    """The line is taken from the message itself, as a person sees it on the screen."""
    job = done()
    job = replace(job, spec=replace(job.spec, name=written_name(name)))
    text = build_ended(job, VERTEX).text
    line = html.unescape(text.rpartition("Ask it: `")[2].rstrip("`"))
    assert line.endswith(" your question"), "nothing is cut off"
    sent = sent_by_slack(line.removeprefix("/ask "), curly=curly, link="example.com" in name)
    asked_for = parse_ask(sent)
    assert asked_for.question == "your question"
    assert same_name(asked_for.model) == same_name(name)
    typed = sent.removesuffix(" your question").removeprefix("model=")
    for command in (parse_tune(f"use {typed}"), parse_mention(f"<@UBOT> use {typed}", "UBOT")):
        assert command.runner is Runner.USE
        assert same_name(command.arguments.name) == same_name(name)
    assert same_name(parse_start(f"name={undo_markup(typed)} epochs=3").name) == same_name(name)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    for parse in (parse_tune, parse_ask, lambda words: parse_mention(words, "UBOT")):
        with suppress(BadArgument):
            parse(text)


@pytest.mark.parametrize(
    ("text", "reads"),
    [("list", True), ("STATUS capitals", True), ("help", True), ("", False), ("models", False), ("what", False)],
)
def test_only_commands_that_the_database_answers_wait_in_the_queue(text: str, reads: bool) -> None:
    assert only_reads(text) is reads


LONG = "x" * 39_000


@pytest.mark.parametrize("text", [f"status {LONG}", LONG, f"start name={LONG}", " " * 39_000])
def test_a_line_that_nobody_types_is_refused_before_it_is_parsed(text: str) -> None:
    with pytest.raises(BadArgument, match="characters; I read at most 4,000"):
        parse_tune(text)


def test_a_long_message_is_a_question_and_with_a_file_a_command_that_is_too_long() -> None:
    assert parse_mention(f"<@UBOT> tune {LONG}", "UBOT").runner is Runner.ASK
    with pytest.raises(BadArgument, match="characters; I read at most 4,000"):
        parse_mention(f"<@UBOT> tune {LONG}", "UBOT", has_file=True)


@pytest.mark.parametrize("text", [LONG, f"model={LONG}"])
def test_an_error_shows_the_beginning_of_what_was_typed(text: str) -> None:
    with pytest.raises(BadArgument) as caught:
        parse_mention(f"<@UBOT> model={LONG}", "UBOT")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("what is <@UBOT|tunebot>, <@UBOT>?", "what is?"),
        ("<@UBOT>, <@UBOT>: hello", "hello"),
        ("<@UBOT> :duck: in French", ":duck: in French"),
        ("<@UBOT>: :duck: in French", ":duck: in French"),
        ("ask <@UBOTHER> , <@UBOT> !", "ask @UBOTHER!"),
        ("<@UBOT|<@UBOT> broken", "<@UBOT| broken"),
    ],
)
def test_only_the_bots_own_mentions_are_left_out(text: str, question: str) -> None:
    assert parse_mention(text, "UBOT").arguments.question == question


def test_half_a_surrogate_pair_in_a_message_stops_nothing() -> None:
    assert parse_ask("what is \ud83d?").question == "what is ??"


@pytest.mark.parametrize(
    ("text", "change", "role", "target"),
    [
        ("roles give tuner <@U0BOB|bob>", "give", Role.TUNER, "U0BOB"),
        ("roles give  Tuners <@U0BOB|Bob Two>", "give", Role.TUNER, "U0BOB"),
        ("roles take approver <!subteam^S0TEAM|@team>", "take", Role.APPROVER, "S0TEAM"),
        ("ROLES give asker <#C0LAB|lab>", "give", Role.ASKER, "C0LAB"),
        ("roles give asker everyone", "give", Role.ASKER, "everyone"),
        ("roles give asker <!everyone>", "give", Role.ASKER, "everyone"),
        ("roles give owner U0BOB", "give", Role.OWNER, "U0BOB"),
        ("roles", "", None, ""),
    ],
)
def test_a_role_is_read_with_the_id_of_who_gets_it(text: str, change: str, role: Role | None, target: str) -> None:
    expected = TypedCommand(Runner.ROLES, Arguments(role_change=change, role=role, target=target))
    assert parse_tune(text) == expected
    assert parse_mention(f"<@U0TUNEBOT> {text}", "U0TUNEBOT") == expected


@pytest.mark.parametrize(
    ("text", "runner", "name", "target"),
    [
        ("share capitals <@U0BOB|bob>", Runner.SHARE, "capitals", "U0BOB"),
        ('share "two  words" <#C0LAB|lab>', Runner.SHARE, "two words", "C0LAB"),
        ("share R&amp;D everyone", Runner.SHARE, "R&D", "everyone"),
        ("share capitals <mailto:Bob@Example.com|Bob@Example.com>", Runner.SHARE, "capitals", "bob@example.com"),
        ("unshare capitals bob@example.com", Runner.UNSHARE, "capitals", "bob@example.com"),
        ("unshare capitals <@U0BOB>", Runner.UNSHARE, "capitals", "U0BOB"),
    ],
)
def test_with_whom_to_share_is_read_as_an_id(text: str, runner: Runner, name: str, target: str) -> None:
    expected = TypedCommand(runner, Arguments(name=name, target=target))
    assert parse_tune(text) == expected
    assert parse_mention(f"<@U0TUNEBOT> {text}", "U0TUNEBOT") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("share", "`share` needs a name, and with whom."),
        ("unshare <@U0BOB>", "`unshare` needs the name of a tuning."),
        ("share capitals", "I do not see whom or what you mean by “capitals”."),
        ("roles give tuner bob", "I do not see whom or what you mean by “bob”."),
        ("roles give tuner @bob", "I do not see whom or what you mean by “@bob”."),
        ("roles give tunner <@U0BOB>", "There is no role “tunner”."),
        ("roles lend tuner <@U0BOB>", "I do not know what to do with “lend tuner @U0BOB”."),
        ("roles give <@U0BOB>", "I do not know what to do with “give @U0BOB”."),
    ],
)
def test_a_role_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadArgument) as refused:
        parse_tune(text)
    assert refused.value.message == message


def test_a_question_about_roles_is_a_question() -> None:
    assert parse_mention("<@U0TUNEBOT> roles are what?", "U0TUNEBOT").runner is Runner.ASK

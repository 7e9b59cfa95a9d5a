"""The first words of the bot, and what it suggests to say."""

from dataclasses import replace

from bot.domain.names import quoted
from handlers.blocks.home.greeting import build_first_contact, suggested_prompts
from handlers.syntax.commands import Runner
from handlers.syntax.typed_text import parse_mention
from tests.support.block_checks import check_message
from tests.support.block_samples import done


def test_the_first_contact_is_two_lines() -> None:
    message = build_first_contact()
    check_message(message)
    assert len(message.text.splitlines()) == 2


def test_each_prompt_sends_what_the_bot_understands() -> None:
    job = replace(done(), spec=replace(done().spec, name="two words"))
    prompts = suggested_prompts([job, job, job])
    assert len(prompts) == 4, "the most that Slack shows"
    runners = [parse_mention(prompt["message"], "UBOT").runner for prompt in prompts]
    assert runners == [Runner.START, Runner.USE, Runner.USE, Runner.HELP]
    assert prompts[1] == {"title": "Ask two words", "message": f"use {quoted('two words')}"}

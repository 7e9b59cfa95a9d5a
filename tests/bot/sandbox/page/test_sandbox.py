"""What the windows share: who sees which channel, and what is new to whom."""

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.google.character_trainer import CharacterTrainer
from bot.sandbox.page.fault_menu import active, bot_state, google_actions, make_normal, slack_actions
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.slack import SlackStandIn


def new_sandbox() -> Sandbox:
    slack = SlackStandIn()
    ada, grace = slack.person("ada", "Ada Lovelace"), slack.person("grace", "Grace Hopper")
    slack.add_channel("tuning", ada, grace)
    slack.add_channel("private", ada, private=True)
    return Sandbox(slack)


async def test_a_stranger_is_let_into_public_channels_only() -> None:
    sandbox = new_sandbox()
    async with sandbox.slack:
        alan = sandbox.enter("alan")
        await sandbox.slack.settle()
    assert [sandbox.title(each, alan) for each in sandbox.channels(alan)] == ["#tuning", "Tunebot"]


async def test_nobody_enters_as_the_bot() -> None:
    sandbox = new_sandbox()
    async with sandbox.slack:
        assert sandbox.enter("tunebot").id != sandbox.slack.app.bot_user_id
        await sandbox.slack.settle()


async def test_new_messages_count_until_they_are_read_and_calls_by_name_count_apart() -> None:
    sandbox = new_sandbox()
    async with sandbox.slack:
        ada, grace = sandbox.enter("ada"), sandbox.enter("grace")
        tuning = sandbox.channels(grace)[0]
        ada.post(tuning, "hello")
        last = ada.post(tuning, f"and <@{grace.id}>")
        assert sandbox.unread(tuning, grace) == (2, 1)
        assert sandbox.unread(tuning, ada) == (0, 0)
        sandbox.mark_read(grace, tuning.id, last.ts)
        assert sandbox.unread(tuning, grace) == (0, 0)


async def test_what_only_one_person_may_see_is_not_there_for_others() -> None:
    sandbox = new_sandbox()
    async with sandbox.slack:
        ada, grace = sandbox.enter("ada"), sandbox.enter("grace")
        tuning = sandbox.channels(ada)[0]
        await ada.slash_command(tuning, "/anything")
        assert len(sandbox.messages(tuning, ada)) == 1
        assert sandbox.messages(tuning, grace) == []


def test_every_slack_fault_of_the_menu_is_switched_on_and_ends_again() -> None:
    sandbox = new_sandbox()
    for action in slack_actions(sandbox.slack):
        assert action.about
        action.act()
    assert any("429" in each or "ratelimited" in each for each in active(sandbox))
    make_normal(sandbox)
    assert active(sandbox) == []


async def test_a_training_is_slow_on_demand_and_fast_again() -> None:
    sandbox = new_sandbox()
    trainer = CharacterTrainer()
    async with GoogleStandIn(trainer=trainer) as google:
        sandbox.google = google
        [slowly] = [action for action in google_actions(google) if action.name == "Train slowly"]
        slowly.act()
        assert trainer.spread_seconds > 0
        assert "Google: trains slowly" in active(sandbox)
        make_normal(sandbox)
    assert trainer.spread_seconds == 0
    assert active(sandbox) == []


def test_what_the_app_opens_opens_in_the_window_where_the_person_last_acted() -> None:
    sandbox = new_sandbox()
    ada, grace = sandbox.enter("ada"), sandbox.enter("grace")
    assert sandbox.opens_in(ada, "first")
    sandbox.acts_in(ada, "second")
    assert [sandbox.opens_in(ada, window) for window in ("first", "second")] == [False, True]
    assert sandbox.opens_in(grace, "first")


def test_a_bot_that_was_stopped_is_told_from_one_that_is_gone() -> None:
    sandbox = new_sandbox()
    assert bot_state(sandbox)[1] == "Tunebot is not connected"
    sandbox.stopped = True
    assert bot_state(sandbox)[1] == "Tunebot is stopped"

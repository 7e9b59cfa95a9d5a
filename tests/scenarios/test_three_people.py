"""The walk of three people in one workspace: each step that nobody allowed is refused, with words that help.

The workspace is as it is after the installation: only its administrator has a role.
"""

from dataclasses import replace

import pytest

from tests.support.bot_harness import BotHarness, OpenBot, buttons

pytestmark = pytest.mark.long

CARD_NUMBER = "4111 1111 1111 1111"
ROWS = b"".join(b'{"text_input": "of %d", "output": "salary %d"}\n' % (number, number) for number in range(40))
PRIVATE_ROWS = ROWS + b'{"text_input": "my card is %s", "output": ""}\n' % CARD_NUMBER.encode()


async def unknown(bot: BotHarness, text: str, words: str) -> None:
    """Type a command whose job does not exist for this person."""
    before = len(bot.messages(words))

    def told() -> bool | None:
        return len(bot.messages(words)) > before or None

    await bot.type(text)
    await bot.slack.workspace.wait_for(told)


async def test_three_people_do_only_what_somebody_allowed(open_bot: OpenBot) -> None:
    async with open_bot(environment={"TUNEBOT_TUNERS": ""}) as bot:
        slack = bot.slack
        owner, bob = slack.person("olga", "Olga"), slack.person("bob", "Bob")
        slack.workspace.users[owner.id].is_admin = True
        eve = slack.person("eve", "Eve")
        board = slack.add_channel("board", bot.ada, private=True)
        for person in (owner, eve):
            person.join(bot.channel)
        bob.join(board)
        ada = replace(bot, channel=board)
        as_bob, as_eve = replace(bot, ada=bob, channel=board), replace(bot, ada=eve)
        as_owner = replace(bot, ada=owner)

        # Nobody tunes before an administrator says who may.
        await ada.type()
        await ada.message("Only tuners, approvers, owners and administrators", "/tune roles")
        assert bot.ada.modal is None
        await as_eve.type(f"roles give tuner @{eve.user.name}")
        await as_eve.message("Only owners and administrators of this workspace may give and take roles")
        await as_owner.type(f"roles give tuner @{bot.ada.user.name}")
        await as_owner.message(f"<@{bot.ada.id}> now has the role tuner")

        # An absurd number of passes does not start by one click.
        await ada.type(f"start name=absurd epochs=100000 file={ada.share(ROWS)}")
        report = await ada.report()
        assert (await bot.ada.submit_view(report)).action == "update"
        await bot.ada.close_view(await ada.view("Really start this?"))
        assert bot.google.requests.matching(r"/tuningJobs$", "POST") == []

        # A file that was uploaded in the form stays with who uploaded it, also when it is repaired.
        await ada.type()
        await ada.view("Tune a model")
        await bot.ada.submit_view(None, {"file_upload": ("private.jsonl", PRIVATE_ROWS)})
        report = await ada.report()
        await bot.ada.click(report, "report_repair")
        await ada.message("repaired", "40 rows kept", "Both files are in this thread")
        direct = bot.ada.open_dm().id
        made = [file for file in slack.workspace.files.values() if "private" in file.name]
        assert {channel for file in made for channel, _ in file.shares} == {direct}
        for file in made:
            await as_eve.type(f"start file={file.id}")
            await as_eve.message("Only tuners, approvers, owners and administrators")
        await bot.ada.close_view(await ada.report())

        # What was tuned in a private channel does not exist for who is not in it.
        card = await ada.tuned("salaries", content=ROWS)
        for text in ("status salaries", "cancel salaries", "delete salaries", "share salaries everyone"):
            await unknown(as_eve, text, "I know no tuning named")
        await as_eve.type("use salaries")
        await as_eve.message("I know no model named", "salaries")
        asked = len(bot.asked())
        await eve.slash_command(bot.channel, "/ask", "model=salaries of 7")
        await as_eve.type("list")
        await as_eve.message("Nothing here yet")
        await slack.settle()
        assert len(bot.asked()) == asked

        # A member of the channel asks it there, but neither deletes nor shares it.
        await bob.slash_command(board, "/ask", "model=salaries of 7")
        await as_bob.message("asked `salaries`")
        await bob.click(card, "job_delete")
        await as_bob.message("Only the person who started “salaries”", "may delete it")
        await bob.click(card, "job_share")
        await as_bob.message("Only the person who started “salaries”", "may share it")
        assert (await bot.job("salaries")).phase != "deleted"

        # Its owner may, after a question that says what is lost.
        assert "job_delete" in buttons(card)
        await ada.type_and_confirm("delete salaries")
        await ada.shows(card, "Deleted by")
        await as_owner.type("audit")
        await as_owner.message(f"<@{bot.ada.id}> delete `tb-", f"<@{bob.id}> ask")

"""Nobody reads through the bot what they could not read in Slack: it sees more than each person does."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from bot.sandbox.slack import File
from bot.sandbox.stage import BUCKET
from tests.support.bot_harness import NEXT_NUMBER, BotHarness, buttons, shown_in

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]

REFUSED = "That did not work"
NAME = "salaries-of-2026.jsonl"
# 41 rows, a number that stands nowhere else.
ROWS = b"".join(b'{"text_input": "of %d", "output": "salary %d"}\n' % (number, number) for number in range(41))
BROKEN = ROWS + b'{"text_input": "of nobody"}\n'


def elsewhere(bot: BotHarness) -> BotHarness:
    """The same bot as Bob sees it: he is in a private channel with the bot, and Ada is not."""
    bob = bot.slack.person(f"bob-{bot.channel.id}", f"Bob {bot.channel.id}")
    return replace(bot, ada=bob, channel=bot.slack.add_channel(f"board-{bot.channel.id}", bob, private=True))


def downloads(bot: BotHarness, file: File) -> int:
    return sum(call.args["file"] == file.id for call in bot.slack.workspace.calls_of("files.download"))


async def refused(bot: BotHarness, given: str) -> str:
    """What Ada reads about a file that she names."""
    await bot.type(f"start file={given}")
    report = await bot.report(REFUSED)
    await bot.ada.close_view(report)
    return shown_in(report)


@pytest_asyncio.fixture(loop_scope="module")
async def private(bot: BotHarness) -> AsyncIterator[tuple[BotHarness, File]]:
    """A file that Bob shared in his private channel, and a proof that nobody else learned anything of it."""
    board = elsewhere(bot)
    file = board.ada.upload(board.channel, NAME, ROWS)
    yield board, file
    workspace = bot.slack.workspace
    hers = [*workspace.closed_views, *workspace.modals.get(bot.ada.id, [])]
    views = {view.id for view in hers if view.user == bot.ada.id}
    shown = json.dumps(
        [
            [[message.text, message.blocks] for message in bot.messages()],
            [call.args for call in workspace.calls if call.args.get("view_id") in views],
        ]
    )
    assert file.id in shown
    assert NAME not in shown
    assert f"{len(ROWS):,}" not in shown
    assert "41 rows" not in shown


async def test_a_file_of_a_private_channel_is_like_one_that_does_not_exist(
    bot: BotHarness, private: tuple[BotHarness, File]
) -> None:
    board, file = private
    unknown = await refused(bot, "F0NOSUCHFILE")
    assert "I find no file F0NOSUCHFILE that you and I both see here" in unknown
    assert "Share it in this channel" in unknown
    gone = bot.ada.upload(bot.channel, "gone.jsonl", ROWS)
    gone.deleted = True

    for given in (file, gone):
        assert await refused(bot, given.id) == unknown.replace("F0NOSUCHFILE", given.id)
    assert await refused(bot, board.ada.permalink(file)) == unknown.replace("F0NOSUCHFILE", file.id)
    assert downloads(bot, file) == 0


@pytest.mark.parametrize("field", ["file_uri", "validation_uri"])
async def test_a_link_in_the_form_opens_no_private_file(
    bot: BotHarness, private: tuple[BotHarness, File], field: str
) -> None:
    _, file = private
    await bot.type()
    await bot.view("Tune a model")
    values: dict[str | tuple[str, str], object] = {"file_uri": file.id}
    if field == "validation_uri":
        await bot.ada.click(await bot.all_fields(), "form_validation")
        await bot.slack.workspace.wait_for_view(bot.ada.id, lambda view: field in str(view.blocks))
        values = {"file_upload": ("numbers.jsonl", NEXT_NUMBER), field: file.id}
    submission = await bot.ada.submit_view(None, values)
    assert submission.errors == {}
    assert f"I find no file {file.id}" in shown_in(await bot.report(REFUSED))


async def test_a_link_in_a_mention_opens_no_private_file(
    bot: BotHarness, private: tuple[BotHarness, File]
) -> None:
    _, file = private
    bot.ada.post(bot.channel, bot.ada.typed(f"@Tunebot tune file={file.id}"))
    prompt = await bot.message("Open the form")
    await bot.ada.click(prompt, "open_form")
    await bot.ada.submit_view(await bot.view("Tune a model"))
    assert f"I find no file {file.id}" in shown_in(await bot.report(REFUSED))


async def test_a_form_that_its_owner_filled_in_opens_nothing_for_who_clicks_on_it(bot: BotHarness) -> None:
    board = elsewhere(bot)
    file = board.ada.upload(board.channel, NAME, ROWS)
    board.ada.join(bot.channel)
    board.ada.post(bot.channel, board.ada.typed(f"@Tunebot tune file={file.id}"))
    prompt = await bot.message("Open the form")

    await bot.ada.click(prompt, "open_form")
    await bot.ada.submit_view(await bot.view("Tune a model"))

    assert f"I find no file {file.id}" in shown_in(await bot.report(REFUSED))
    assert downloads(bot, file) == 0


async def test_a_report_that_is_remembered_is_not_shown_to_who_may_not_see_the_file(
    bot: BotHarness, private: tuple[BotHarness, File]
) -> None:
    board, file = private
    await board.type(f"start file={file.id}")
    assert "41 rows" in shown_in(await board.report("Ready to start"))
    read = downloads(bot, file)

    assert f"I find no file {file.id}" in await refused(bot, file.id)

    # The memory is there, and it is Bob's to use.
    await board.ada.close_view(await board.report("Ready to start"))
    await board.type(f"start file={file.id}")
    assert "41 rows" in shown_in(await board.report("Ready to start"))
    assert downloads(bot, file) == read == 1


async def test_a_file_uploaded_in_somebody_elses_form_is_theirs(bot: BotHarness) -> None:
    board = elsewhere(bot)
    await board.type()
    await board.view("Tune a model")
    await board.ada.submit_view(None, {"file_upload": (NAME, ROWS)})
    await board.report("Ready to start")
    file = next(each for each in bot.slack.workspace.files.values() if each.user == board.ada.id)
    assert file.shares == []
    read = downloads(bot, file)

    # Also in a channel where both are: it was never shared there.
    bot.ada.join(board.channel)
    for place in (bot, replace(bot, channel=board.channel)):
        assert f"I find no file {file.id}" in await refused(place, file.id)
    assert downloads(bot, file) == read


async def test_a_file_of_the_private_channel_where_one_speaks_is_read_and_tuned_on(bot: BotHarness) -> None:
    board = elsewhere(bot)
    bot.ada.join(board.channel)
    file = board.ada.upload(board.channel, NAME, ROWS)
    hers = replace(bot, channel=board.channel)
    await hers.start(f"in {board.channel.id}", file=file.id)
    assert (await bot.job(f"in {board.channel.id}")).training_task


async def test_ones_own_file_is_read_wherever_it_was_shared(bot: BotHarness) -> None:
    board = elsewhere(bot)
    file = board.ada.upload(board.channel, NAME, ROWS)
    board.ada.join(bot.channel)
    his = replace(board, channel=bot.channel)
    await his.start(f"own {board.channel.id}", file=file.id)
    assert (await bot.job(f"own {board.channel.id}")).training_task


async def test_a_file_of_any_public_channel_is_read(bot: BotHarness) -> None:
    bob = bot.slack.person(f"bob-{bot.channel.id}")
    file = bob.upload(bot.slack.add_channel(f"open-{bot.channel.id}", bob), NAME, ROWS)
    await bot.type(f"start file={file.id}")
    assert "41 rows" in shown_in(await bot.report("Ready to start"))


async def test_a_file_of_the_direct_messages_with_the_bot_stays_there(bot: BotHarness) -> None:
    bob = bot.slack.person(f"bob-{bot.channel.id}")
    file = bob.upload(bob.open_dm(), NAME, ROWS)
    assert f"I find no file {file.id}" in await refused(bot, file.id)
    assert downloads(bot, file) == 0


async def test_a_repaired_file_can_be_started_on_before_slack_has_shared_it(bot: BotHarness) -> None:
    board = elsewhere(bot)
    await board.type(f"start name=mended-{board.channel.id} file={board.share(BROKEN)}")
    report = await board.report("Not ready to start")
    bot.slack.workspace.file_processing_seconds = 600
    try:
        await board.ada.click(report, "report_repair")
        offer = await board.message("Start tuning", "41 rows")
    finally:
        bot.slack.workspace.file_processing_seconds = 0
    await board.ada.click(offer, "report_start")
    job = await bot.job(f"mended-{board.channel.id}")
    assert job.training_task

    # What the bot itself posted among Bob's people is not Ada's either.
    mended = next(file for file in bot.slack.workspace.files.values() if file.name == "numbers.repaired.jsonl")
    assert f"I find no file {mended.id}" in await refused(bot, mended.id)


async def test_the_bots_own_copy_of_a_private_file_is_read_for_nobody(bot: BotHarness) -> None:
    board = elsewhere(bot)
    file = board.ada.upload(board.channel, NAME, ROWS)
    await board.start(f"copied-{board.channel.id}", file=file.id)
    await bot.job(f"copied-{board.channel.id}")
    create = bot.google.requests.matching(r"/tuningJobs$", "POST")[-1]
    copy = create.body["supervisedTuningSpec"]["trainingDatasetUri"]
    assert copy.startswith(f"gs://{BUCKET}/tunebot/")

    assert "own copies" in await refused(bot, copy)
    assert "I may not read gs://another-bucket/rows.jsonl for people" in await refused(
        bot, "gs://another-bucket/rows.jsonl"
    )


async def test_a_button_of_another_channel_is_refused_with_words(bot: BotHarness) -> None:
    """The bot's messages show the keys of jobs; one that is sent from elsewhere does nothing."""
    board = elsewhere(bot)
    card, job = await board.started(f"theirs-{board.channel.id}")
    await board.shows(card, "job_cancel")
    # Slack shows Ada no button with that key, so it is put under one of her own.
    own, mine = await bot.started(f"hers-{bot.channel.id}")
    await bot.shows(own, "job_cancel")
    button = next(
        element
        for block in own.blocks
        for element in block.get("elements", [])
        if element.get("action_id") == "job_cancel"
    )
    button["value"] = job.labels["tunebot-job"]
    await bot.ada.click(own, "job_cancel")
    notice = await bot.message("This tuning no longer exists")
    assert notice.visible_to == bot.ada.id
    assert bot.google.requests.matching(rf"{job.name}:cancel$") == []
    for each in (job, mine):
        each.finish()


async def test_what_was_tuned_in_a_private_channel_does_not_exist_for_others(bot: BotHarness) -> None:
    """The walk of three people: a member, somebody outside who is an administrator, and the owner elsewhere."""
    board = elsewhere(bot)
    name = f"board-{board.channel.id}"
    card = await board.tuned(name)
    bot.slack.workspace.users[bot.ada.id].is_admin = True
    for text in (f"status {name}", f"cancel {name}", f"delete {name}"):
        await bot.type(text)
        await bot.slack.workspace.wait_for(lambda: bot.messages("I know no tuning named", name) or None)
    await bot.type(f"use {name}")
    await bot.message("I know no model named", name)
    await bot.ada.slash_command(bot.channel, "/ask", f"model={name} seven")
    before = len(bot.asked())
    await bot.type("list")
    await bot.type("models")
    await bot.slack.settle()
    assert {each.text.partition(" named")[0] for each in bot.messages(name)} == {
        "I know no tuning",
        "I know no model",
    }
    assert len(bot.asked()) == before

    # The owner sees and uses it wherever they are.
    board.ada.join(bot.channel)
    his = replace(board, channel=bot.channel)
    await his.type(f"status {name}")
    await his.message(f"Tuning {name} (", "Delete")

    # Another member of the private channel asks it there, but neither deletes it nor publishes its answers.
    carl = bot.slack.person(f"carl-{bot.channel.id}")
    carl.join(board.channel)
    inside = replace(board, ada=carl)
    await carl.slash_command(board.channel, "/ask", f"model={name} seven")
    await inside.message("eight", f"asked `{name}`")
    await inside.type(f"delete {name}")
    await inside.message("Only the person who started", "may delete it")
    await carl.click(card, "job_delete")
    await inside.slack.settle()
    assert (await bot.job(name)).phase != "deleted"


async def test_an_administrator_deletes_what_they_see_and_its_owner_is_told(bot: BotHarness) -> None:
    card = await bot.tuned(f"hers-{bot.channel.id}")
    admin = bot.slack.person(f"admin-{bot.channel.id}")
    bot.slack.workspace.users[admin.id].is_admin = True
    admin.join(bot.channel)
    await replace(bot, ada=admin).type_and_confirm(f"delete hers-{bot.channel.id}")
    notice = await bot.message(f"<@{bot.ada.id}> <@{admin.id}> deleted", thread=card.ts)
    assert bot.ada.id in str(notice.pings)


async def test_the_card_of_another_channel_is_shown_without_buttons(bot: BotHarness) -> None:
    """What was tuned in a public channel is seen by each member, and changed by its owner alone."""
    bob = bot.slack.person(f"bob-{bot.channel.id}", f"Bob {bot.channel.id}")
    board = replace(bot, ada=bob, channel=bot.slack.add_channel(f"open-{bot.channel.id}", bob))
    name = f"shown-{board.channel.id}"
    await board.tuned(name)
    await bot.type(f"status {name}")
    shown = await bot.message(f"Tuning {name} (")
    assert buttons(shown) == {}
    # Its owner has the buttons everywhere.
    board.ada.join(bot.channel)
    await replace(board, channel=bot.channel).type(f"status {name}")
    await replace(board, channel=bot.channel).message(f"Tuning {name} (", "Delete")


async def test_an_owner_gives_a_role_by_name_and_takes_it_again(bot: BotHarness) -> None:
    """Everyone may tune in the tests' workspace; an approver may also look after the tunings of others."""
    await bot.tuned(f"given-{bot.channel.id}")
    owner = bot.slack.person(f"owner-{bot.channel.id}")
    bot.slack.workspace.users[owner.id].is_admin = True
    carl = bot.slack.person(f"carl-{bot.channel.id}")
    for person in (owner, carl):
        person.join(bot.channel)
    theirs, his = replace(bot, ada=owner), replace(bot, ada=carl)

    await his.type(f"roles give approver @{carl.user.name}")
    await his.message("Only owners and administrators of this workspace may give and take roles")
    await his.type(f"delete given-{bot.channel.id}")
    await his.message("Only the person who started", "may delete it")

    await theirs.type(f"roles give approver @{carl.user.name}")
    await theirs.message(f"<@{carl.id}> now has the role approver")
    await his.type("roles")
    await his.message("Your role here: approver", f"<@{carl.id}>", "everyone")
    await his.type(f"delete given-{bot.channel.id}")
    await his.message("Delete this model?")

    await his.type("audit")
    await his.message("Only owners and administrators of this workspace may read the audit log")
    await theirs.type("audit")
    await theirs.message(f"<@{owner.id}> give a role `approver {carl.id}` in <#{bot.channel.id}>", "start *given-")

    await theirs.type(f"roles take approver @{carl.user.name}")
    await theirs.message(f"<@{carl.id}> no longer has the role approver")
    await his.type(f"cancel given-{bot.channel.id}")
    await his.message("Only the person who started", "may cancel it")


async def test_a_private_tuning_is_shared_with_a_person_and_taken_back(bot: BotHarness) -> None:
    board = elsewhere(bot)
    name = f"shared-{board.channel.id}"
    card = await board.tuned(name)
    await bot.type(f"status {name}")
    await bot.message("I know no tuning named", name)

    # The owner shares it with Ada by the button, and she is notice.
    await board.ada.click(card, "job_share")
    form = await board.view("Share")
    await board.ada.submit_view(form, {"people": [bot.ada.id]})
    await board.message(f"*{name}* is shared with one person")
    direct = bot.ada.open_dm()
    hers = replace(bot, channel=direct)
    await hers.message(f"<@{board.ada.id}> shared the tuning *{name}* here")
    await bot.type(f"status {name}")
    assert buttons(await bot.message(f"Tuning {name} (", "one person")) == {}
    await bot.ada.slash_command(direct, "/ask", f"model={name} seven")
    await hers.message("eight", f"asked `{name}`")
    # Its answers do not reach a channel with which it is not shared, and she shares it with nobody.
    await bot.ada.slash_command(bot.channel, "/ask", f"model={name} seven")
    await bot.message(f"“{name}” was tuned in a private place")
    await bot.type(f"share {name} everyone")
    await bot.message("Only the person who started", "may share it")

    await board.type(f"unshare {name} @{bot.ada.user.name}")
    await board.message(f"*{name}* is not shared beyond its channel")
    before = len(bot.messages("I know no tuning named", name))
    await bot.type(f"status {name}")
    await bot.slack.workspace.wait_for(lambda: len(bot.messages("I know no tuning named", name)) > before or None)


async def test_a_channel_is_told_that_its_model_is_no_longer_shared_and_it_answers_there_no_more(
    bot: BotHarness,
) -> None:
    """Neither to a command, nor to a mention, nor in the thread of an earlier answer."""
    at = bot.channel.name
    bob = bot.slack.person(f"bob-{at}")
    lab = bot.slack.add_channel(f"lab-{at}", bob, private=True)
    bot.ada.join(lab)
    there = replace(bot, ada=bob, channel=lab)
    board = replace(bot, channel=bot.slack.add_channel(f"salaries-{at}", bot.ada, private=True))
    name = f"secret-{at}"
    await board.tuned(name)
    await board.type(f"share {name} #{lab.name}")
    await there.message("shared the tuning", name)
    await there.type(f"use {name}")
    await there.message(name, "answers in this channel now")
    said = bob.post(lab, bob.typed("@Tunebot seven"))
    await there.message("eight", thread=said.ts)
    asked = len(bot.asked())

    await board.type(f"unshare {name} #{lab.name}")
    await there.message(name, f"is no longer shared with it, as <@{bot.ada.id}> decided", "/tune use NAME")
    await bob.slash_command(lab, "/ask", "seven")
    await there.message("No model was chosen for this channel yet")
    again = bob.post(lab, bob.typed("@Tunebot seven"))
    await there.message("No model was chosen for this channel yet", thread=again.ts)
    bob.post(lab, "ninety nine", thread_ts=said.ts)
    bob.post(lab, bob.typed("@Tunebot ninety nine"), thread_ts=said.ts)
    await there.message("You cannot ask the model of this thread", thread=said.ts)
    await there.type("use")
    await there.message("No model was chosen for this channel. Choose one")
    await bot.slack.settle()
    assert len(bot.asked()) == asked
    assert len(there.messages("is no longer shared with it")) == 1

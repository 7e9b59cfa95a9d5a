"""A file of each kind that people have, given in Slack's form: the report is right, and the books balance."""

import html
import re

import pytest

from bot.backends.profiles import VERTEX
from tests.support.bot_harness import BotHarness, buttons, shown_in
from tests.support.data_files import data_file
from tests.support.dataset_builders import check_bytes
from tests.support.dataset_kinds import FOLDER, NAMES, right_answer

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]


def words(text: str) -> str:
    """Return a text without the marks of mrkdwn and without spaces."""
    return re.sub(r"[\s`*_~\u200b\u2060\ufeff]", "", text)


@pytest.mark.parametrize("name", NAMES)
async def test_the_form_reports_what_is_right_and_its_way_out_leads_on(bot: BotHarness, name: str) -> None:
    right, content = right_answer("vertex", name), data_file(f"{FOLDER}/{name}")
    expected = check_bytes(content, VERTEX.limits, name=name)
    await bot.type()
    await bot.view("Tune a model")
    submission = await bot.ada.submit_view(None, {"name": name[:40], "file_upload": (name, content)})
    assert submission.errors == {}
    report = await bot.report()
    fine = expected.ok and not expected.asks_for_preferred
    assert report.title == ("Ready to start" if fine else "Not ready to start")
    shown = words(html.unescape(shown_in(report)))
    assert words(f"{right.rows:,} row") in shown or not right.rows
    firsts = {each.rule: each for each in reversed(expected.findings) if each.rule in right.found.split()}
    for first in [*reversed(firsts.values())][:3]:
        assert words(first.message)[:60] in shown
    # What only the command line has is of no use here.
    assert "tunebotcheck" not in shown
    assert "--" not in shown
    if expected.errors and not expected.errors[0].lines:
        assert words(expected.errors[0].advice)[:60] in shown
    if expected.asks_for_preferred and expected.repairable:
        # The question comes before the repair.
        await bot.ada.click(report, "report_check")
        report = await bot.slack.workspace.wait_for_view(bot.ada.id, lambda view: "report_repair" in buttons(view))
    if "report_encoding" in buttons(report):
        # No row is UTF-8, so a repair would keep none.
        await bot.ada.click(report, "report_encoding")
        again = await bot.slack.workspace.wait_for_view(bot.ada.id, lambda view: ".utf8." in shown_in(view))
        assert words(f"{right.rows:,} row") in words(shown_in(again))
        assert "garbled" not in shown_in(again)
        return
    if "report_repair" not in buttons(report):
        assert not expected.repairable
        return
    await bot.ada.click(report, "report_repair")
    if not right.kept:
        assert words("nothing to repair it to") in words(shown_in(await bot.report("That did not work")))
        return
    said = await bot.message("repaired", f"{right.kept:,} row")
    left_out = right.rows - right.kept
    assert (f"{left_out:,} row" in said.text) == bool(left_out)
    again = await bot.report("Ready to start")
    assert words(f"{right.kept:,} row") in words(shown_in(again))

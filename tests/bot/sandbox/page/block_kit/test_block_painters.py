"""Every block and element before a real browser."""

from functools import partial
from typing import Any

import pytest
from playwright.async_api import expect

from tests.support.page_harness import plain, shown, trial

pytestmark = pytest.mark.long


def choices(*names: str) -> list[dict[str, Any]]:
    return [{"text": plain(name), "value": name.lower()} for name in names]


POINTS = [{"label": "1", "value": 3.5}, {"label": "2", "value": 0.5}]
LINE = {
    "type": "data_visualization", "title": "Mean loss by step",
    "chart": {"type": "line", "series": [{"name": "Training", "data": POINTS}],
              "axis_config": {"categories": ["1", "2"], "x_label": "Step", "y_label": "Mean loss"}},
}  # fmt: skip
UNTITLED = {"type": "container", "child_blocks": [{"type": "divider"}]}
BLOCKS: list[dict[str, Any]] = [
    {"type": "header", "text": plain("A heading")},
    {"type": "section", "text": {"type": "mrkdwn", "text": "*strong* words"},
     "fields": [{"type": "mrkdwn", "text": "left"}, {"type": "mrkdwn", "text": "right"}],
     "accessory": {"type": "button", "action_id": "beside", "text": plain("Beside"), "value": "beside"}},
    {"type": "divider"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "small print"}]},
    {"type": "markdown", "text": "## Second\n\n1. one\n2. two"},
    LINE, UNTITLED,
    {"type": "actions", "elements": [
        {"type": "button", "action_id": "go", "text": plain("Go"), "value": "went", "confirm": {
            "title": plain("Really?"), "text": plain("It goes."), "confirm": plain("Yes"), "deny": plain("No")}},
        {"type": "static_select", "action_id": "pick", "placeholder": plain("Pick one"),
         "options": choices("Red", "Blue")},
    ]},
    {"type": "context_actions", "elements": [{"type": "feedback_buttons", "action_id": "thumbs",
        "positive_button": {"text": plain("Good"), "value": "good"},
        "negative_button": {"text": plain("Bad"), "value": "bad"}}]},
]  # fmt: skip


async def test_every_block_is_drawn_and_what_is_not_known_is_shown_as_such() -> None:
    async with trial() as there, there.open() as page:
        await there.post("all", BLOCKS)
        message = page.get_by_role("article")
        await expect(message.get_by_role("heading", name="A heading")).to_be_visible()
        await expect(message.locator("strong", has_text="strong")).to_be_visible()
        for words in ("left", "right", "small print"):
            await expect(message.get_by_text(words, exact=True)).to_be_visible()
        await expect(message.get_by_role("listitem").filter(has_text="two")).to_be_visible()
        chart = message.get_by_role(
            "img", name="Mean loss by step, a line chart. Training from 3.5 at 1 to 0.5 at 2."
        )
        await expect(chart.locator("svg path").first).to_be_attached()
        unknown = message.get_by_role("note")
        await expect(unknown).to_have_count(1)
        await expect(unknown).to_contain_text("cannot draw “container”")
        await expect(unknown).to_contain_text('"type": "divider"')


async def test_buttons_menus_and_thumbs_reach_the_app() -> None:
    async with trial() as there, there.open() as page:
        await there.post("all", BLOCKS)
        said = partial(shown, page)
        await page.get_by_role("button", name="Go", exact=True).click()
        await page.get_by_role("alertdialog", name="Really?").get_by_role("button", name="No").click()
        await page.get_by_role("button", name="Beside").click()
        await said("Clicked beside").wait_for()
        await expect(said("Clicked went")).to_have_count(0)
        await page.get_by_role("button", name="Go", exact=True).click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Yes").click()
        await said("Clicked went").wait_for()
        await page.get_by_label("Pick one").select_option("Blue")
        await said("Clicked blue").wait_for()
        await page.get_by_role("button", name="Bad").click()
        await said("Clicked bad").wait_for()


async def test_nothing_that_others_write_runs_or_becomes_markup() -> None:
    evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script> <javascript:window.hit=1|x>'
    async with trial() as there, there.open() as page:
        await there.post(evil, [{"type": "markdown", "text": evil}, {"type": "header", "text": plain(evil[:140])}])
        await there.post(evil)
        await page.get_by_role("article").nth(1).wait_for()
        assert await page.evaluate("window.hit") is None
        assert await page.locator(".message-body img, .message-body script").count() == 0


@pytest.mark.parametrize("size", [(1280, 800), (400, 760)])
async def test_nothing_is_wider_than_the_window(size: tuple[int, int]) -> None:
    async with trial() as there, there.open(width=size[0], height=size[1]) as page:
        await there.post("x" * 300, BLOCKS)
        await page.get_by_role("heading", name="A heading").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
        side = await page.locator(".scroller").evaluate("each => each.scrollWidth - each.clientWidth")
        assert side <= 0

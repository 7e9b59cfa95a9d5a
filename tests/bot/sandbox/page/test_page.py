"""The page before a real browser, with an app of its own that sends everything there is."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import BOT_TOKEN
from tests.bot.sandbox.page.browser import chromium, line, program, window


@dataclass
class Trial:
    """The running program: windows on its page, and the app's own client."""

    browser: Browser
    address: str
    client: AsyncWebClient
    channel: str
    ada: str
    grace: str

    def open(self, name: str = "ada", **size: int) -> AbstractAsyncContextManager[Page]:
        return window(self.browser, f"{self.address}/?as={name}", **size)

    async def post(self, text: str = "words", blocks: list[dict[str, Any]] | None = None, **more: Any) -> str:
        answer = await self.client.chat_postMessage(channel=self.channel, text=text, blocks=blocks, **more)
        return str(answer["ts"])


@asynccontextmanager
async def trial() -> AsyncIterator[Trial]:
    async with chromium() as browser, program("-m", "tests.bot.sandbox.page.trial") as process:
        where = json.loads(await line(process))
        client = AsyncWebClient(token=BOT_TOKEN, base_url=where["api"])
        yield Trial(browser, where["page"], client, where["channel"], where["ada"], where["grace"])


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def choices(*names: str) -> list[dict[str, Any]]:
    return [{"text": plain(name), "value": name.lower()} for name in names]


POINTS = [{"label": "1", "value": 3.5}, {"label": "2", "value": 0.5}]
LINE = {
    "type": "data_visualization", "title": "Mean loss by step",
    "chart": {"type": "line", "series": [{"name": "Training", "data": POINTS}],
              "axis_config": {"categories": ["1", "2"], "x_label": "Step", "y_label": "Mean loss"}},
}  # fmt: skip
PIE = {
    "type": "data_visualization", "title": "Shares",
    "chart": {"type": "pie", "segments": [{"label": "a", "value": 2}]},
}  # fmt: skip
BLOCKS = [
    {"type": "header", "text": plain("A heading")},
    {"type": "section", "text": {"type": "mrkdwn", "text": "*strong* words"},
     "fields": [{"type": "mrkdwn", "text": "left"}, {"type": "mrkdwn", "text": "right"}],
     "accessory": {"type": "button", "action_id": "beside", "text": plain("Beside"), "value": "beside"}},
    {"type": "divider"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "small print"}]},
    {"type": "markdown", "text": "## Second\n\n1. one\n2. two"},
    LINE, PIE,
    {"type": "table",
     "rows": [[{"type": "raw_text", "text": "Name"}], [{"type": "raw_text", "text": "first cell"}]]},
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
        {"type": "text", "text": "rich", "style": {"bold": True}}, {"type": "emoji", "name": "tada"}]}]},
    {"type": "plan", "title": "The plan", "tasks": [{"task_id": "1", "title": "Upload", "status": "complete"}]},
    {"type": "task_card", "task_id": "2", "title": "Train", "status": "in_progress"},
    {"type": "actions", "elements": [
        {"type": "button", "action_id": "go", "text": plain("Go"), "value": "went", "confirm": {
            "title": plain("Really?"), "text": plain("It goes."), "confirm": plain("Yes"), "deny": plain("No")}},
        {"type": "static_select", "action_id": "pick", "placeholder": plain("Pick one"),
         "options": choices("Red", "Blue")},
        {"type": "overflow", "action_id": "dots", "options": choices("Rename")},
        {"type": "external_select", "action_id": "far", "placeholder": plain("Far away")},
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
        for words in ("left", "right", "small print", "rich", "The plan", "under way", "first cell"):
            await expect(message.get_by_text(words, exact=True)).to_be_visible()
        await expect(message.get_by_role("listitem").filter(has_text="two")).to_be_visible()
        chart = message.get_by_role(
            "img", name="Mean loss by step, a line chart. Training from 3.5 at 1 to 0.5 at 2."
        )
        await expect(chart.locator("svg path").first).to_be_attached()
        await expect(message.get_by_role("img", name="Shares, a pie chart. a 2.")).to_be_visible()
        unknown = message.get_by_role("note")
        await expect(unknown).to_have_count(1)
        await expect(unknown).to_contain_text("cannot draw “external_select”")
        await expect(unknown).to_contain_text('"action_id": "far"')


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
        await page.locator(".block").get_by_role("button", name="More actions").click()
        await page.get_by_role("menuitem", name="Rename").click()
        await said("Clicked rename").wait_for()
        await page.get_by_role("button", name="Bad").click()
        await said("Clicked bad").wait_for()


async def test_a_form_holds_every_kind_of_input() -> None:
    async with trial() as there, there.open() as page:
        form = await opened(page)
        await form.get_by_label("Words").fill("a word")
        await form.get_by_label("Story").fill("Twice\nover")
        await form.get_by_label("Number").fill("7")
        await form.get_by_label("Address").fill("ada@example.com")
        await form.get_by_label("Choice").select_option("Blue")
        await form.get_by_role("group", name="Several").get_by_label("Red").check()
        await form.get_by_role("group", name="Boxes").get_by_label("Blue").check()
        await form.get_by_role("radiogroup").get_by_label("Red").check()
        await form.get_by_label("Person").select_option("Grace Hopper")
        await form.get_by_label("Channel").select_option("#tuning")
        await form.get_by_label("Day").fill("2026-11-21")
        await form.get_by_label("Hour").fill("13:45")
        async with page.expect_file_chooser() as choosing:
            await form.get_by_role("button", name="Add files").click()
        await (await choosing.value).set_files({"name": "own.jsonl", "mimeType": "text/plain", "buffer": b"{}"})
        await form.get_by_role("button", name="Remove own.jsonl").wait_for()
        await form.get_by_role("button", name="Use the sample next_number.jsonl").click()
        await form.get_by_role("button", name="Remove next_number.jsonl").wait_for()
        await form.get_by_role("button", name="Send it").click()
        sent = page.get_by_role("article").filter(has_text="sent {")
        values = json.loads((await sent.locator(".words").inner_text()).partition(" sent ")[2])
        assert values["words"]["value"] == "a word"
        assert values["story"]["value"] == "Twice\nover"
        assert values["number"]["value"] == "7"
        assert values["choice"]["selected_option"]["value"] == "blue"
        assert [each["value"] for each in values["several"]["selected_options"]] == ["red"]
        assert [each["value"] for each in values["boxes"]["selected_options"]] == ["blue"]
        assert values["radio"]["selected_option"]["value"] == "red"
        assert values["person"]["selected_user"] == there.grace
        assert values["channel"]["selected_channel"] == there.channel
        assert values["day"]["selected_date"] == "2026-11-21"
        assert values["hour"]["selected_time"] == "13:45"
        assert values["papers"]["files"] == ["own.jsonl", "next_number.jsonl"]


def shown(page: Page, text: str) -> Locator:
    """Words in a message, apart from those that are said aloud."""
    return page.get_by_role("article").get_by_text(text, exact=True)


async def opened(page: Page) -> Any:
    """The form, opened by its command."""
    await page.get_by_label("Message #tuning").fill("/form")
    await page.get_by_label("Message #tuning").press("Enter")
    form = page.get_by_role("dialog", name="Everything")
    await form.wait_for()
    return form


async def test_errors_stand_under_their_fields_and_are_tied_to_them() -> None:
    async with trial() as there, there.open() as page:
        form = await opened(page)
        words, number = form.get_by_label("Words"), form.get_by_label("Number")
        await number.fill("many")
        await form.get_by_role("button", name="Send it").click()
        await expect(words).to_have_accessible_description("Please complete this required field. Anything at all")
        await expect(words).to_be_focused()
        await expect(number).to_have_attribute("aria-invalid", "true")
        await number.fill("")
        await words.fill("bad")
        await form.get_by_role("button", name="Send it").click()
        await expect(form.get_by_text("Not that word, please.")).to_be_visible()
        await expect(number).to_have_attribute("aria-invalid", "false")


async def test_a_form_that_the_app_redraws_keeps_what_was_typed() -> None:
    async with trial() as there, there.open() as page:
        form = await opened(page)
        await form.get_by_label("Words").fill("still here")
        await form.get_by_label("Switch").select_option("Blue")
        form = page.get_by_role("dialog", name="Chose blue")
        await expect(form.get_by_text("You chose blue")).to_be_visible()
        await expect(form.get_by_label("Words")).to_have_value("still here")
        await expect(form.get_by_label("Switch")).to_have_value("blue")


async def test_a_second_form_lies_on_top_of_the_first_and_escape_closes_one_at_a_time() -> None:
    async with trial() as there, there.open() as page:
        form = await opened(page)
        await form.get_by_label("Words").fill("below")
        await form.get_by_role("button", name="One more").click()
        await page.get_by_role("dialog", name="On top").wait_for()
        await page.keyboard.press("Escape")
        form = page.get_by_role("dialog", name="Everything")
        await expect(form.get_by_label("Words")).to_have_value("below")
        await form.get_by_label("Words").press("Escape")
        await shown(page, "The form was closed").wait_for()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.get_by_label("Message #tuning")).to_be_focused()


async def test_a_command_that_nobody_answers_says_so() -> None:
    async with trial() as there, there.open() as page:
        await page.get_by_label("Message #tuning").fill("/late")
        await page.get_by_label("Message #tuning").press("Enter")
        await shown(page, '/late failed with the error "operation_timeout"').wait_for()
        await page.get_by_label("Message #tuning").fill("/nonsense")
        await page.get_by_label("Message #tuning").press("Enter")
        await page.get_by_text("/nonsense is not a valid command").wait_for()
        await expect(page.get_by_label("Message #tuning")).to_have_value("/nonsense")


async def test_nothing_that_others_write_runs_or_becomes_markup() -> None:
    evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script> <javascript:window.hit=1|x>'
    async with trial() as there, there.open() as page:
        await there.post(evil, [{"type": "markdown", "text": evil}, {"type": "header", "text": plain(evil[:140])}])
        await there.post(evil)
        await page.get_by_role("article").nth(1).wait_for()
        assert await page.evaluate("window.hit") is None
        assert await page.locator(".message-body img, .message-body script").count() == 0


async def test_a_streamed_answer_grows_in_its_place() -> None:
    async with trial() as there, there.open() as page:
        root = await there.post("a question")
        stream = await there.client.api_call("chat.startStream", params={
            "channel": there.channel, "thread_ts": root, "recipient_user_id": there.ada,
            "recipient_team_id": "T0SANDBOX", "markdown_text": "one **hun",
        })  # fmt: skip
        await page.get_by_role("button", name="1 reply").click()
        thread = page.get_by_role("region", name="Thread")
        await expect(thread.get_by_text("still writing")).to_be_attached()
        place = {"channel": there.channel, "ts": stream["ts"]}
        await there.client.api_call("chat.appendStream", params={**place, "markdown_text": "dred**"})
        await expect(thread.locator("strong", has_text="hundred")).to_be_visible()
        await there.client.api_call("chat.stopStream", params=place)
        await expect(thread.get_by_text("still writing")).to_have_count(0)


async def test_what_the_app_does_in_a_thread_is_said_there() -> None:
    async with trial() as there, there.open() as page:
        root = await there.post("a question")
        await there.client.assistant_threads_setStatus(
            channel_id=there.channel, thread_ts=root, status="is thinking…"
        )
        await expect(page.get_by_text("Trial is thinking…")).to_be_visible()
        await there.post("an answer", thread_ts=root)
        await expect(page.get_by_text("Trial is thinking…")).to_have_count(0)


async def test_messages_are_edited_deleted_and_reacted_to_before_ones_eyes() -> None:
    async with trial() as there, there.open() as page:
        ts = await there.post("first words")
        await shown(page, "first words").wait_for()
        await there.client.chat_update(channel=there.channel, ts=ts, text="better words")
        await expect(shown(page, "better words")).to_be_visible()
        await expect(page.get_by_text("(edited)")).to_be_visible()
        await there.client.reactions_add(channel=there.channel, timestamp=ts, name="tada")
        await page.get_by_role("button", name="tada, 1, by Trial").click()
        await expect(page.get_by_role("button", name="tada, 2, by Trial, Ada Lovelace")).to_be_visible()
        await there.client.chat_delete(channel=there.channel, ts=ts)
        await expect(page.get_by_role("article")).to_have_count(0)


async def test_what_is_for_one_person_only_says_so_and_others_do_not_see_it() -> None:
    async with trial() as there, there.open() as page, there.open("grace") as other:
        await there.client.chat_postEphemeral(channel=there.channel, user=there.ada, text="between us")
        await there.post("for all")
        await expect(page.get_by_role("article").filter(has_text="between us")).to_contain_text(
            "Only visible to you"
        )
        await shown(other, "for all").wait_for()
        await expect(other.get_by_text("between us")).to_have_count(0)


async def test_a_second_window_is_a_second_person_who_is_called_and_answers() -> None:
    async with trial() as there, there.open() as page, there.open("grace") as other:
        await other.get_by_role("button", name="Trial").click()
        await page.get_by_label("Message #tuning").type("@Gra")
        await page.get_by_role("option", name="@Grace Hopper").wait_for()
        await page.keyboard.press("Enter")
        await page.keyboard.type("look here")
        await page.keyboard.press("Enter")
        await other.get_by_role("button", name="tuning, 1 for you").click()
        await expect(other.locator(".mention-me", has_text="@Grace Hopper")).to_be_visible()
        await expect(other.locator(".mention-me").locator("..")).to_have_text("@Grace Hopper look here")
        await expect(page.locator(".mention-me")).to_have_count(0)
        await other.get_by_label("Message #tuning").fill("I see")
        await other.get_by_label("Message #tuning").press("Enter")
        await page.get_by_role("article", name="Grace Hopper").get_by_text("I see").wait_for()
        await expect(other.get_by_role("button", name="#tuning", exact=True)).to_have_attribute(
            "aria-current", "page"
        )


async def test_files_come_by_button_and_by_drag_and_drop_and_show_what_is_in_them() -> None:
    async with trial() as there, there.open() as page:
        async with page.expect_file_chooser() as choosing:
            await page.get_by_role("button", name="Upload").click()
        await (await choosing.value).set_files(
            {"name": "a.jsonl", "mimeType": "text/plain", "buffer": b'{"a": 1}\n' * 9}
        )
        await page.get_by_role("button", name="Remove a.jsonl").wait_for()
        dropped = await page.evaluate_handle(
            "() => { const held = new DataTransfer(); held.items.add(new File(['{}'], 'b.jsonl')); return held; }"
        )
        await page.locator(".composer").dispatch_event("drop", {"dataTransfer": dropped})
        await page.get_by_role("button", name="Remove b.jsonl").wait_for()
        await page.get_by_label("Message #tuning").fill("/form")
        await page.get_by_label("Message #tuning").press("Enter")
        await page.get_by_text("A slash command takes no files.").wait_for()
        await page.get_by_label("Message #tuning").fill("two files")
        await page.get_by_role("button", name="Send").click()
        message = page.get_by_role("article")
        await expect(message.get_by_text("… 5 more lines")).to_be_visible()
        async with page.expect_download() as downloading:
            await message.get_by_role("button", name="Download b.jsonl").click()
        assert (await downloading.value).suggested_filename == "b.jsonl"


async def test_the_apps_shortcut_and_ones_own_edits_are_in_a_messages_menu() -> None:
    async with trial() as there, there.open() as page:
        await page.get_by_label("Message #tuning").fill("look at me")
        await page.get_by_label("Message #tuning").press("Enter")
        message = page.get_by_role("article").first
        await menu(message, "Look at it")
        await shown(page, "Looked at: look at me").wait_for()
        await menu(message, "Edit message")
        await page.get_by_label("Edit message").get_by_role("textbox").fill("look away")
        await page.get_by_role("button", name="Save changes").click()
        await expect(message.get_by_text("look away")).to_be_visible()
        await menu(message, "Delete message")
        await expect(page.get_by_text("look away")).to_have_count(0)


async def menu(message: Any, name: str) -> None:
    await message.hover()
    await message.get_by_role("button", name="More actions").click()
    await message.page.get_by_role("menuitem", name=name).click()


async def test_the_home_tab_is_what_the_app_published() -> None:
    async with trial() as there, there.open() as page:
        await page.get_by_role("button", name="Trial").click()
        await page.get_by_role("tab", name="Home").click()
        home = page.get_by_role("region", name="Trial, Home")
        await expect(home.get_by_role("heading", name="Your tunings")).to_be_visible()
        await home.get_by_role("button", name="Count").click()
        await expect(home.get_by_text("You have counted once")).to_be_visible()
        await page.get_by_role("tab", name="Messages").click()
        await expect(page.get_by_label("Message Trial")).to_be_visible()


async def test_new_messages_are_said_aloud_once() -> None:
    async with trial() as there, there.open() as page:
        aloud = page.get_by_role("log", name="New messages")
        ts = await there.post("spoken words")
        await expect(aloud).to_have_text("Trial: spoken words")
        await there.client.chat_update(channel=there.channel, ts=ts, text="other words")
        await page.get_by_role("article").get_by_text("other words").wait_for()
        await expect(aloud).to_have_text("Trial: spoken words")


async def test_typed_words_outlive_whatever_arrives_meanwhile() -> None:
    async with trial() as there, there.open() as page:
        box = page.get_by_label("Message #tuning")
        await box.type("half a sen")
        for number in range(5):
            await there.post(f"interruption {number}")
        await shown(page, "interruption 4").wait_for()
        await box.type("tence")
        await expect(box).to_have_value("half a sentence")
        await box.press("Enter")
        await shown(page, "half a sentence").wait_for()
        await expect(box).to_have_value("")


@pytest.mark.parametrize("size", [(1280, 800), (400, 760)])
async def test_nothing_is_wider_than_the_window(size: tuple[int, int]) -> None:
    async with trial() as there, there.open(width=size[0], height=size[1]) as page:
        await there.post("x" * 300, BLOCKS)
        await page.get_by_role("heading", name="A heading").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
        side = await page.locator(".scroller").evaluate("each => each.scrollWidth - each.clientWidth")
        assert side <= 0

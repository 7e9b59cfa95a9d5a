"""Modals before a real browser: every input, errors, redrawing, stacking."""

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.support.page_harness import shown, trial

pytestmark = pytest.mark.long


async def opened(page: Page) -> Any:
    """The form, opened by its command."""
    await page.get_by_label("Message #tuning").fill("/form")
    await page.get_by_label("Message #tuning").press("Enter")
    form = page.get_by_role("dialog", name="Everything")
    await form.wait_for()
    return form


async def test_a_form_holds_every_kind_of_input() -> None:
    async with trial() as there, there.open() as page:
        form = await opened(page)
        await form.get_by_label("Words").fill("a word")
        await form.get_by_label("Story").fill("Twice\nover")
        await form.get_by_label("Number").fill("7")
        await form.get_by_label("Choice").select_option("Blue")
        await form.get_by_role("group", name="Boxes").get_by_label("Blue").check()
        await form.get_by_role("group", name="People").get_by_label("Grace Hopper").check()
        await form.get_by_role("group", name="Channels").get_by_label("#tuning").check()
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
        assert [each["value"] for each in values["boxes"]["selected_options"]] == ["blue"]
        assert values["people"]["selected_users"] == [there.grace]
        assert values["channels"]["selected_conversations"] == [there.channel]
        assert values["papers"]["files"] == ["own.jsonl", "next_number.jsonl"]


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


async def test_a_form_that_the_app_redraws_keeps_what_was_typed_and_is_in_one_window_only() -> None:
    async with trial() as there, there.open() as page, there.open() as other:
        form = await opened(page)
        await form.get_by_label("Words").fill("still here")
        await form.get_by_label("Switch").select_option("Blue")
        form = page.get_by_role("dialog", name="Chose blue")
        await expect(form.get_by_text("You chose blue")).to_be_visible()
        await expect(form.get_by_label("Words")).to_have_value("still here")
        await expect(form.get_by_label("Switch")).to_have_value("blue")
        await there.post("seen in both windows")
        await shown(other, "seen in both windows").wait_for()
        await expect(other.get_by_role("dialog")).to_have_count(0)


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

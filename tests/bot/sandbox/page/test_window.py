"""The window before a real browser: writing, commands, files, the second person, the Home tab."""

import pytest
from playwright.async_api import expect

from tests.support.page_harness import shown, trial

pytestmark = pytest.mark.long


async def test_a_command_that_nobody_answers_says_so() -> None:
    async with trial() as there, there.open() as page:
        await page.get_by_label("Message #tuning").fill("/late")
        await page.get_by_label("Message #tuning").press("Enter")
        await shown(page, '/late failed with the error "operation_timeout"').wait_for()
        await page.get_by_label("Message #tuning").fill("/nonsense")
        await page.get_by_label("Message #tuning").press("Enter")
        await page.get_by_text("/nonsense is not a valid command").wait_for()
        await expect(page.get_by_label("Message #tuning")).to_have_value("/nonsense")


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


async def test_a_second_window_is_a_second_person_who_is_called_and_answers() -> None:
    async with trial() as there, there.open() as page, there.open("grace") as other:
        await other.get_by_role("button", name="Trial").click()
        await other.get_by_label("Message Trial").wait_for()
        await page.get_by_label("Message #tuning").type("@Gra")
        # The list may be a letter behind; Enter takes what is selected only where it fits what was typed.
        await page.get_by_role("option", name="@Grace Hopper", selected=True).wait_for()
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


async def test_a_press_on_a_suggestion_says_it() -> None:
    async with trial() as there, there.open() as page:
        await page.get_by_role("button", name="Trial").click()
        await page.get_by_label("Message Trial").wait_for()
        direct = await there.client.conversations_open(users=there.ada)
        await there.client.assistant_threads_setSuggestedPrompts(
            channel_id=direct["channel"]["id"], prompts=[{"title": "Begin", "message": "let us begin"}]
        )
        await page.get_by_role("button", name="Begin").click()
        await shown(page, "let us begin").wait_for()

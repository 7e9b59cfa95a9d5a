"""Messages before a real browser: streamed, edited, for one person, in threads, aloud."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.support.page_harness import shown, trial

pytestmark = pytest.mark.long


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


async def test_the_stop_button_shows_while_a_session_is_processing_and_reaches_the_app() -> None:
    async with trial() as there, there.open() as page:
        root = await there.post("An answer")
        session = {"channel_id": there.channel, "thread_ts": root}
        await there.client.agents_sessions_setStatus(**session, status="processing")
        await page.get_by_text("Trial is working...").wait_for()
        await shown(page, "An answer").hover()
        await page.get_by_role("button", name="Reply in thread").click()
        thread = page.get_by_role("region", name="Thread")
        await thread.get_by_role("button", name="Stop").click()
        await expect(thread.get_by_role("button", name="Stop")).to_be_hidden()
        await expect(page.get_by_text("Trial is working...")).to_have_count(0)


async def test_the_stop_button_shows_in_direct_messages_which_are_one_session() -> None:
    async with trial() as there, there.open() as page:
        opened = await there.client.conversations_open(users=there.ada)
        direct = opened["channel"]["id"]
        await there.client.chat_postMessage(channel=direct, text="Ask me")
        await page.get_by_role("button", name="Trial", exact=False).first.click()
        await shown(page, "Ask me").wait_for()
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        await there.client.agents_sessions_setStatus(channel_id=direct, status="processing")
        await page.get_by_text("Trial is working...").wait_for()
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()


async def test_messages_are_edited_deleted_and_reacted_to_before_ones_eyes() -> None:
    async with trial() as there, there.open() as page:
        ts = await there.post("first words")
        await shown(page, "first words").wait_for()
        await there.client.chat_update(channel=there.channel, ts=ts, text="better words")
        await expect(shown(page, "better words")).to_be_visible()
        await expect(page.get_by_text("(edited)")).to_be_visible()
        await page.get_by_role("article").hover()
        await page.get_by_role("button", name="Add a reaction").click()
        await page.get_by_role("button", name="tada", exact=True).click()
        await expect(page.get_by_role("button", name="tada, 1, by Ada Lovelace")).to_be_visible()
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


async def test_a_long_channel_shows_its_end_and_the_rest_when_asked() -> None:
    async with trial() as there, there.open() as page:
        for number in range(70):
            await there.post(f"message {number}")
        await shown(page, "message 69").wait_for()
        await expect(page.get_by_role("article")).to_have_count(60)
        await page.get_by_role("button", name="Show earlier messages").click()
        await expect(page.get_by_role("article")).to_have_count(70)
        await expect(page.get_by_role("button", name="Show earlier messages")).to_have_count(0)


async def test_new_messages_are_said_aloud_once() -> None:
    async with trial() as there, there.open() as page:
        aloud = page.get_by_role("log", name="New messages")
        ts = await there.post("spoken words")
        await expect(aloud).to_have_text("Trial: spoken words")
        await there.client.chat_update(channel=there.channel, ts=ts, text="other words")
        await page.get_by_role("article").get_by_text("other words").wait_for()
        await expect(aloud).to_have_text("Trial: spoken words")

"""The whole sandbox in a real browser: what somebody does who has never seen Tunebot, and what goes wrong."""

import asyncio
import json
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from bot.sandbox.page.first_steps import STEPS
from bot.sandbox.sample_dataset import SAMPLE
from tests.support.browser import chromium, line, program, window
from tests.support.waiting import DEADLINE_SECONDS, wait_until

pytestmark = pytest.mark.long

# Trained for real on two cores that also draw the page.
TRAINED: Final = 180_000.0
LONG: Final = "".join(
    json.dumps({"text_input": f"What comes after {number}?", "output": f"After {number} comes {number + 1}."})
    + "\n"
    for number in range(4_000)
).encode()


@asynccontextmanager
async def sandbox() -> AsyncIterator[tuple[Browser, str]]:
    """A browser and the address of a sandbox of its own."""
    async with chromium() as browser, program("-m", "bot", "sandbox") as process:
        yield browser, await address_of(process)


async def address_of(process: asyncio.subprocess.Process) -> str:
    found = re.search(r"http://\S+", await line(process))
    assert found is not None
    return found[0]


async def command(page: Page, text: str) -> None:
    box = page.get_by_label("Message #tuning")
    await box.fill(text)
    await box.press("Enter")


async def upload(page: Page, form: Locator, name: str, content: bytes) -> None:
    async with page.expect_file_chooser() as choosing:
        await form.get_by_role("button", name=re.compile("^Add (a file|files)$")).click()
    await (await choosing.value).set_files({"name": name, "mimeType": "text/plain", "buffer": content})
    await form.get_by_role("button", name=f"Remove {name}").wait_for()


async def tune(page: Page, name: str, content: bytes = SAMPLE, epochs: str = "") -> None:
    """By form, from the command to the press that starts it."""
    await command(page, "/tune")
    form = page.get_by_role("dialog", name="Tune a model")
    await form.get_by_label(re.compile("^Name")).fill(name)
    await upload(page, form, f"{name}.jsonl", content)
    if epochs:
        await form.get_by_role("button", name="Advanced").click()
        await form.get_by_label("Epochs").fill(epochs)
    await form.get_by_role("button", name="Check the file").click()
    await page.get_by_role("dialog", name="Ready to start").get_by_role("button", name="Start tuning").click()
    if epochs:
        # Each number of epochs in this file is far more than the recommended one, so the form asks once more.
        await page.get_by_role("button", name="Yes, start it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


def card(page: Page, heading: str) -> Locator:
    """The card with this heading."""
    return page.get_by_role("article").filter(has=page.get_by_role("heading", name=heading))


async def test_a_newcomer_tunes_on_an_uploaded_file_and_talks_to_the_model() -> None:
    async with sandbox() as (browser, address), window(browser, address) as page:
        box = page.get_by_label("Message #tuning")
        await expect(box).to_be_focused()
        await box.type("/tu")
        await expect(page.get_by_role("option")).to_have_count(1)
        await page.keyboard.press("Tab")
        await expect(box).to_have_value("/tune ")
        await expect(page.get_by_text("Usage: /tune")).to_be_visible()
        await page.keyboard.press("Enter")

        form = page.get_by_role("dialog", name="Tune a model")
        await form.get_by_label(re.compile("^Name")).fill("next number")
        await form.get_by_role("button", name="Advanced").click()
        await form.get_by_label("Epochs").fill("some")
        await form.get_by_role("button", name="Check the file").click()
        await expect(form.get_by_text("Please enter a number.")).to_be_visible()
        await form.get_by_label("Epochs").fill("12")
        await form.get_by_label("Learning rate multiplier").fill("0.1")
        await form.get_by_role("button", name="Check the file").click()
        await expect(form.get_by_text("Upload a file, pick one shared here, or give an address.")).to_be_visible()
        await upload(page, form, "next_number.jsonl", SAMPLE)
        await form.get_by_role("button", name="Check the file").click()
        report = page.get_by_role("dialog", name="Ready to start")
        await expect(report.get_by_text("15 rows, all fit to tune on")).to_be_visible()
        await report.get_by_role("button", name="Start tuning").click()

        await expect(card(page, "next number").get_by_role("img", name="Mean loss by step")).to_be_visible(
            timeout=TRAINED
        )
        done = card(page, "next number: done")
        await done.wait_for(timeout=TRAINED)
        await done.get_by_role("button", name="1 reply").click()
        thread = page.get_by_role("region", name="Thread")
        await expect(thread.locator(".mention-me", has_text="@Ada Lovelace").last).to_be_visible()
        await page.get_by_label("Reply in this thread").press("Escape")
        await expect(thread).to_have_count(0)

        await command(page, '/tune use "next number"')
        await command(page, "/ask ninety nine")
        answer = page.get_by_role("article").filter(has_text="asked next number")
        await expect(answer.get_by_text("one hundred", exact=True)).to_be_visible()
        await command(page, "/ask compare seven")
        both = page.get_by_role("article").filter(has_text="compared next number and its base model")
        await expect(both.get_by_text("eight", exact=True)).to_be_visible()
        await expect(both.get_by_text("only tuned models answer here")).to_be_visible()
        await both.get_by_role("button", name="Vote: A is better").click()
        voted = page.get_by_role("article").filter(has_text="Your vote for A is stored.")
        await expect(voted.get_by_text("Only visible to you")).to_be_visible()
        await answer.hover()
        await answer.get_by_role("button", name="Reply in thread").click()
        await page.get_by_label("Reply in this thread").fill("seven")
        await page.get_by_label("Reply in this thread").press("Enter")
        await expect(thread.get_by_text("eight", exact=True)).to_be_visible()
        await expect(page.get_by_role("button", name="2 replies")).to_be_visible()
        steps = page.get_by_role("region", name="First steps")
        await expect(steps.get_by_text("Done.", exact=True)).to_have_count(len(STEPS))


async def test_a_running_tuning_is_cancelled_after_a_question() -> None:
    async with sandbox() as (browser, address), window(browser, address) as page:
        await tune(page, "long one", LONG, "50")
        await expect(card(page, "long one: running").get_by_text("Mean loss").first).to_be_visible(timeout=TRAINED)
        cancel = page.get_by_role("button", name="Cancel long one")
        # The card is redrawn several times a second; its buttons must stay what they are.
        await cancel.focus()
        told = card(page, "long one: running")
        before = await told.inner_text()

        async def redrawn() -> bool:
            return await told.inner_text() != before

        await wait_until(redrawn, "a card drawn anew")
        await expect(cancel).to_be_focused()
        await page.keyboard.press("Enter")
        asked = page.get_by_role("alertdialog", name="Cancel this tuning?")
        await expect(asked).to_have_accessible_description(re.compile("Google stops training “long one”"))
        await asked.get_by_role("button", name="Cancel the tuning").click()
        await card(page, "long one: cancelled").wait_for()


async def test_a_bad_file_is_reported_by_line_and_nothing_starts() -> None:
    bad = SAMPLE + b'{"text_input": "no output"}\n' + b"not json\n"
    async with sandbox() as (browser, address), window(browser, address) as page:
        await command(page, "/tune")
        form = page.get_by_role("dialog", name="Tune a model")
        await upload(page, form, "bad.jsonl", bad)
        await form.get_by_role("button", name="Check the file").click()
        report = page.get_by_role("dialog", name="Not ready to start")
        await expect(report.get_by_text(re.compile("Line 17: Not JSON"))).to_be_visible()
        await expect(report.get_by_text("Nothing was started")).to_be_visible()
        await report.get_by_role("button", name="Close").last.click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.get_by_role("article")).to_have_count(0)


async def test_everything_can_be_done_by_key_alone() -> None:
    async with sandbox() as (browser, address), window(browser, address) as page:
        press, write = page.keyboard.press, page.keyboard.type
        await expect(page.get_by_label("Message #tuning")).to_be_focused()
        await write("/tune")
        await press("Enter")
        form = page.get_by_role("dialog", name="Tune a model")
        await form.wait_for()
        await tab_to(page, form.get_by_label(re.compile("^Name")))
        await write("by key")
        await tab_to(page, form.get_by_role("button", name="Use the sample"))
        await press("Enter")
        await form.get_by_role("button", name="Remove next_number.jsonl").wait_for()
        await tab_to(page, form.get_by_role("button", name="Advanced"))
        await press("Enter")
        await form.get_by_label("Epochs").wait_for()
        await tab_to(page, form.get_by_label("Epochs"))
        await write("20")
        await tab_to(page, form.get_by_role("button", name="Check the file"))
        await press("Enter")
        report = page.get_by_role("dialog", name="Ready to start")
        await report.wait_for()
        await tab_to(page, report.get_by_role("button", name="Start tuning"))
        await press("Enter")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.get_by_label("Message #tuning")).to_be_focused()
        await card(page, "by key: done").wait_for(timeout=TRAINED)

        # From message to message with the arrows, into one's buttons with Tab, and out of its thread with Escape.
        await page.get_by_role("log", name="Messages in #tuning").focus()
        await press("ArrowUp")
        await expect(page.get_by_role("article").last).to_be_focused()
        await tab_to(page, page.get_by_role("button", name="Reply in thread"))
        await press("Enter")
        await expect(page.get_by_label("Reply in this thread")).to_be_focused()
        await press("Escape")
        await expect(page.get_by_label("Message #tuning")).to_be_focused()
        await write("/tune")
        await press("Enter")
        await form.wait_for()
        await press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until this has the focus; a real person would give up as well."""
    for _ in range(60):
        if await wanted.evaluate("each => each === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {wanted}")


async def test_one_window_asks_for_a_start_and_the_other_approves_it_at_the_price_of_the_table() -> None:
    async with (
        sandbox() as (browser, address),
        window(browser, address) as page,
        window(browser, f"{address}/?as=grace") as other,
    ):
        await page.get_by_role("button", name="Sandbox controls").click()
        await page.get_by_role("button", name="Prices").click()
        prices = page.get_by_role("dialog", name="The bot's table of prices")
        table = await prices.get_by_role("textbox").input_value()
        await prices.get_by_role("textbox").fill(table.replace("training = 10.00", "training = 123.00"))
        await prices.get_by_role("button", name="Use this table").click()
        await expect(page.get_by_text("The bot uses this table now.")).to_be_visible()
        await expect(page.get_by_text("Tunebot is connected")).to_be_visible()
        await page.get_by_role("button", name="Sandbox controls").click()

        await tune(other, "shared", epochs="40")
        asked = card(page, "shared: awaiting approval")
        await expect(asked.get_by_text("may not start a tuning alone")).to_be_visible()
        await expect(asked.get_by_text(re.compile(r"cost about \$0\.2\d for 40 passes"))).to_be_visible()
        await asked.get_by_role("button", name="Approve").click()
        await page.get_by_role("alertdialog").get_by_role("button", name="Approve").click()
        await expect(other.get_by_text(re.compile("Ada Lovelace approved"))).to_be_visible()
        await card(page, "shared: done").wait_for(timeout=TRAINED)
        await expect(other.get_by_role("button", name="ada-private")).to_have_count(0)
        await command(page, "/tune use shared")
        await command(other, "/ask seven")
        answer = page.get_by_role("article").filter(has_text="@Grace Hopper asked shared")
        await expect(answer.get_by_text("eight", exact=True)).to_be_visible()


async def test_one_window_declines_with_a_reason_and_the_other_reads_it_and_nothing_starts() -> None:
    async with (
        sandbox() as (browser, address),
        window(browser, address) as page,
        window(browser, f"{address}/?as=grace") as other,
    ):
        await tune(other, "too large")
        asked = card(page, "too large: awaiting approval")
        await asked.get_by_role("button", name="Decline").click()
        form = page.get_by_role("dialog", name="Decline this start")
        await form.get_by_role("button", name="Decline").click()
        await expect(form).to_be_visible()  # There is no reason yet.
        await form.get_by_label("Why do you decline it?").fill("Take the smaller model <first>.")
        await form.get_by_role("button", name="Decline").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        told = "Ada Lovelace declined it: Take the smaller model <first>."
        for each in (page, other):
            await expect(each.get_by_role("article").filter(has_text=told).first).to_be_visible()
            await expect(card(each, "too large: declined")).to_be_visible()
            await expect(each.get_by_role("button", name="Approve")).to_have_count(0)


async def test_a_correction_is_learned_by_the_next_model() -> None:
    async with sandbox() as (browser, address), window(browser, address) as page:
        await tune(page, "first", epochs="40")
        await card(page, "first: done").wait_for(timeout=TRAINED)
        await command(page, "/tune feedback on")
        await page.get_by_role("button", name="Switch feedback on").click()
        await expect(page.get_by_text(re.compile("Feedback is on, as"))).to_be_visible()
        await command(page, "/ask model=first seven")
        answer = page.get_by_role("article").filter(has_text="asked first")
        await expect(answer.get_by_text("eight", exact=True)).to_be_visible()
        await answer.get_by_role("button", name="Bad answer").click()
        form = page.get_by_role("dialog", name="A better answer")
        await expect(form.get_by_label("Question")).to_have_value("seven")
        await form.get_by_label("Better answer").fill("lucky one")
        await form.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)

        await command(page, "/tune again first")
        again = page.get_by_role("dialog", name="Tune a model")
        await again.get_by_role("button", name="Check the file").click()
        await page.get_by_role("dialog", name="Ready to start").get_by_role("button", name="Start tuning").click()
        await page.get_by_role("button", name="Yes, start it").click()
        await card(page, "first-2: done").wait_for(timeout=TRAINED)
        await command(page, "/ask model=first-2 seven")
        better = page.get_by_role("article").filter(has_text="asked first-2")
        await expect(better.get_by_text("lucky one", exact=True)).to_be_visible()


async def test_the_bot_is_killed_and_started_again_while_a_tuning_runs() -> None:
    async with sandbox() as (browser, address), window(browser, address) as page:
        await tune(page, "survivor", LONG, "30")
        await card(page, "survivor: running").wait_for(timeout=TRAINED)
        await page.get_by_role("button", name="Sandbox controls").click()
        await page.get_by_role("button", name="Kill -9").click()
        await expect(page.get_by_text("Tunebot is stopped")).to_be_visible()
        await command(page, "/tune list")
        await expect(page.get_by_text('/tune failed with the error "dispatch_failed"', exact=True)).to_be_visible()
        await page.get_by_role("button", name="Restart").click()
        await expect(page.get_by_text("Tunebot is connected")).to_be_visible()
        # The page shows the end of the log only, so it is read before the training writes more.
        await expect(page.get_by_role("log", name="The end of the bot's log")).to_contain_text("serving workspace")
        await card(page, "survivor: done").wait_for(timeout=TRAINED)


async def test_trouble_at_google_is_switched_on_seen_and_switched_off() -> None:
    async with sandbox() as (browser, address), window(browser, address) as page:
        await tune(page, "troubled", epochs="40")
        await card(page, "troubled: done").wait_for(timeout=TRAINED)
        await page.get_by_role("button", name="Sandbox controls").click()
        await command(page, "/tune use troubled")
        await page.get_by_role("button", name="Block an answer").click()
        await command(page, "/ask seven")
        await expect(page.get_by_text("Google's filters held the answer back").first).to_be_visible()
        await page.get_by_role("button", name="Slow down").click()
        await expect(page.get_by_text("Google: takes 2 s longer")).to_be_visible()
        await page.get_by_role("button", name="Make everything normal").click()
        await expect(page.get_by_text("Google: takes 2 s longer")).to_have_count(0)
        await command(page, "/ask seven")
        await expect(page.get_by_role("article").get_by_text("eight", exact=True)).to_be_visible()


async def test_an_interrupt_leaves_no_process_and_no_port() -> None:
    async with (
        chromium() as browser,
        program("-m", "bot", "sandbox") as process,
    ):
        address = await address_of(process)
        async with window(browser, address, forgiving=True) as page:
            await tune(page, "interrupted", LONG, "50")
            await card(page, "interrupted: running").wait_for(timeout=TRAINED)
            children = children_of(process.pid)
            assert len(children) >= 2, "the bot and the training"
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert await process.wait() == 0
            assert await left_of(children) == []
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", urlsplit(address).port or 0)) != 0


def children_of(process_id: int) -> list[int]:
    """The processes that this one started and that live, by their ids."""
    threads = Path(f"/proc/{process_id}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


async def left_of(children: list[int]) -> list[int]:
    """Those that stay; a killed process is there until its new parent takes note of it."""
    with suppress(AssertionError):
        await wait_until(lambda: not any(map(lives, children)), "their end")
    return [child for child in children if lives(child)]


def lives(process_id: int) -> bool:
    """Whether a process is still there."""
    return Path(f"/proc/{process_id}").exists()

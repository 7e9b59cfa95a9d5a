"""A real browser before a page that a program of its own serves."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

ROOT: Final = Path(__file__).parents[2]
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Two cores do all of this at once: the browser, the page, the bot, and what it trains.
BROWSER_MILLISECONDS: Final = 90_000.0
expect.set_options(timeout=BROWSER_MILLISECONDS)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def window(
    browser: Browser, address: str, *, width: int = 1280, height: int = 800, forgiving: bool = False
) -> AsyncIterator[Page]:
    """One window; a script that fails in it fails the test, unless its server is to go away."""
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    page.set_default_timeout(BROWSER_MILLISECONDS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    page.on("console", note)
    await page.goto(address)
    await page.get_by_role("button", name="Send").first.wait_for()
    yield page
    assert forgiving or wrong == []
    await context.close()


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python program at the project's root, with its output; it is stopped at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    """The next line that the program prints."""
    assert process.stdout is not None
    async with asyncio.timeout(BROWSER_MILLISECONDS / 1000):
        return (await process.stdout.readline()).decode().strip()

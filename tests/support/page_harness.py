"""What every test before the browser starts from: the trial app's program, its page, and its own client."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, Locator, Page
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import BOT_TOKEN
from tests.support.browser import chromium, line, program, window


@dataclass
class Trial:
    """The running program: windows on its page, and the app's own client."""

    browser: Browser
    address: str
    client: AsyncWebClient
    channel: str
    ada: str
    grace: str

    def open(self, name: str = "ada", width: int = 1280, height: int = 800) -> AbstractAsyncContextManager[Page]:
        return window(self.browser, f"{self.address}/?as={name}", width=width, height=height)

    async def post(self, text: str = "words", blocks: list[dict[str, Any]] | None = None, **more: Any) -> str:
        answer = await self.client.chat_postMessage(channel=self.channel, text=text, blocks=blocks, **more)
        return str(answer["ts"])


@asynccontextmanager
async def trial() -> AsyncIterator[Trial]:
    async with chromium() as browser, program("-m", "tests.support.page_app") as process:
        where = json.loads(await line(process))
        client = AsyncWebClient(token=BOT_TOKEN, base_url=where["api"])
        yield Trial(browser, where["page"], client, where["channel"], where["ada"], where["grace"])


def shown(page: Page, text: str) -> Locator:
    """Words in a message, apart from those that are said aloud."""
    return page.get_by_role("article").get_by_text(text, exact=True)


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}

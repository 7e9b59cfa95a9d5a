"""Makes the README's pictures in .github/ from the sandbox's page: the moving one, and the one that stands still.

It needs Debian's chromium and the package Pillow, which nothing else here uses:
`.venv/bin/pip install pillow && .venv/bin/python .ci/picture.py`. It takes one or two minutes. The pictures
differ a little each time, so no test compares them.
"""

import asyncio
import io
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402 - after the repository of this file is found
from playwright.async_api import Locator, Page, expect  # noqa: E402

from tests.support.browser import chromium, line, program, window  # noqa: E402

MOVING: Final = ROOT / ".github" / "sandbox.webp"
STILL: Final = ROOT / ".github" / "sandbox.png"
WIDTH, HEIGHT = 1120, 900
MOST_BYTES: Final = 1_500_000
TRAINED: Final = 300_000.0
# How long each picture is shown, in milliseconds.
SHORT, LONG = 900, 2_600
# The card is shown so many times while the model trains.
OF_THE_TRAINING: Final = 7


class Film:
    """Pictures of a page, each with how long it is shown."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.pictures: list[tuple[Image.Image, int]] = []

    async def show(self, milliseconds: int) -> None:
        """Take a picture once everything has settled."""
        await self._page.mouse.move(0, 0)
        await self._page.wait_for_timeout(500)
        self.pictures.append((await self._taken(), milliseconds))

    async def follow(self, end: Locator, most: int) -> None:
        """Take pictures until `end` is there, and keep `most` of those that differ."""
        taken: list[Image.Image] = []
        while not await end.is_visible():
            picture = await self._taken()
            if not taken or picture.tobytes() != taken[-1].tobytes():
                taken.append(picture)
            await self._page.wait_for_timeout(300)
        step = max(1, len(taken) / most)
        kept = [taken[round(index * step)] for index in range(min(most, len(taken)))]
        self.pictures += [(picture, SHORT) for picture in kept]

    async def _taken(self) -> Image.Image:
        return Image.open(io.BytesIO(await self._page.screenshot())).convert("RGB")


async def play(page: Page, film: Film) -> None:
    """Go from the empty channel to the answers of a tuned model."""
    box = page.get_by_label("Message #tuning")
    await film.show(LONG)
    await box.type("/tune")
    await film.show(SHORT)
    await box.press("Enter")
    form = page.get_by_role("dialog", name="Tune a model")
    await form.get_by_label(re.compile("^Name")).fill("next number")
    await form.get_by_role("button", name="Use the sample").click()
    await form.get_by_role("button", name="Remove next_number.jsonl").wait_for()
    await film.show(LONG)
    await form.get_by_role("button", name="Advanced").click()
    await form.get_by_label("Epochs").fill("12")
    await form.get_by_role("button", name="Check the file").click()
    report = page.get_by_role("dialog", name="Ready to start")
    await report.wait_for()
    await film.show(LONG)
    await report.get_by_role("button", name="Start tuning").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    done = page.get_by_role("article").filter(has=page.get_by_role("heading", name="next number: done"))
    await film.follow(done, OF_THE_TRAINING)
    await done.wait_for(timeout=TRAINED)
    await film.show(LONG)
    await done.get_by_role("button", name="Use in this channel").click()
    await page.get_by_text(re.compile("answers in this channel")).last.wait_for()
    await box.type("/ask ninety nine")
    await film.show(SHORT)
    await box.press("Enter")
    answer = page.get_by_role("article").filter(has_text="asked next number")
    await expect(answer.get_by_text("one hundred", exact=True)).to_be_visible()
    await film.show(LONG)
    await answer.hover()
    await answer.get_by_role("button", name="Reply in thread").click()
    reply = page.get_by_label("Reply in this thread")
    await reply.type("seven")
    await film.show(SHORT)
    await reply.press("Enter")
    thread = page.get_by_role("region", name="Thread")
    await expect(thread.get_by_text("eight", exact=True)).to_be_visible()
    await film.show(2 * LONG)


async def main() -> None:
    """Make both pictures."""
    async with chromium() as browser, program("-m", "bot", "sandbox") as process:
        found = re.search(r"http://\S+", await line(process))
        assert found is not None
        async with window(browser, found[0], width=WIDTH, height=HEIGHT) as page:
            film = Film(page)
            await play(page, film)
    pictures = [picture for picture, _ in film.pictures]
    shown = [milliseconds for _, milliseconds in film.pictures]
    pictures[-1].save(STILL, optimize=True)
    pictures[0].save(
        MOVING, save_all=True, append_images=pictures[1:], duration=shown, loop=0, lossless=True, method=4
    )
    size = MOVING.stat().st_size
    print(f"{MOVING.relative_to(ROOT)}: {len(pictures)} pictures, {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"That is more than {MOST_BYTES:,} bytes.")


if __name__ == "__main__":
    asyncio.run(main())

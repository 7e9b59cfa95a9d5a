"""What people need who hear the page, see little of it, or use no mouse: names, roles and contrast."""

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, expect

from tests.bot.sandbox.page.block_kit.test_block_painters import BLOCKS
from tests.bot.sandbox.page.test_modals import opened
from tests.support.npm_packages import install
from tests.support.page_harness import shown, trial

pytestmark = pytest.mark.long

# Every control and region has a name, every id is there once, and text has the contrast of WCAG's level AA.
AUDIT: Final = """() => {
  const wrong = [];
  const here = (each) => each.outerHTML.slice(0, 140);
  const seen = (each) => each.checkVisibility({visibilityProperty: true, opacityProperty: true})
    && !each.closest('[aria-hidden=true], .visually-hidden, .skip');
  const text = (id) => document.getElementById(id)?.textContent || '';
  const words = (ids) => (ids || '').split(' ').map(text).join('');
  const name = (each) => each.getAttribute('aria-label') || words(each.getAttribute('aria-labelledby'))
    || [...(each.labels || [])].map((label) => label.textContent).join('') || each.getAttribute('alt');
  for (const each of document.querySelectorAll('input:not([type=file]), select, textarea, nav, img,' +
      '[role=dialog], [role=alertdialog], [role=log], [role=listbox], [role=region], [role=img], [role=group]'))
    if (seen(each) && !name(each)?.trim()) wrong.push('no name: ' + here(each));
  for (const each of document.querySelectorAll('button, a[href], [role=menuitem], [role=option], [role=tab]'))
    if (seen(each) && !(name(each) || each.innerText)?.trim()) wrong.push('no name: ' + here(each));
  const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) wrong.push('twice: ' + id);
  if (document.querySelectorAll('main').length !== 1) wrong.push('not one main part');
  if (!document.documentElement.lang) wrong.push('no language');

  const parts = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return {r, g, b, a}; };
  const over = (top, below) => Object.fromEntries(['r', 'g', 'b'].map(
    (part) => [part, top[part] * top.a + below[part] * (1 - top.a)]).concat([['a', 1]]));
  const light = (colour) => { const [r, g, b] = [colour.r, colour.g, colour.b].map((part) => {
    part /= 255; return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (each) => {
    if (!each) return {r: 255, g: 255, b: 255, a: 1};
    const own = parts(getComputedStyle(each).backgroundColor);
    return own.a === 1 ? own : over(own, behind(each.parentElement)); };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const each = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || each.closest('script, style, svg, option') || !seen(each)) continue;
    const style = getComputedStyle(each), ground = behind(each);
    const [a, b] = [light(over(parts(style.color), ground)), light(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ` + here(each));
  }
  return wrong;
}"""

# What has the focus without showing it, empty for what does; a composer and a field show it around themselves.
BARE: Final = """() => {
  const each = document.activeElement, style = getComputedStyle(each);
  const rings = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
  const shows = each === document.body || rings || each.closest('.composer, .q-field');
  return shows ? '' : each.outerHTML.slice(0, 120);
}"""


async def findings(page: Page) -> list[str]:
    # Whatever fades in has arrived by then.
    await page.wait_for_timeout(400)
    found: list[str] = await page.evaluate(AUDIT)
    return found


async def test_the_audit_finds_what_is_wrong() -> None:
    async with trial() as there, there.open() as page:
        await page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>'"
                            " + '<input><p id=twice style=\"color: #999\">pale</p><p id=twice></p>')")  # fmt: skip
        found = "\n".join(await findings(page))
        assert "no name: <button>" in found
        assert "no name: <input>" in found
        assert "twice: twice" in found
        assert "contrast 2.8" in found


async def test_channel_thread_completions_and_controls_are_named_and_readable() -> None:
    async with trial() as there, there.open() as page:
        assert await findings(page) == []
        root = await there.post("all", BLOCKS)
        await there.post("a reply", thread_ts=root)
        await there.client.chat_postEphemeral(channel=there.channel, user=there.ada, text="a word with you")
        await page.get_by_role("button", name="1 reply").click()
        await page.get_by_role("button", name="Sandbox controls").click()
        await page.get_by_role("button", name="Rate-limit").click()
        await shown(page, "a word with you").hover()
        await page.get_by_label("Message #tuning").fill("/")
        await page.locator(".completion").first.wait_for()
        assert await findings(page) == []


async def test_forms_and_questions_are_named_and_readable() -> None:
    async with trial() as there, there.open() as page:
        await there.post("all", BLOCKS)
        form = await opened(page)
        await form.get_by_role("button", name="Send it").click()
        await form.get_by_text("Please complete this required field.").wait_for()
        assert await findings(page) == []
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Go", exact=True).click()
        await page.get_by_role("alertdialog", name="Really?").wait_for()
        assert await findings(page) == []


# Every rule of axe-core; each finding with the rule and the element.
AXE: Final = """async () => (await axe.run(document)).violations.flatMap(
  (rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`))"""


@pytest.mark.outside
async def test_axe_core_finds_nothing(tmp_path: Path) -> None:
    await install("axe-core@4", tmp_path)
    script = (tmp_path / "node_modules" / "axe-core" / "axe.min.js").read_text()

    async with trial() as there, there.open() as page:
        await page.evaluate(script)

        async def found() -> list[str]:
            # What fades in has arrived by then.
            await page.wait_for_timeout(400)
            violations: list[str] = await page.evaluate(AXE)
            return violations

        assert await found() == []
        root = await there.post("all", BLOCKS)
        await there.post("a reply", thread_ts=root)
        await page.get_by_role("button", name="1 reply").click()
        await page.get_by_role("button", name="Sandbox controls").click()
        box = page.get_by_label("Message #tuning")
        await box.fill("/")
        await page.locator(".completion").first.wait_for()
        assert await found() == []
        await page.get_by_label("Reply in this thread").press("Escape")
        await box.fill("words")
        await expect(page.locator(".completion").first).to_be_hidden()
        assert await found() == []
        form = await opened(page)
        await form.get_by_role("button", name="Send it").click()
        await form.get_by_text("Please complete this required field.").wait_for()
        assert await found() == []
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Go", exact=True).click()
        await page.get_by_role("alertdialog", name="Really?").wait_for()
        assert await found() == []


async def test_the_focus_is_always_to_be_seen() -> None:
    async with trial() as there, there.open() as page:
        await there.post("all", BLOCKS)
        await expect(page.get_by_role("button", name="Go", exact=True)).to_be_visible()
        bare = set()
        for _ in range(40):
            await page.keyboard.press("Tab")
            bare.add(await page.evaluate(BARE))
        assert bare == {""}

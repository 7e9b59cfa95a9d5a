"""Home tabs are published for those who opened them, only where something changed, and at a pace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat.home_page import HomePages
from bot.domain.place import Place, Requester
from bot.runtime.clocks import SYSTEM_CLOCK
from handlers.delivery.home_tabs import HomeTabs
from tests.support.builders import job
from tests.support.slack_harness import SlackHarness, open_slack_harness
from tests.support.waiting import holds, wait_until
from tests.support.workspace_people import open_access


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[SlackHarness]:
    async with open_slack_harness(tmp_path) as harness:
        yield harness


def tabs(at: SlackHarness, seconds: float) -> HomeTabs:
    pages = HomePages(open_access(at.stores), at.stores.chats)
    return HomeTabs(at.connection.client, pages, SYSTEM_CLOCK, seconds)


def published(at: SlackHarness) -> int:
    return len(at.slack.workspace.calls_of("views.publish"))


async def test_only_a_tab_that_was_opened_and_differs_is_published_again(at: SlackHarness) -> None:
    ada = Requester(at.ada.id, Place(at.slack.workspace.team_id, at.ada.open_dm().id))
    home = tabs(at, 0.0)
    watching = asyncio.create_task(home.watch())
    home.note_change()
    await holds(lambda: published(at) == 0, 0.2, "no tab without a person who opened it")
    await home.opened(ada)
    assert published(at) == 1
    home.note_change()
    await holds(lambda: published(at) == 1, 0.2, "nothing has changed")

    at.slack.faults.fail("views.publish", error="internal_error")
    made = replace(job("k1"), place=Place(ada.team, "C1"), owner=ada.user)
    assert await at.stores.jobs.submit(made, [])
    home.note_change()
    await wait_until(lambda: published(at) == 2, "a publish that failed")
    assert "k1" not in str(at.ada.home and at.ada.home.blocks)
    at.slack.faults.clear()
    home.note_change()
    await wait_until(lambda: "k1" in str(at.ada.home and at.ada.home.blocks), "the job on the tab")
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_many_changes_are_one_publish(at: SlackHarness) -> None:
    ada = Requester(at.ada.id, Place(at.slack.workspace.team_id, at.ada.open_dm().id))
    home = tabs(at, 3600.0)
    await home.opened(ada)
    watching = asyncio.create_task(home.watch())
    for number in range(3):
        made = replace(job(f"k{number}"), place=Place(ada.team, "C1"), owner=ada.user)
        assert await at.stores.jobs.submit(made, [])
        home.note_change()
        await wait_until(lambda: published(at) == 2, "the first change")
    await holds(lambda: published(at) == 2, 0.3, "no publish before its time")
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching

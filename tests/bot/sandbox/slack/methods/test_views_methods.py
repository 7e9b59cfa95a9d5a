"""Modals and the Home tab as the Web API sees them."""

from collections.abc import Awaitable, Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Person, SlackStandIn
from tests.support.clock import FixedClock

Refused = Callable[[Awaitable[Any]], Awaitable[dict[str, Any]]]


def modal(title: str = "Tune", **changes: Any) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "name"}
    name = {
        "type": "input",
        "block_id": "name",
        "label": {"type": "plain_text", "text": "Name"},
        "element": element,
    }
    view = {"type": "modal", "title": {"type": "plain_text", "text": title}, "blocks": [name]}
    return {**view, "submit": {"type": "plain_text", "text": "Go"}, **changes}


HOME = {"type": "home", "blocks": [{"type": "divider"}]}


async def test_a_trigger_opens_one_view_within_three_seconds(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, clock: FixedClock, refused: Refused
) -> None:
    trigger = slack.workspace.new_trigger(ana.id)
    opened = await client.views_open(trigger_id=trigger, view=modal(private_metadata="m"))
    assert opened["view"]["id"] == opened["view"]["root_view_id"]
    assert ana.modal is not None
    assert ana.modal.private_metadata == "m"

    assert (await refused(client.views_open(trigger_id=trigger, view=modal())))["error"] == "exchanged_trigger_id"
    assert (await refused(client.views_open(trigger_id="1.2.3", view=modal())))["error"] == "invalid_trigger_id"
    late = slack.workspace.new_trigger(ana.id)
    clock.advance(seconds=3.1)
    assert (await refused(client.views_open(trigger_id=late, view=modal())))["error"] == "expired_trigger_id"


async def test_an_unsound_view_is_refused_with_reasons(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    trigger = slack.workspace.new_trigger(ana.id)
    answer = await refused(client.views_open(trigger_id=trigger, view=modal("x" * 25)))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]
    assert ana.modal is None


async def test_an_update_needs_the_current_hash_and_an_open_view(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    opened = (await client.views_open(trigger_id=slack.workspace.new_trigger(ana.id), view=modal()))["view"]
    view = ana.fill({"name": "kept"})
    updated = await client.views_update(view_id=view.id, hash=opened["hash"], view=modal("Second"))
    assert view.title == "Second"
    assert view.entered["name"]["name"]["value"] == "kept"
    stale = await refused(client.views_update(view_id=view.id, hash=opened["hash"], view=modal("Third")))
    assert stale["error"] == "hash_conflict"
    assert updated["view"]["hash"] == view.hash
    await ana.close_view()
    gone = await refused(client.views_update(view_id=view.id, view=modal("Fourth")))
    assert gone["error"] == "not_found"


async def test_values_of_inputs_that_go_are_forgotten(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person
) -> None:
    await client.views_open(trigger_id=slack.workspace.new_trigger(ana.id), view=modal())
    view = ana.fill({"name": "gone"})
    await client.views_update(view_id=view.id, view=modal(blocks=[{"type": "divider"}]))
    assert view.entered == {}


async def test_three_views_are_the_highest_stack(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    def trigger() -> str:
        return slack.workspace.new_trigger(ana.id)

    first = (await client.views_open(trigger_id=trigger(), view=modal("1")))["view"]
    second = (await client.views_push(trigger_id=trigger(), view=modal("2")))["view"]
    assert (second["root_view_id"], second["previous_view_id"]) == (first["id"], first["id"])
    await client.views_push(trigger_id=trigger(), view=modal("3"))
    too_high = await refused(client.views_push(trigger_id=trigger(), view=modal("4")))
    assert too_high["error"] == "push_limit_reached"
    await ana.close_view()
    assert ana.modal is not None
    assert ana.modal.title == "2"


async def test_a_home_tab_is_published_and_kept_per_person(
    slack: SlackStandIn, client: AsyncWebClient, ana: Person, refused: Refused
) -> None:
    first = (await client.views_publish(user_id=ana.id, view=HOME))["view"]
    home = slack.workspace.homes[ana.id]
    assert ana.home is home
    await client.views_publish(user_id=ana.id, view=HOME, hash=first["hash"])
    assert home.updates == 1
    stale = await refused(client.views_publish(user_id=ana.id, view=HOME, hash=first["hash"]))
    assert stale["error"] == "hash_conflict"
    assert (await refused(client.views_publish(user_id="U404", view=HOME)))["error"] == "user_not_found"

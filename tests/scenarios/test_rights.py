"""Every route for every kind of person, aimed at a tuning that they may not see, or may see and not change.

The routes are those of the table in `test_access.py`, which holds that none is missing, and that none lets in
people of other workspaces and of Slack Connect. The commands are those of the table of commands. So a new route,
and a new command, is tested here without a line.
"""

from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.app import build_use_cases
from bot.domain.jobs import JobState, TuningJob
from bot.domain.place import Place, Requester
from bot.domain.requests import Proposal
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.errors import BotError
from bot.runtime.background_tasks import BackgroundTasks
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.sandbox.slack import SlackStandIn
from handlers.assembly import build_bolt_app, build_handlers, build_terminal
from handlers.blocks.private_metadata import pack_requester
from handlers.delivery.rate_limits import RateLimits
from handlers.listeners.terminal import Terminal
from handlers.syntax.commands import COMMANDS
from handlers.transport.manifest import manifest
from handlers.transport.slack_connection import open_slack
from storage import Stores
from tests.handlers.transport.test_access import ROUTES, Kind
from tests.support.builders import SPEC
from tests.support.harness import Harness, open_harness
from tests.support.slack_harness import slack_settings
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long

# The people of the private channel in which the tuning was made, and full members of the workspace outside of it.
INSIDE = ("roleless", "asker", "tuner", "approver")
OUTSIDE = ("outsider", "outside-asker", "outside-tuner", "admin")

SECRET, KEY, REPORT = "secret-salaries", "tb-1", "tb-proposal"


@dataclass
class Rights:
    """The real listeners before Slack's stand-in, with one tuning of Ada's in a private channel."""

    slack: SlackStandIn
    app: AsyncApp
    tasks: BackgroundTasks
    stores: Stores
    harness: Harness
    people: dict[str, str]
    private: str
    public: str
    terminal: Terminal

    async def job(self) -> TuningJob:
        found = await self.stores.jobs.job(KEY)
        assert found is not None
        return found

    async def deliver(self, body: dict[str, Any]) -> str:
        """Deliver one payload; all that was shown to anybody after it."""
        since = len(self.slack.workspace.calls)
        answer = await self.app.async_dispatch(AsyncBoltRequest(body=body, mode="socket_mode"))
        await wait_until(lambda: not len(self.tasks), "the end of the tasks")
        return " ".join([str(answer.body or ""), *(str(call.args) for call in self.slack.workspace.calls[since:])])

    async def by_route(self, route: tuple[str, str], user: str, channel: str) -> str:
        """Deliver what this route receives, aimed at the private tuning and at the report of another one."""
        body = ROUTES[route][1](Kind(), user, self.slack.origin)
        where = Requester(user, Place(self.slack.workspace.team_id, channel))
        for action in body.get("actions", ()):
            action["value"] = KEY
        if body.get("view"):
            kept = pack_requester(where, proposal=REPORT, key=KEY, job=KEY)
            body["view"] |= {"private_metadata": kept, "state": {"values": {}}, "blocks": []}
        if "channel_id" in body:
            body["channel_id"] = channel
        if isinstance(body.get("channel"), dict):
            body["channel"]["id"] = channel
            body.get("container", {})["channel_id"] = channel
        if "event" in body:
            body["event"] |= {"channel": channel, "text": f"<@U0TUNEBOT> delete {SECRET}", "ts": f"1.{user}"}
        return await self.deliver(body)

    async def typed(self, text: str, user: str, channel: str) -> str:
        body = ROUTES[("command", "/tune")][1](Kind(), user, self.slack.origin)
        return await self.deliver(body | {"text": text, "channel_id": channel})


@asynccontextmanager
async def open_rights(harness: Harness) -> AsyncIterator[Rights]:
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackStandIn(manifest=manifest()))
        ada = slack.person("ada")
        people = {name: slack.person(name).id for name in (*INSIDE, *OUTSIDE)}
        people["guest"] = slack.person("guest", is_restricted=True).id
        people["ada"] = ada.id
        slack.workspace.users[people["admin"]].is_admin = True
        private, public = slack.add_channel("board", ada, private=True), slack.add_channel("hall", ada)
        private.members.update(people[name] for name in (*INSIDE, "guest"))
        public.members.update(people.values())
        settings = slack_settings(slack.api_url, slack.app.bot_token)
        limits = RateLimits(post_seconds=0.01, edits=1000, edit_seconds=1.0)
        connection = await stack.enter_async_context(open_slack(settings, SYSTEM_CLOCK, limits=limits))
        stores = harness.stores
        use_cases = build_use_cases(
            stores,
            harness.backends,
            {"slack": connection.files},
            SYSTEM_CLOCK,
            lambda: None,
            harness.workers,
            members=connection.members,
            named_roles=[
                *(RoleGrant(Role.TUNER, people[name]) for name in ("tuner", "outside-tuner", "ada")),
                *(RoleGrant(Role.ASKER, people[name]) for name in ("asker", "outside-asker")),
                RoleGrant(Role.APPROVER, people["approver"]),
            ],
        )
        tasks = BackgroundTasks()
        handlers = build_handlers(
            connection, use_cases, stores.jobs, stores.pending_modals, stores.audit_log, tasks, SYSTEM_CLOCK
        )
        place = Place(slack.workspace.team_id, private.id)
        spec = replace(SPEC, name=SECRET)
        now = SYSTEM_CLOCK.now()
        job = TuningJob(KEY, place, ada.id, spec, JobState.SUCCEEDED, now, ended_at=now)
        model = "projects/1/locations/us-central1/models/1"
        assert await stores.jobs.submit(replace(job, tuned_model=model, endpoint="projects/1/endpoints/2"), [])
        await stores.jobs.add_proposal(
            Proposal(REPORT, place, ada.id, replace(spec, name="another"), SYSTEM_CLOCK.now())
        )
        app = build_bolt_app(connection.identity, "", handlers.listeners)
        terminal = build_terminal(connection, use_cases, handlers, stores.audit_log)
        yield Rights(slack, app, tasks, stores, harness, people, private.id, public.id, terminal)


@pytest.fixture
async def rights(tmp_path: Path) -> AsyncIterator[Rights]:
    async with open_harness(tmp_path) as harness, open_rights(harness) as opened:
        yield opened


@pytest.mark.parametrize("person", [*OUTSIDE, "guest"])
async def test_no_route_shows_or_changes_a_tuning_to_who_may_not_see_it(rights: Rights, person: str) -> None:
    user = rights.people[person]
    before = await rights.job()
    for route in ROUTES:
        told = await rights.by_route(route, user, rights.public)
        # An event names the tuning itself, since a person typed its name.
        shown = told.replace(f"delete {SECRET}", "").replace(f"'{SECRET}'", "").replace(f"named {SECRET}", "")
        assert SECRET not in shown, (route, shown)
        assert await rights.job() == before, route
    for command in COMMANDS:
        if command.word:
            told = await rights.typed(f"{command.word} {example(command.arguments)}", user, rights.public)
            assert "next_number.jsonl" not in told, command.name
            # An owner sees the sums of each person, and the confirmation names whose words are erased.
            named = {"admin": {"/tune forget", "/tune spend"}}.get(person, set[str]())
            assert rights.people["ada"] not in told or command.name in named, command.name
            assert await rights.job() == before, command.name
    terminal = rights.terminal
    for name in (KEY, SECRET, ""):
        for act in (terminal.status(user, rights.public, name), terminal.ask(user, rights.public, name, "1")):
            told = await in_terminal(act)
            # An error repeats what was typed.
            shown = told.replace(repr(name), "")
            assert not any(word in shown for word in (KEY, SECRET, "next_number.jsonl")), (name, told)
    if person in OUTSIDE:
        assert "cannot read" in await in_terminal(terminal.status(user, rights.private, KEY))
    assert await rights.stores.jobs.job(REPORT) is None
    assert rights.harness.creates() == 0


async def in_terminal(command: Coroutine[Any, Any, dict[str, Any]]) -> str:
    """All that a command of the terminal shows."""
    try:
        return str(await command)
    except BotError as error:
        return f"{error} {error.hint}"


MENTIONED = [
    *("list", "status", "models", "spend", "audit", "feedback", "status {NAME}", "feedback {NAME}", "use {NEAR}"),
    *("cancel {NAME}", "delete {NAME}", "share {NAME} everyone", "unshare {NAME} everyone", "export {NAME}"),
    *("again {NAME}", "status {NEAR}", "ask model={NEAR} how much?", "settings", "use", "help"),
]


@pytest.mark.parametrize("person", ["ada", "tuner", "approver", "roleless"])
async def test_an_answer_to_a_mention_names_no_tuning_that_other_readers_may_not_know(
    rights: Rights, person: str
) -> None:
    """They see the tuning themselves, and write in a channel whose people do not."""
    mention = ROUTES[("event", "app_mention")][1](Kind(), rights.people[person], rights.slack.origin)
    for number, text in enumerate(MENTIONED):
        typed = f"<@{rights.slack.app.bot_user_id}> {text.format(NAME=SECRET, NEAR=SECRET[:-1])}"
        event = mention["event"] | {"channel": rights.public, "text": typed, "ts": f"{number}.5"}
        since = len(rights.slack.workspace.calls)
        await rights.deliver(mention | {"event": event, "event_id": f"Ev{number}"})
        calls = [call for call in rights.slack.workspace.calls[since:] if call.method != "chat.postEphemeral"]
        shown = " ".join(str(call.args) for call in calls)
        # An error repeats what was typed.
        shown = shown.replace(f"'{SECRET}'", "")
        assert SECRET not in shown, (text, shown)
        assert "next_number.jsonl" not in shown, (text, shown)


async def test_an_answer_to_a_mention_shows_the_tunings_of_its_channel(rights: Rights) -> None:
    """Without this, the test above could pass because nothing is answered."""
    mention = ROUTES[("event", "app_mention")][1](Kind(), rights.people["tuner"], rights.slack.origin)
    for number, text in enumerate(("list", f"status {SECRET}")):
        typed = f"<@{rights.slack.app.bot_user_id}> {text}"
        event = mention["event"] | {"channel": rights.private, "text": typed, "ts": f"{number}.5"}
        assert "next_number.jsonl" in await rights.deliver(mention | {"event": event}) or text == "list"
        assert SECRET in str([call.args for call in rights.slack.workspace.calls_of("chat.postMessage")])


@pytest.mark.parametrize("person", ["tuner", "asker", "roleless", "guest"])
async def test_no_route_lets_a_member_of_the_channel_change_what_is_not_theirs(
    rights: Rights, person: str
) -> None:
    user = rights.people[person]
    before = await rights.job()
    for route in ROUTES:
        await rights.by_route(route, user, rights.private)
        after = await rights.job()
        assert (after.deleted_by, after.cancelled_by, after.shared_with) == ("", "", ()), route
    for command in COMMANDS:
        if command.word:
            await rights.typed(f"{command.word} {example(command.arguments)}", user, rights.private)
            after = await rights.job()
            assert replace(after, checked_at=None) == replace(before, checked_at=None), command.name


async def test_the_same_buttons_and_commands_work_for_who_may(rights: Rights) -> None:
    """Without this, the tests above could pass because nothing works."""
    await rights.typed(f"share {SECRET} everyone", rights.people["approver"], rights.private)
    assert (await rights.job()).shared_with == (EVERYONE,)
    told = await rights.typed(f"status {SECRET}", rights.people["outsider"], rights.public)
    assert "next_number.jsonl" in told
    told = await rights.typed(f"status {SECRET}", rights.people["guest"], rights.public)
    assert "Only full members of this workspace and people with a role may use me." in told
    told = await rights.by_route(("action", "job_share"), rights.people["ada"], rights.private)
    assert SECRET in told
    delete = ("action", "job_delete")
    assert "may delete it" in await rights.by_route(delete, rights.people["tuner"], rights.private)
    told = await rights.by_route(delete, rights.people["ada"], rights.private)
    assert "may delete it" not in told
    assert "no longer exists" not in told


# What a guest may type, who may do nothing else: what the bot can do, and to erase their own words.
FOR_GUESTS = {"help", "forget"}
READING = (
    "",
    "use",
    "settings",
    "list",
    "status",
    "models",
    "spend",
    "budget",
    "roles",
    "feedback",
    "quiet",
    "stop",
)


async def test_a_guest_learns_nothing_in_the_channel_in_which_they_are(rights: Rights) -> None:
    """Slack shows them the channel, but the bot tells them no model, no amount, no role, and no setting."""
    await rights.typed(f"use {SECRET}", rights.people["ada"], rights.private)
    for text in (*READING, f"use {SECRET}", "use none", "settings temperature=0.1"):
        told = await rights.typed(text, rights.people["guest"], rights.private)
        assert "Only " in told, (text, told)
        assert SECRET not in told, (text, told)
    for text in FOR_GUESTS:
        told = await rights.typed(text, rights.people["guest"], rights.private)
        assert "Only " not in told, (text, told)
    chosen = await rights.typed("use", rights.people["ada"], rights.private)
    assert SECRET in chosen


ASKERS = {"asker", "tuner", "ada", "approver", "admin"}
# What is typed in the channel of the tuning, and who may do it there.
MAY = [
    ("status {SECRET}", {"roleless", *ASKERS}),
    ("settings temperature=0.2", ASKERS),
    ("use {SECRET}", ASKERS),
    ("start file=gs://bucket/rows.jsonl", ASKERS - {"asker"}),
    ("delete {SECRET}", {"ada", "approver", "admin"}),
    ("cancel {SECRET}", {"ada", "approver", "admin"}),
    ("share {SECRET} everyone", {"ada", "approver", "admin"}),
    ("export {SECRET}", {"ada", "approver", "admin"}),
    ("again {SECRET}", {"ada", "approver", "admin"}),
    ("audit", {"admin"}),
    ("budget 5 for workspace", {"admin"}),
    ("roles give asker everyone", {"admin"}),
    ("feedback on", {"admin"}),
    ("forget <@{ADA}>", {"ada", "admin"}),
]


@pytest.mark.parametrize("person", [*INSIDE, "guest", "ada", "admin"])
async def test_each_person_of_the_channel_may_do_what_the_table_says(rights: Rights, person: str) -> None:
    rights.slack.workspace.channels[rights.private].members.add(rights.people["admin"])
    for text, people in MAY:
        typed = text.format(SECRET=SECRET, ADA=rights.people["ada"])
        told = await rights.typed(typed, rights.people[person], rights.private)
        refused = "Only " in told or "I know no" in told
        assert refused is (person not in people), (text, told)


def example(arguments: str) -> str:
    """What the table shows as arguments, about the private tuning and about Ada."""
    for word, value in (
        ("NAME", SECRET),
        ("LINK", "gs://bucket/rows.jsonl"),
        ("ROLE", "tuner"),
        ("@PERSON", "<@U0NOBODY>"),
        ("[", ""),
        ("]", ""),
    ):
        arguments = arguments.replace(word, value)
    return arguments


async def test_the_audit_log_is_shown_to_no_channel(rights: Rights) -> None:
    mention = ROUTES[("event", "app_mention")][1](Kind(), rights.people["admin"], rights.slack.origin)
    await rights.typed(f"share {SECRET} everyone", rights.people["approver"], rights.private)
    typed = f"<@{rights.slack.app.bot_user_id}> audit"
    event = mention["event"] | {"channel": rights.public, "text": typed, "ts": "1.5"}
    told = await rights.deliver(mention | {"event": event})
    assert "would read the audit log here" in told
    assert rights.private not in told
    assert rights.people["approver"] in await rights.typed("audit", rights.people["admin"], rights.public)


# What a person types into the views of the private channel, and presses in them.
FILLED: dict[str, dict[str, Any]] = {
    "settings_form": {"greeting": {"greeting": {"type": "plain_text_input", "value": "I was here"}}},
    "start_form": {
        "file_address": {"file_address": {"type": "plain_text_input", "value": "gs://bucket/rows.jsonl"}}
    },
    "correction_form": {
        "question": {"question": {"type": "plain_text_input", "value": "how much?"}},
        "better": {"better": {"type": "plain_text_input", "value": "nothing"}},
    },
}


@pytest.mark.parametrize("person", ["outside-tuner", "admin"])
async def test_a_view_gives_nothing_of_a_channel_to_who_has_left_it(rights: Rights, person: str) -> None:
    """They opened each view while they were in the channel, and submit it after they were removed from it."""
    user = rights.people[person]
    await rights.typed(f"use {SECRET}", rights.people["ada"], rights.private)
    await rights.stores.feedback.set_switch(rights.slack.workspace.team_id, user, on=True)
    settings = await rights.stores.chats.settings(Place(rights.slack.workspace.team_id, rights.private))
    left = Requester(user, Place(rights.slack.workspace.team_id, rights.private))
    mine = Proposal("tb-mine", left.place, user, replace(SPEC, name="of mine"), SYSTEM_CLOCK.now())
    await rights.stores.jobs.add_proposal(mine)
    views = [name for kind, name in ROUTES if kind == "view"]
    assert views == [*dict.fromkeys([*views, *FILLED])]
    for name in views:
        body = ROUTES[("view", name)][1](Kind(), user, rights.slack.origin)
        kept = pack_requester(left, proposal=mine.id, key=KEY, job=KEY)
        body["view"] |= {"private_metadata": kept, "state": {"values": FILLED.get(name, {})}, "blocks": []}
        since = len(rights.slack.workspace.calls)
        told = await rights.deliver(body)
        posts = [call for call in rights.slack.workspace.calls[since:] if call.method == "chat.postMessage"]
        assert [call.args for call in posts if call.args["channel"] == rights.private] == [], name
        assert SECRET not in told, (name, told)
    assert await rights.stores.chats.settings(left.place) == settings
    assert await rights.stores.jobs.job(mine.id) is None
    assert rights.harness.creates() == 0

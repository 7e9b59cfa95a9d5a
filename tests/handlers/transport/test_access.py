"""The one door: every route of the bot, for every kind of person whom Slack may deliver."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from typing import Any, cast

import aiohttp
import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.place import Place, Requester
from bot.runtime.background_tasks import BackgroundTasks
from bot.sandbox.slack import SlackStandIn
from handlers import ANY_EVENT, Listeners, register
from handlers.blocks import forget
from handlers.blocks.chat import answer, ask_form, channel_settings, feedback, two_answers
from handlers.blocks.datasets import check_views, finding_list, report
from handlers.blocks.home import greeting, tab
from handlers.blocks.jobs import approval_request, card_buttons, share_form
from handlers.blocks.start import cost, form, import_jobs, prompt
from handlers.delivery.poster import Poster
from handlers.transport.access import Access, Identity
from handlers.transport.manifest import ASK, TUNE, TUNE_FILE, manifest
from handlers.transport.slack_people import SlackUsers
from tests.support.waiting import wait_until

Body = dict[str, Any]

OURS, SISTER, ELSEWHERE, ORGANISATION = "T0SANDBOX", "T0SISTER", "T0ELSEWHERE", "E0GRID"
CHANNEL = "C0000000001"
IN, SILENT = "let in", "refused in silence"
STRANGER, UNKNOWN = "serve only the people of the workspace", "could not find out which workspace"


@dataclass(frozen=True)
class Kind:
    """What Slack's payloads say of one kind of person. `team` is theirs, `receiver` the workspace it is for.

    `user_team` is the field of that name, which events have where a channel is shared; `named` is the name of the
    person in the stand-in's workspace, which users.info tells about. `user` is whether it names any.
    """

    named: str = "member"
    user: bool = True
    team: str | None = OURS
    receiver: str | None = OURS
    user_team: str | None = None
    shared: bool | None = False
    enterprise: str | None = None
    bot: Body = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What happens on each surface: IN, SILENT, or the words that the person is told; None is not tried.

    A command names no person's team beside its own, so what users.info decides elsewhere is refused there.
    """

    command: str | None
    interaction: str | None
    event: str | None


def everywhere(what: str) -> Expected:
    return Expected(what, what, what)


TABLE: dict[str, tuple[Kind, Expected]] = {
    "a member": (Kind(), everywhere(IN)),
    "a guest": (Kind(named="guest"), everywhere(IN)),
    "a member in a channel that is shared with another company": (
        Kind(user_team=OURS, shared=True),
        everywhere(IN),
    ),
    "the same, whose event names no user_team": (Kind(shared=True), everywhere(IN)),
    "a member, where the event does not say whether the channel is shared": (Kind(shared=None), everywhere(IN)),
    "a member whom Slack names by the organisation": (
        Kind(team=ORGANISATION, user_team=ORGANISATION, shared=True, enterprise=ORGANISATION),
        Expected(UNKNOWN, IN, IN),
    ),
    "a member whose team is missing": (Kind(team=None), Expected(UNKNOWN, IN, IN)),
    "a person of another workspace of the organisation": (
        Kind(named="sister", team=SISTER, enterprise=ORGANISATION),
        everywhere(STRANGER),
    ),
    "the same, named by the organisation alone": (
        Kind(named="sister", team=ORGANISATION, user_team=ORGANISATION, enterprise=ORGANISATION),
        Expected(UNKNOWN, STRANGER, STRANGER),
    ),
    "a person of another organisation": (
        Kind(named="stranger", team="E0OTHERS", user_team="E0OTHERS", shared=True),
        Expected(UNKNOWN, STRANGER, STRANGER),
    ),
    "a Slack Connect stranger": (
        Kind(named="stranger", team=ELSEWHERE, user_team=ELSEWHERE, shared=True),
        everywhere(STRANGER),
    ),
    "a Slack Connect stranger whose team is missing": (
        Kind(named="stranger", team=None, shared=True),
        Expected(UNKNOWN, STRANGER, STRANGER),
    ),
    "a Slack Connect stranger in an event that names our team too": (
        Kind(named="stranger", team=OURS, user_team=ELSEWHERE, shared=True),
        Expected(None, None, STRANGER),
    ),
    "a Slack Connect stranger in an event that names our team alone": (
        Kind(named="stranger", team=OURS, shared=True),
        Expected(None, None, STRANGER),
    ),
    "a person whom Slack does not know": (Kind(named="nobody", team=None), everywhere(UNKNOWN)),
    "a person who was deleted": (Kind(named="deleted", team=None), everywhere(UNKNOWN)),
    "a request without a person": (Kind(user=False), Expected(UNKNOWN, UNKNOWN, SILENT)),
    "a request for another workspace": (Kind(receiver=ELSEWHERE, team=ELSEWHERE), everywhere(STRANGER)),
    "a request that names no workspace": (Kind(receiver=None, team=None), everywhere(UNKNOWN)),
    "a request for the organisation": (Kind(receiver=ORGANISATION, team=ORGANISATION), everywhere(UNKNOWN)),
    "Slackbot": (Kind(named="slackbot"), everywhere(SILENT)),
    "this very bot": (Kind(named="tunebot"), everywhere(SILENT)),
    "a bot that users.info knows": (Kind(named="robot", team=None), Expected(UNKNOWN, SILENT, SILENT)),
}

BOTS: dict[str, Body] = {
    "with its id": {"bot_id": "B0OTHER"},
    "with its profile": {"bot_profile": {"id": "B0OTHER"}},
    "of the old kind": {"subtype": "bot_message"},
}


def command(name: str) -> Callable[[Kind, str, str], Body]:
    def build(kind: Kind, user: str, origin: str) -> Body:
        body: Body = {"command": name, "text": "list", "channel_id": CHANNEL, "trigger_id": "1.2"}
        body["response_url"] = f"{origin}/actions/T0/none"
        if kind.team is not None:
            body["team_id"] = kind.team
        if kind.user:
            body["user_id"] = user
        return body

    return build


def interaction(**more: Any) -> Callable[[Kind, str, str], Body]:
    def build(kind: Kind, user: str, origin: str) -> Body:
        in_view = "view" in more
        body: Body = {"trigger_id": "1.2", "enterprise": kind.enterprise and {"id": kind.enterprise}, **more}
        body["team"] = None if kind.receiver is None else {"id": kind.receiver, "domain": "sandbox"}
        if kind.user:
            body["user"] = {"id": user, **({} if kind.team is None else {"team_id": kind.team})}
        if not in_view:
            body |= {"channel": {"id": CHANNEL}, "response_url": f"{origin}/actions/T0/none"}
        return body

    return build


def button(action_id: str) -> Callable[[Kind, str, str], Body]:
    actions = [{"type": "button", "action_id": action_id, "block_id": "b", "value": "tb-1"}]
    container = {"type": "message", "channel_id": CHANNEL, "message_ts": "1.2"}
    return interaction(type="block_actions", actions=actions, container=container)


def button_in_view(action_id: str) -> Callable[[Kind, str, str], Body]:
    actions = [{"type": "button", "action_id": action_id, "block_id": "b", "value": "tb-1"}]
    return interaction(type="block_actions", actions=actions, view={"id": "V1"}, container={"type": "view"})


def submission(callback_id: str) -> Callable[[Kind, str, str], Body]:
    return interaction(type="view_submission", view={"id": "V1", "callback_id": callback_id, "type": "modal"})


def event(name: str, **more: Any) -> Callable[[Kind, str, str], Body]:
    def build(kind: Kind, user: str, origin: str) -> Body:
        told: Body = {"type": name, "channel": CHANNEL, "ts": "1.2", "text": "hello", **more, **kind.bot}
        told |= {key: value for key, value in (("team", kind.team), ("user_team", kind.user_team)) if value}
        if kind.user:
            told["user"] = user
        authorization = {"team_id": kind.receiver, "enterprise_id": kind.enterprise, "user_id": "U0TUNEBOT"}
        body: Body = {
            "type": "event_callback",
            "event": told,
            "event_id": "Ev1",
            "authorizations": [authorization],
        }
        return body if kind.shared is None else body | {"is_ext_shared_channel": kind.shared}

    return build


# The surface of each route, and its payload; a test holds that no route of `register` is missing.
ROUTES: dict[tuple[str, str], tuple[str, Callable[[Kind, str, str], Body]]] = {
    ("command", TUNE.name): ("command", command(TUNE.name)),
    ("command", ASK.name): ("command", command(ASK.name)),
    ("message_shortcut", TUNE_FILE.callback_id): (
        "interaction",
        interaction(type="message_action", callback_id=TUNE_FILE.callback_id, message={"ts": "1.2"}),
    ),
    **{
        ("view", callback_id): ("interaction", submission(callback_id))
        for callback_id in (
            form.FORM_VIEW,
            report.REPORT_VIEW,
            cost.CONFIRM_VIEW,
            approval_request.DECLINE_VIEW,
            ask_form.ASK_VIEW,
            channel_settings.SETTINGS_VIEW,
            feedback.CORRECTION_VIEW,
            share_form.SHARE_VIEW,
        )
    },
    ("view_closed", check_views.CHECKING_ID): (
        "interaction",
        interaction(
            type="view_closed", view={"id": "V1", "callback_id": check_views.CHECKING_ID, "type": "modal"}
        ),
    ),
    **{
        ("action", action_id): ("interaction", button_in_view(action_id))
        for action_id in (
            tab.TUNE_ACTION,
            tab.ASK_ACTION,
            tab.HELP_ACTION,
            form.BACKEND_ACTION,
            form.VALIDATION_ACTION,
            form.ADVANCED_ACTION,
            check_views.AGAIN_ACTION,
            check_views.REPAIR_ACTION,
            check_views.POST_ACTION,
            check_views.CHECK_ACTION,
            check_views.ENCODING_ACTION,
            check_views.MASK_ACTION,
            finding_list.DETAILS_ACTION,
        )
    },
    **{
        ("action", action_id): ("interaction", button(action_id))
        for action_id in (
            report.START_ACTION,
            import_jobs.IMPORT_ACTION,
            prompt.OPEN_ACTION,
            approval_request.APPROVE_ACTION,
            approval_request.DECLINE_ACTION,
            card_buttons.CANCEL_ACTION,
            card_buttons.REFRESH_ACTION,
            card_buttons.ASK_ACTION,
            card_buttons.USE_ACTION,
            card_buttons.SHARE_ACTION,
            forget.FORGET_ACTION,
            card_buttons.DELETE_ACTION,
            card_buttons.AGAIN_ACTION,
            card_buttons.SUCCESSOR_ACTION,
            card_buttons.MOVE_ACTION,
            card_buttons.TUNE_AGAIN_ACTION,
            channel_settings.SETTINGS_ACTION,
            feedback.VOTE_ACTION,
            greeting.CHOOSE_ACTION,
            feedback.SWITCH_ACTION,
            feedback.AGAIN_ACTION,
            answer.AGAIN_ACTION,
            answer.SHARE_ACTION,
            *two_answers.VOTE_ACTIONS,
        )
    },
    ("event", "app_mention"): ("event", event("app_mention")),
    ("event", "app_home_opened"): ("event", event("app_home_opened", tab="home")),
    ("event", "agent_session_stopped"): ("event", event("agent_session_stopped", channel_type="im")),
    ("event", "message"): ("event", event("message", channel_type="im")),
}


# The one route that no person comes by: Slack tells that the bot itself came into a channel.
ARRIVAL = ("event", "member_joined_channel")


class RecordingListener:
    """Has any listener method, and writes down for whom each was called."""

    def __init__(self, called: list[tuple[str, Requester]], arrivals: list[Place]) -> None:
        self._called = called
        self._arrivals = arrivals

    async def arrived(self, place: Place, key: str) -> None:
        self._arrivals.append(place)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def listener(ack: AsyncAck, requester: Requester | None = None, body: Body | None = None) -> None:
            if requester is not None:
                self._called.append((name, requester))
            await ack()

        return listener


# Bolt's other ways to bind a route, which nothing here uses.
NOT_WRITTEN_DOWN = {
    *("shortcut", "global_shortcut", "block_action", "attachment_action", "options", "block_suggestion"),
    *("dialog_submission", "dialog_cancellation", "dialog_suggestion", "view_submission", "message", "function"),
    *("step", "assistant"),
}


class RoutedApp(AsyncApp):
    """A real app that writes down which routes were bound to it."""

    def __getattribute__(self, name: str) -> Any:
        assert name not in NOT_WRITTEN_DOWN, f"{name} binds a route that the table does not see"
        return super().__getattribute__(name)

    def __init__(self, client: AsyncWebClient) -> None:
        super().__init__(client=client, process_before_response=True)
        self.routes: set[tuple[str, Any]] = set()

    def command(self, command: Any, *args: Any, **kwargs: Any) -> Any:
        self.routes.add(("command", command))
        return super().command(command, *args, **kwargs)

    def message_shortcut(self, callback_id: Any, *args: Any, **kwargs: Any) -> Any:
        self.routes.add(("message_shortcut", callback_id))
        return super().message_shortcut(callback_id, *args, **kwargs)

    def view(self, constraints: Any, *args: Any, **kwargs: Any) -> Any:
        self.routes.add(("view", constraints))
        return super().view(constraints, *args, **kwargs)

    def view_closed(self, constraints: Any, *args: Any, **kwargs: Any) -> Any:
        self.routes.add(("view_closed", constraints))
        return super().view_closed(constraints, *args, **kwargs)

    def action(self, constraints: Any, *args: Any, **kwargs: Any) -> Any:
        self.routes.add(("action", constraints))
        return super().action(constraints, *args, **kwargs)

    def event(self, event: Any, *args: Any, **kwargs: Any) -> Any:
        self.routes.add(("event", event))
        return super().event(event, *args, **kwargs)


@dataclass
class Door:
    """The app with its routes, before Slack's stand-in."""

    slack: SlackStandIn
    app: RoutedApp
    tasks: BackgroundTasks
    called: list[tuple[str, Requester]]
    arrivals: list[Place]

    async def deliver(self, body: Body) -> BoltResponse:
        """Deliver one payload, and wait until the refusal, if it is one, was told."""
        answer = await self.app.async_dispatch(AsyncBoltRequest(body=body, mode="socket_mode"))
        await wait_until(lambda: not len(self.tasks), "the end of the tasks")
        return answer

    def user(self, named: str) -> str:
        found = next((user.id for user in self.slack.workspace.users.values() if user.name == named), None)
        return found or "U0NOBODY"


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened


@asynccontextmanager
async def open_door() -> AsyncIterator[Door]:
    async with SlackStandIn(manifest=manifest()) as slack, aiohttp.ClientSession() as session:
        ada = slack.person("member")
        slack.person("guest", is_restricted=True)
        slack.person("sister", team_id=SISTER)
        slack.person("stranger", team_id=ELSEWHERE)
        slack.person("deleted", deleted=True)
        slack.person("robot", is_bot=True)
        channel = slack.add_channel("tuning", ada)
        slack.workspace.channels[CHANNEL] = channel
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url, session=session)
        tasks, called, arrivals = BackgroundTasks(), list[tuple[str, Requester]](), list[Place]()
        identity = Identity(slack.workspace.team_id, slack.app.bot_user_id)
        access = Access(identity, SlackUsers(client), client, Poster(client), tasks)
        recording = {each.name: cast(Any, RecordingListener(called, arrivals)) for each in fields(Listeners)}
        app = RoutedApp(client)
        register(app, Listeners(**(recording | {"access": access})))
        yield Door(slack, app, tasks, called, arrivals)


def words_told(door: Door, answer: BoltResponse, since: int) -> str:
    """Everything that was shown to the person after a delivery."""
    calls = door.slack.workspace.calls[since:]
    showing = [call for call in calls if call.method in ("response_url", "chat.postEphemeral", "views.update")]
    return " ".join([str(answer.body or ""), *(str(call.args) for call in showing)])


async def test_the_table_has_every_route(door: Door) -> None:
    """Also none that a pattern binds; the app here refuses the methods of Bolt's that it does not write down."""
    with pytest.raises(AssertionError, match="options"):
        door.app.options("anything")
    assert door.app.routes == {*ROUTES, ARRIVAL, ("event", ANY_EVENT)}


@pytest.mark.parametrize(
    ("user", "receiver", "heard"),
    [("tunebot", OURS, True), ("tunebot", ELSEWHERE, False), ("member", OURS, False)],
)
async def test_an_arrival_is_heard_of_this_bot_in_its_own_workspace_alone(
    door: Door, user: str, receiver: str, heard: bool
) -> None:
    body = event("member_joined_channel")(Kind(receiver=receiver), door.user(user), door.slack.origin)
    answer = await door.deliver(body)
    assert answer.status == 200
    assert door.arrivals == ([Place(OURS, CHANNEL)] if heard else [])
    assert door.called == []


@pytest.mark.parametrize("person", TABLE)
async def test_each_route_lets_in_whom_it_should(door: Door, person: str) -> None:
    kind, verdict = TABLE[person]
    user = door.user(kind.named)
    for (route, name), (surface, build) in ROUTES.items():
        expected: str | None = getattr(verdict, surface)
        if expected is None:
            continue
        if (route == "view_closed" or name == "app_home_opened") and expected != IN:
            # The view in which a refusal would be shown is gone, or nobody has asked for anything.
            expected = SILENT
        since = len(door.slack.workspace.calls)
        answer = await door.deliver(build(kind, user, door.slack.origin))
        told = words_told(door, answer, since)
        assert answer.status == 200, name
        assert [words for words in (STRANGER, UNKNOWN) if words in told] == (
            [] if expected in (IN, SILENT) else [expected]
        ), (name, told)
        assert [(each.user, each.team) for _, each in door.called] == ([(user, OURS)] if expected == IN else [])
        door.called.clear()


@pytest.mark.parametrize("bot", BOTS)
async def test_other_bots_are_neither_answered_nor_told_why(door: Door, bot: str) -> None:
    for (_, name), (surface, build) in ROUTES.items():
        if surface != "event":
            continue
        answer = await door.deliver(build(Kind(bot=BOTS[bot]), door.user("member"), door.slack.origin))
        # Bolt itself calls auth.test once.
        calls = {call.method for call in door.slack.workspace.calls}
        assert (answer.status, door.called, calls) == (200, [], {"auth.test"}), name


async def test_slack_is_asked_once_for_a_person_whom_it_does_not_name(door: Door) -> None:
    ada = door.user("member")
    build = ROUTES["event", "message"][1]
    for _ in range(3):
        await door.deliver(build(Kind(team=None), ada, door.slack.origin))
    assert len(door.called) == 3
    assert len(door.slack.workspace.calls_of("users.info")) == 1


async def test_while_slack_does_not_answer_nobody_is_let_in_on_trust(door: Door) -> None:
    door.slack.faults.fail("users.info", error="internal_error")
    await door.deliver(ROUTES["event", "app_mention"][1](Kind(team=None), door.user("member"), door.slack.origin))
    assert door.called == []
    assert UNKNOWN in str(door.slack.workspace.calls_of("chat.postEphemeral")[-1].args)


async def test_a_message_that_is_not_for_the_bot_is_refused_in_silence(door: Door) -> None:
    build = event("message", channel_type="channel")
    await door.deliver(build(TABLE["a Slack Connect stranger"][0], door.user("stranger"), door.slack.origin))
    assert (door.called, door.slack.workspace.calls_of("chat.postEphemeral")) == ([], [])


async def test_a_requester_has_the_thread_where_slack_says_it_is(door: Door) -> None:
    ada = door.user("member")
    await door.deliver(event("app_mention", thread_ts="7.5")(Kind(), ada, door.slack.origin))
    assert door.called == [("app_mention", Requester(ada, Place(OURS, CHANNEL, "7.5")))]

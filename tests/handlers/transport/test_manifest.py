"""The manifest cannot drift: what is registered is declared and answered, and what is called is allowed."""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

import handlers
from handlers import Listeners, register
from handlers.blocks.help import build_help
from handlers.syntax.commands import COMMANDS, Runner
from handlers.syntax.start_options import KEYS
from handlers.syntax.typed_text import parse_tune
from handlers.transport.manifest import EVENTS, SCOPES, manifest

# Each Web API method that the handlers call, with the bot scopes of which Slack wants one (docs.slack.dev).
METHODS: dict[str, set[str]] = {
    "auth.test": set(),
    "apps.connections.open": set(),
    "agents.sessions.setStatus": {"chat:write"},
    "assistant.threads.setSuggestedPrompts": {"assistant:write"},
    "chat.delete": {"chat:write"},
    "chat.appendStream": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.startStream": {"chat:write"},
    "chat.stopStream": {"chat:write"},
    "chat.update": {"chat:write"},
    # Either one needs the history scope of the channel's own kind; EVENTS holds all of them.
    "conversations.history": {"channels:history", "metadata.message:read"},
    "conversations.replies": {"channels:history", "metadata.message:read"},
    # The same for the read scopes: who can see a job is asked of every kind of channel.
    "conversations.info": {"channels:read", "groups:read", "im:read", "mpim:read"},
    "usergroups.users.list": {"usergroups:read"},
    "conversations.members": {"channels:read", "groups:read", "im:read", "mpim:read"},
    "conversations.open": {"im:write"},
    "files.completeUploadExternal": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "files.info": {"files:read"},
    "files.list": {"files:read"},
    "users.info": {"users:read"},
    "views.open": set(),
    "views.publish": set(),
    "views.push": set(),
    "views.update": set(),
}
Listener = Callable[..., Any]


class Recording(AsyncApp):
    """A real app that writes down what is bound to it."""

    def __init__(self) -> None:
        super().__init__(client=AsyncWebClient(token="xoxb-none"), signing_secret="none")
        self.bound: dict[str, list[Any]] = {}

    def _note(self, kind: str, name: Any) -> None:
        self.bound.setdefault(kind, []).append(name)

    def command(self, command: Any, *args: Any, **kwargs: Any) -> Listener:
        self._note("command", command)
        return cast(Listener, super().command(command, *args, **kwargs))

    def message_shortcut(self, callback_id: Any, *args: Any, **kwargs: Any) -> Listener:
        self._note("message_shortcut", callback_id)
        return cast(Listener, super().message_shortcut(callback_id, *args, **kwargs))

    def global_shortcut(self, callback_id: Any, *args: Any, **kwargs: Any) -> Listener:
        self._note("global_shortcut", callback_id)
        return cast(Listener, super().global_shortcut(callback_id, *args, **kwargs))

    def event(self, event: Any, *args: Any, **kwargs: Any) -> Listener:
        self._note("event", event)
        return cast(Listener, super().event(event, *args, **kwargs))

    def action(self, constraints: Any, *args: Any, **kwargs: Any) -> Listener:
        self._note("action", constraints)
        return cast(Listener, super().action(constraints, *args, **kwargs))

    def view(self, constraints: Any, *args: Any, **kwargs: Any) -> Listener:
        self._note("view", constraints)
        return cast(Listener, super().view(constraints, *args, **kwargs))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Recording:
    for name in ("SLACK_BOT_TOKEN", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    app = Recording()
    surfaces = {each.name: _bare(each.type) for each in fields(Listeners)}
    register(app, Listeners(**surfaces))
    return app


def _bare(kind: Any) -> Any:
    """A handler without its parts: nothing of it is called here, only what is bound counts."""
    return object.__new__(kind)


def test_every_command_is_registered_and_declared(app: Recording) -> None:
    declared = [command["command"] for command in manifest()["features"]["slash_commands"]]
    assert sorted(app.bound["command"]) == sorted(declared)


def test_every_shortcut_is_registered_and_declared(app: Recording) -> None:
    declared = manifest()["features"]["shortcuts"]
    assert [each["callback_id"] for each in declared if each["type"] == "message"] == app.bound["message_shortcut"]
    assert [each["callback_id"] for each in declared if each["type"] == "global"] == app.bound.get(
        "global_shortcut", []
    )


def test_every_event_is_registered_and_subscribed_with_its_scope(app: Recording) -> None:
    subscribed = manifest()["settings"]["event_subscriptions"]["bot_events"]
    named = {event for event in app.bound["event"] if isinstance(event, str)}
    assert {event.partition(".")[0] for event in subscribed} == named
    scopes = set(manifest()["oauth_config"]["scopes"]["bot"])
    assert set(EVENTS.values()) <= scopes


def test_what_nobody_handles_is_acknowledged_all_the_same(app: Recording) -> None:
    everything = [event for event in app.bound["event"] if isinstance(event, re.Pattern)]
    assert any(pattern.search("team_join") for pattern in everything)
    assert isinstance(app.bound["event"][-1], re.Pattern), "the catch-all must come last"


def test_every_id_of_a_button_or_a_view_is_a_constant_with_a_route(app: Recording) -> None:
    folder = Path(handlers.__file__).parent / "blocks"
    sources = "".join(path.read_text() for path in folder.rglob("*.py"))
    for kind in ("action", "view"):
        constants = re.findall(rf'^[A-Z_]+_{kind.upper()} = "(\w+)"', sources, re.MULTILINE)
        assert sorted(constants) == sorted(app.bound[kind])
    assert not re.findall(r'\bbutton\(\s*"[^"]*",\s*"', sources), "an id belongs in a constant"
    assert not re.findall(r'\bmodal\(\s*"', sources), "an id belongs in a constant"


def test_every_method_that_is_called_is_allowed_by_the_scopes() -> None:
    folder = Path(handlers.__file__).parent
    called = {
        name
        for path in folder.rglob("*.py")
        for name in re.findall(r"client\.((?:[a-z]+_)+[A-Za-z]+)\(", path.read_text())
    }
    # The checks of the installation call each method by its name, to learn what the token may do.
    methods = {name.replace("_", ".") for name in called} - {"api.call"}
    assert methods == METHODS.keys(), "a new call needs its scope here and in the manifest"
    granted = set(manifest()["oauth_config"]["scopes"]["bot"])
    for method, wanted in METHODS.items():
        assert not wanted or wanted & granted, f"{method} needs one of {wanted}"


def test_no_scope_is_asked_for_in_vain() -> None:
    needed = {scope for wanted in METHODS.values() for scope in wanted} | set(EVENTS.values()) | {"commands"}
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) <= needed
    assert SCOPES.keys() <= needed


def test_http_and_socket_mode_differ_only_in_their_addresses() -> None:
    socket, http = manifest(), manifest("https://example.com/slack/events")
    assert socket["settings"]["socket_mode_enabled"] is True
    assert http["settings"]["socket_mode_enabled"] is False
    assert "https://example.com" not in str(socket)
    hooks = [http["settings"]["interactivity"], http["settings"]["event_subscriptions"]]
    assert all(hook["request_url"] == "https://example.com/slack/events" for hook in hooks)
    assert all(command["url"] for command in http["features"]["slash_commands"])


def test_the_manifest_keeps_slacks_lengths() -> None:
    features = manifest()["features"]
    assert len(manifest()["display_information"]["description"]) <= 140
    for command in features["slash_commands"]:
        assert len(command["description"]) <= 100
        assert len(command["usage_hint"]) <= 1_000
    for shortcut in features["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150


def test_the_manifest_declares_every_command_of_the_table_and_no_other() -> None:
    declared = {command["command"] for command in manifest()["features"]["slash_commands"]}
    assert {command.name.split()[0] for command in COMMANDS} == declared


def test_every_key_of_a_start_is_in_the_help_under_one_of_its_names() -> None:
    row = next(row for row in COMMANDS if row.name == "/tune start")
    told = f"{row.arguments} {row.summary}"
    for field in set(KEYS.values()):
        spellings = [key for key, target in KEYS.items() if target == field]
        assert any(re.search(rf"\b{key}\b", told) for key in spellings), f"{spellings} are not in the help"
    parsed = parse_tune("start " + row.arguments.replace("LINK", "gs://my-bucket/examples.jsonl"))
    assert parsed.runner is Runner.START


def test_the_help_fits_into_a_message() -> None:
    message = build_help([])
    assert all(row.name in message.text for row in COMMANDS)
    assert len(message.text) <= 4_000

"""The stand-in of Slack: one server on a real loopback socket, and the people who use it.

It is shipped so that a newcomer needs no account. It imports nothing of Tunebot outside this package,
because it judges what Tunebot sends.
"""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bot.sandbox.slack.api_objects import ApiObjects
from bot.sandbox.slack.deliveries import Deliveries, HttpDelivery
from bot.sandbox.slack.events_api import EventsApi
from bot.sandbox.slack.methods.files_methods import FileServer, Uploads
from bot.sandbox.slack.person import PayloadSender, Person
from bot.sandbox.slack.records import Channel, Json
from bot.sandbox.slack.response_urls import ResponseUrls
from bot.sandbox.slack.slack_app import SlackApp
from bot.sandbox.slack.slack_faults import Faults, RequestFaults
from bot.sandbox.slack.socket_mode_server import SocketMode
from bot.sandbox.slack.web_api import RateLimits, WebApi
from bot.sandbox.slack.workspace import WAIT_SECONDS, SlackWorkspace

BOT_TOKEN = "xoxb-sandbox-bot-token"  # noqa: S105 -- opens only this stand-in
APP_TOKEN = "xapp-1-sandbox-app-token"  # noqa: S105 -- opens only this stand-in
SIGNING_SECRET = "sandbox-signing-secret"  # noqa: S105 -- opens only this stand-in


class SlackStandIn:
    """A Slack on loopback; with `events_url` it delivers over HTTP, without over Socket Mode.

    `workspace` holds everything that is there and everything that happened, `faults` what goes wrong,
    `limits` the rate limits, `app` the scopes, `deliveries` the timing of acknowledgements and retries.
    """

    def __init__(
        self,
        workspace: SlackWorkspace | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        bot_token: str = BOT_TOKEN,
        app_token: str = APP_TOKEN,
        signing_secret: str = SIGNING_SECRET,
        manifest: Json | None = None,
        events_url: str | None = None,
    ) -> None:
        self.workspace = workspace or SlackWorkspace()
        self.app = SlackApp(bot_token, app_token, signing_secret, manifest)
        self.faults = Faults()
        self.limits = RateLimits()
        self.deliveries = Deliveries(self.workspace, self.faults)
        self.sockets = SocketMode(self.workspace, self.app, self.faults)
        self.host = host
        self.port = port
        self.events_url = events_url
        self._objects = ApiObjects(self.workspace, self.app)
        self._events = EventsApi(self.workspace, self.app, self._objects, self.deliveries)
        self._request_faults = RequestFaults(self.faults, self.workspace)
        self._responses = ResponseUrls(self._events, self._request_faults)
        self._sender = PayloadSender(self._events, self.deliveries, self._responses)
        self._stack = AsyncExitStack()
        self._public_origin = ""
        self.workspace.add_user(self.app.name.lower(), self.app.name, user_id=self.app.bot_user_id, is_bot=True)

    async def __aenter__(self) -> Self:
        """Open the port; after leaving it opens again, on the same port and with all it remembers."""
        self._request_faults.closing.clear()
        runner = web.AppRunner(self._web_application(), shutdown_timeout=1.0, access_log=None)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.callback(self._request_faults.closing.set)
        self._stack.push_async_callback(self.sockets.close)
        site = web.TCPSite(runner, self.host, self.port)
        try:
            await site.start()
        except OSError:
            await self._stack.aclose()
            raise
        self.port = runner.addresses[0][1]
        self._objects.origin = self.sockets.origin = self.origin
        if self.events_url is None:
            self.deliveries.transport = self.sockets
        else:
            await self.deliver_over_http(self.events_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port and cancel all deliveries."""
        await self.deliveries.close()
        await self._stack.aclose()

    def _web_application(self) -> web.Application:
        uploads = Uploads()
        api = WebApi(self._events, uploads, self.sockets, self._request_faults, self.limits)
        file_server = FileServer(self.workspace, self.app, uploads, self._request_faults)
        application = web.Application(client_max_size=2**31)
        application.add_routes(
            [
                web.post("/api/{method}", api.handle),
                web.get("/api/{method}", api.handle),
                web.get("/link/", self.sockets.handle),
                web.post("/upload/v1/{ticket}", file_server.upload),
                web.get("/files-pri/{team_and_file}/{name}", file_server.download),
                web.get("/files-pri/{team_and_file}/download/{name}", file_server.download),
                web.get("/login", file_server.login),
                web.post("/actions/{team}/{secret}", self._responses.handle),
            ]
        )
        return application

    @property
    def origin(self) -> str:
        """``http://host:port``, or the origin that was given to `serve_as`."""
        return self._public_origin or f"http://{self.host}:{self.port}"

    def serve_as(self, origin: str) -> None:
        """Name this origin in every address from now on; something in front of the port serves TLS under it."""
        self._public_origin = origin
        self._objects.origin = self.sockets.origin = origin

    @property
    def api_url(self) -> str:
        """The base for Slack clients, with its slash at the end."""
        return f"{self.origin}/api/"

    async def deliver_over_http(self, events_url: str) -> HttpDelivery:
        """Send everything as signed requests to this address from now on."""
        transport = HttpDelivery(events_url, self.workspace, self.app)
        self._stack.push_async_callback(transport.close)
        self.events_url = events_url
        self.deliveries.transport = transport
        return transport

    def person(self, name: str, real_name: str = "", **more: Any) -> Person:
        """Return the person with this name, added where there is none.

        `more` are fields of a new one: ``team_id`` of another workspace, ``is_restricted`` for a guest, ...
        """
        known = next((user for user in self.workspace.users.values() if user.name == name), None)
        return Person(self._sender, known or self.workspace.add_user(name, real_name, **more))

    def other_bot(self, name: str) -> Person:
        """Return the bot of another app, which posts like a person does."""
        return self.person(name, is_bot=True, bot_id=self.workspace.new_id("B"))

    def add_channel(self, name: str, *people: Person, private: bool = False, with_bot: bool = True) -> Channel:
        """Make a channel with these people in it, and the bot unless it is left out."""
        members = [person.id for person in people]
        bot = [self.app.bot_user_id] if with_bot else []
        return self.workspace.add_channel(name, *members, *bot, private=private)

    def invite_bot(self, channel_id: str) -> None:
        """Put the bot into a channel, so that it is told what is said there."""
        self.workspace.channels[channel_id].members.add(self.app.bot_user_id)
        self.workspace.changed()
        self._events.member_joined(self.app.bot_user_id, channel_id)

    async def wait_connected(self, connections: int = 1, within: float = WAIT_SECONDS) -> None:
        """Wait until the app holds this many sockets."""
        await self.workspace.wait_for(
            lambda: True if len(self.sockets.connections) >= connections else None,
            within,
            what=f"{connections} Socket Mode connection(s)",
        )

    async def settle(self, within: float = WAIT_SECONDS) -> None:
        """Wait until all deliveries to the app have ended."""
        await self.deliveries.settle(within)

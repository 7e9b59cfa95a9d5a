"""One browser window of one person: its parts, and the one loop that keeps them in step with the workspace."""

import asyncio
from typing import Final
from urllib.parse import urlencode

from nicegui import background_tasks, ui
from nicegui.client import Client

from bot.sandbox.page.control_strip import ControlStrip
from bot.sandbox.page.conversation import Conversation, ThreadPane
from bot.sandbox.page.feed import Announcer
from bot.sandbox.page.first_steps import FirstSteps
from bot.sandbox.page.markup import tag
from bot.sandbox.page.modals import ModalHost
from bot.sandbox.page.navigation import Sidebar, TopBar
from bot.sandbox.page.reader import Reader
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.slack import Channel, Message, Person

# Several changes at once, as when a message and its file arrive, become one drawing.
_TOGETHER_SECONDS: Final = 0.03
_DAY: Final = 86_400.0


class Window:
    """Builds the page for a person and follows the workspace until the window is gone."""

    def __init__(self, sandbox: Sandbox, person: Person, client: Client, place: str) -> None:
        self._reader = Reader(sandbox, person, client)
        self._sandbox = sandbox
        self._client = client
        self._conversation: Conversation | None = None
        self._thread: ThreadPane | None = None
        # The toolkit calls its whole page the main part; ours is the one in the middle.
        for frame in client.page_container:
            frame.tag = "div"
        tag("a", "Skip to the messages", "skip", href="#main")
        with tag("div", classes="app"):
            TopBar(self._reader)
            with tag("div", classes="columns"):
                with tag("div", classes="sidebar"):
                    self._sidebar = Sidebar(self._reader, self._open_by_hand)
                    self._steps = FirstSteps(self._reader)
                self._main = tag("main", classes="main", id="main", tabindex="-1")
                self._side = tag("aside", classes="side", aria_label="Thread")
            self._controls = ControlStrip(self._reader)
        self._modals = ModalHost(self._reader)
        self._announcer = Announcer(self._reader)
        self.open_channel(self._first(place))
        self._controls.refresh()
        if self._conversation is not None:
            self._conversation.focus()
        following = background_tasks.create(self._follow(), name=f"window of {person.user.name}")
        client.on_connect(self.refresh)
        client.on_delete(following.cancel)

    def _first(self, place: str) -> Channel:
        mine = self._sandbox.channels(self._reader.person)
        return next((each for each in mine if place in (each.name, each.id)), mine[0])

    async def _follow(self) -> None:
        workspace = self._sandbox.slack.workspace
        while True:
            version = workspace.version
            with self._client:
                self.refresh()
            await asyncio.sleep(_TOGETHER_SECONDS)
            while (await self._changed_since(version)) is None:
                continue

    async def _changed_since(self, version: int) -> int | None:
        try:
            return await self._sandbox.slack.workspace.wait_for_change(version, within=_DAY)
        except TimeoutError:
            return None

    def refresh(self) -> None:
        """Bring every part up to date."""
        assert self._conversation is not None
        # The thread first: what is read in it is not new in the channel.
        if self._thread is not None:
            if self._thread.root.deleted:
                self.close_thread()
            else:
                self._thread.refresh()
        self._conversation.refresh()
        self._sidebar.show(self._conversation.channel.id)
        self._steps.refresh()
        self._modals.refresh()
        self._controls.refresh()
        self._announcer.refresh()

    # Going places

    def _open_by_hand(self, channel: Channel) -> None:
        if self._sandbox.slack.app.bot_user_id in channel.members and channel.name == "":
            self._reader.person.open_dm()
        self.open_channel(channel)
        assert self._conversation is not None
        self._conversation.focus()

    def open_channel(self, channel: Channel) -> None:
        """Show a channel in the middle."""
        self.close_thread()
        self._main.clear()
        with self._main:
            self._conversation = Conversation(self._reader, channel, self.open_thread)
        person = self._reader.person
        ui.page_title(f"{self._conversation.title} · Tunebot sandbox")
        ui.navigate.history.replace("/?" + urlencode({"as": person.user.name, "in": channel.name or channel.id}))
        self._client.run_javascript("document.body.classList.remove('nav-open')")
        self.refresh_soon()

    def open_thread(self, root: Message) -> None:
        """Show a thread at the side."""
        assert self._conversation is not None
        self._side.clear()
        with self._side:
            self._thread = ThreadPane(self._reader, self._conversation.channel, root, self.close_thread)
        self._side.classes(add="side-open")
        self._thread.refresh()
        self._thread.focus()

    def close_thread(self) -> None:
        """Put the thread away."""
        if self._thread is not None:
            self._thread = None
            self._side.clear()
            self._side.classes(remove="side-open")
            if self._conversation is not None:
                self._conversation.focus()

    def refresh_soon(self) -> None:
        """Draw what was opened."""
        assert self._conversation is not None
        self._conversation.refresh()
        self._sidebar.show(self._conversation.channel.id)

"""A channel in the middle of the window with the app's Home tab, and a thread at the side."""

from collections.abc import Callable
from functools import partial
from typing import Final

from nicegui import ui
from nicegui.element import Element

from bot.sandbox.page.block_kit.block_painters import BlockList
from bot.sandbox.page.completion import command
from bot.sandbox.page.composer import Composer, Draft
from bot.sandbox.page.feed import Feed, channel_entries, is_processing, status_of, thread_entries
from bot.sandbox.page.markup import QUIETLY, Tag, button, tag
from bot.sandbox.page.reader import Reader, Surface
from bot.sandbox.slack import Channel, ChannelKind, ClientRefusal, Message, View


class Conversation:
    """One open channel; made anew when another one is opened."""

    def __init__(self, reader: Reader, channel: Channel, open_thread: Callable[[Message], None]) -> None:
        self._reader = reader
        self.channel = channel
        self._bot = reader.sandbox.slack.app.bot_user_id
        self._with_bot = channel.kind is ChannelKind.IM and self._bot in channel.members
        self._tabs: dict[str, Tag] = {}
        self.title = reader.sandbox.title(channel, reader.person)
        with tag("header", classes="channel-head"):
            button(symbol="menu", classes="btn-icon menu-button", aria_label="Channels").on(
                "click", js_handler="() => document.body.classList.toggle('nav-open')"
            )
            tag("h2", self.title, "channel-name")
            self._members = tag("span", classes="channel-members")
            self._invite = button(
                f"Add {reader.bot_name} to this channel", symbol="person_add", on_click=self._invite_bot
            )
            if self._with_bot and reader.sandbox.has_home:
                self._make_tabs()
        with tag("section", classes="pane", aria_label=self.title) as self._messages:
            self._feed = Feed(reader, f"Messages in {self.title}", open_thread)
            self._welcome = self._make_welcome()
            # Direct messages with the app are one session.
            self._doing = AgentStatus(reader, channel, "") if self._with_bot else None
            self._prompts = SuggestedPrompts(reader, channel, self._say) if self._with_bot else None
            self._composer = Composer(reader, self._send)
            self._composer.address(f"Message {self.title}")
        self._composer.takes_drops_on(self._messages)
        self._home: Home | None = None
        with tag("section", classes="pane", aria_label="Home") as self._home_pane:
            if self._with_bot:
                self._home = Home(reader)
        self._home_pane.set_visibility(False)

    # What is shown

    def refresh(self) -> None:
        """Bring everything up to date and note what was read."""
        reader, channel = self._reader, self.channel
        entries = channel_entries(reader, channel)
        self._feed.show(entries)
        newest = max((each.ts for each in reader.sandbox.messages(channel, reader.person)), default="")
        reader.has_read(channel.id, newest)
        self._welcome.set_visibility(not entries)
        direct = channel.kind is ChannelKind.IM
        count = len(channel.members)
        self._members.text = "" if direct else f"{count} member{'' if count == 1 else 's'}"
        self._invite.set_visibility(not direct and self._bot not in channel.members)
        if self._home is not None:
            self._home.refresh()
        if self._prompts is not None:
            self._prompts.refresh()
        if self._doing is not None:
            self._doing.refresh()

    def focus(self) -> None:
        """Put the cursor where one writes."""
        self._composer.focus()

    def _make_welcome(self) -> Element:
        bot = self._reader.bot_name
        with tag("div", classes="welcome") as welcome:
            tag("h3", f"This is the start of {self.title}")
            if self._bot not in self.channel.members:
                tag("p", f"{bot} is not in this channel, so it gets nothing that you write.")
                return welcome
            tag(
                "p",
                f"{bot} is the real one; Slack and Google are stand-ins on this machine. A toy model answers, "
                "which is trained right here: it shows the flow, not the quality.",
            )
            tag("p", "The sample is fifteen pairs of a number and the next one. The steps are listed at the side.")
            with tag("div", classes="welcome-ways"):
                button("Try it with the sample", "btn-primary", symbol="science", on_click=self._try_sample)
                if self.channel.kind is not ChannelKind.IM:
                    button("Type /tune instead", on_click=lambda: self._composer.begin("/tune"))
        return welcome

    async def _try_sample(self) -> None:
        await self._composer.offer_sample()

    # The tabs of a direct message with the app

    def _make_tabs(self) -> None:
        with tag("div", classes="tabs", role="tablist", aria_label=f"{self._reader.bot_name}"):
            for name in ("Messages", "Home"):
                tab = tag(
                    "button", name, "tab", type="button", role="tab", aria_selected=str(name == "Messages").lower()
                )
                tab.on("click", lambda each=name: self._show_tab(each), js_handler=QUIETLY)
                self._tabs[name] = tab

    def _show_tab(self, name: str) -> None:
        for each, tab in self._tabs.items():
            tab.attribute("aria-selected", str(each == name).lower())
        self._messages.set_visibility(name == "Messages")
        self._home_pane.set_visibility(name == "Home")
        if name == "Home":
            self._reader.person.open_home()
        else:
            self._reader.person.open_dm()

    # What is done

    def _invite_bot(self) -> None:
        self._reader.sandbox.slack.invite_bot(self.channel.id)

    def _say(self, words: str) -> None:
        self._reader.person.post(self.channel, words)
        self._feed.to_the_end()

    async def _send(self, draft: Draft) -> bool:
        return await say(self._reader, self.channel, draft, self._feed)


class AgentStatus:
    """Says that the app works in a session, with Slack's button to stop it."""

    def __init__(self, reader: Reader, channel: Channel, thread_ts: str) -> None:
        self._reader = reader
        self._channel = channel
        self._thread_ts = thread_ts
        with tag("p", classes="doing", role="status") as self._row:
            ui.spinner("dots", size="1.2em")
            self._words = tag("span")
            self._stop = button("Stop", "btn-small", symbol="stop_circle", on_click=self._stop_agent)

    def refresh(self) -> None:
        """Show the status of now."""
        status = status_of(self._reader, self._channel, self._thread_ts)
        self._row.set_visibility(bool(status))
        self._words.text = f"{self._reader.bot_name} {status}" if status else ""
        self._stop.set_visibility(is_processing(self._reader, self._channel, self._thread_ts))

    def _stop_agent(self) -> None:
        try:
            self._reader.person.stop_agent(self._channel, self._thread_ts)
        except ClientRefusal as refusal:
            self._reader.notify(f"{refusal}.")


class SuggestedPrompts:
    """A row of buttons, as the app last set them for the whole conversation; a press says what it suggests."""

    def __init__(self, reader: Reader, channel: Channel, say: Callable[[str], None]) -> None:
        self._reader = reader
        self._channel = channel
        self._say = say
        self._shown: list[dict[str, str]] = []
        self._row = tag("div", classes="actions prompts", role="group", aria_label="Suggestions")

    def refresh(self) -> None:
        """Show the suggestions of now."""
        now = self._reader.sandbox.slack.workspace.suggested_prompts.get((self._channel.id, ""), [])
        self._row.set_visibility(bool(now))
        if now == self._shown:
            return
        self._shown = now
        self._row.clear()
        with self._row:
            for prompt in now:
                button(prompt["title"], on_click=partial(self._say, prompt["message"]))


async def say(reader: Reader, channel: Channel, draft: Draft, feed: Feed, thread_ts: str | None = None) -> bool:
    """Send a draft as a message or a command; False where Slack does not take it."""
    person = reader.person
    reader.acts()
    typed = command(draft.text)
    try:
        if typed is not None and thread_ts is not None:
            reader.notify(f"{typed[0]} is not supported in threads. Mention {reader.bot_name} instead.")
            return False
        if typed is not None:
            await person.slash_command(channel, typed[0], typed[1])
        else:
            person.post(channel, person.typed(draft.text), draft.files, thread_ts)
    except ClientRefusal as refusal:
        reader.notify(f"{refusal}.")
        return False
    feed.to_the_end()
    return True


class Home:
    """Shows the Home tab, or that there is none yet."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._shown: View | None = None
        self._blocks: BlockList | None = None
        with tag("div", classes="home", tabindex="0", role="region", aria_label=f"{reader.bot_name}, Home"):
            self._empty = tag("p", f"{reader.bot_name} has not put anything here yet.", "home-empty")
            self._holder = tag("div", classes="blocks")

    def refresh(self) -> None:
        """Show what is published now."""
        view = self._reader.person.home
        self._empty.set_visibility(view is None)
        if view is None:
            return
        if view is not self._shown or self._blocks is None:
            self._shown = view
            self._holder.clear()
            self._blocks = BlockList(self._holder, Surface(self._reader, view))
        self._blocks.show(view.blocks)


_ESCAPE: Final = "(event) => { if (!document.querySelector('.q-menu, .q-dialog')) emit(); }"


class ThreadPane:
    """One open thread; made anew when another one is opened."""

    def __init__(self, reader: Reader, channel: Channel, root: Message, close: Callable[[], None]) -> None:
        self._reader = reader
        self.channel = channel
        self.root = root
        with tag("section", classes="pane thread-pane", aria_label="Thread") as pane:
            with tag("header", classes="channel-head"):
                tag("h2", "Thread", "channel-name")
                tag("span", reader.sandbox.title(channel, reader.person), "channel-members")
                button(symbol="close", classes="btn-icon push", aria_label="Close thread", on_click=close)
            self._feed = Feed(reader, "Messages in this thread", None)
            self._doing = AgentStatus(reader, channel, root.ts)
            self._composer = Composer(reader, self._send, in_thread=True)
            self._composer.address("Reply in this thread")
        self._composer.takes_drops_on(pane)
        pane.on("keydown.escape", close, js_handler=_ESCAPE)

    def refresh(self) -> None:
        """Bring everything up to date and note what was read."""
        reader = self._reader
        entries = thread_entries(reader, self.channel, self.root)
        self._feed.show(entries)
        reader.has_read(f"{self.channel.id}/{self.root.ts}", entries[-1].message.ts)
        self._doing.refresh()

    def focus(self) -> None:
        """Put the cursor where one writes."""
        self._composer.focus()

    async def _send(self, draft: Draft) -> bool:
        return await say(self._reader, self.channel, draft, self._feed, self.root.ts)

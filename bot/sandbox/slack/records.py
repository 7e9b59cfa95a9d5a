"""What a Slack workspace contains, and the requests that were sent and received.

Plain records: they know nothing of HTTP, sockets or rules.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


class ChannelKind(StrEnum):
    """The kinds of conversation, under the names that Slack's events use."""

    CHANNEL = "channel"
    GROUP = "group"
    IM = "im"


@dataclass(slots=True)
class User:
    """A person or a bot's user; `team_id` is empty for the workspace's own, `is_restricted` marks a guest.

    `bot_id` is set for another app's bot, whose posts carry it.
    """

    id: str
    name: str
    real_name: str
    is_bot: bool = False
    timezone: str = "Europe/London"
    team_id: str = ""
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False
    bot_id: str = ""
    is_admin: bool = False
    is_owner: bool = False


@dataclass(slots=True)
class Channel:
    """A public channel, a private one, or a direct message; `is_ext_shared` is Slack Connect's."""

    id: str
    name: str
    kind: ChannelKind
    members: set[str]
    created: int
    is_archived: bool = False
    is_ext_shared: bool = False
    messages: list["Message"] = field(default_factory=list)
    replies: dict[str, list["Message"]] = field(default_factory=dict)  # by the ts of their thread's first message

    def add(self, message: "Message") -> None:
        """Keep a new message."""
        self.messages.append(message)
        if message.thread_ts not in (None, message.ts):
            self.replies.setdefault(message.thread_ts, []).append(message)

    def goes_on(self, ts: str) -> bool:
        """Return whether the thread under this message has replies, which stay when the message is deleted."""
        return any(not reply.deleted and reply.visible_to is None for reply in self.replies.get(ts, ()))

    def message(self, ts: str) -> "Message | None":
        """Return the message with this ts, ephemeral and deleted ones left out."""
        for message in reversed(self.messages):
            if message.ts == ts and not message.deleted and message.visible_to is None:
                return message
        return None


@dataclass(frozen=True, slots=True)
class LiveReference:
    """Something in a message that Slack turns into a mention or a link.

    `kind` is ``everyone``, ``user``, ``usergroup``, ``channel`` or ``link``;
    `where` is ``text`` or a JSON pointer.
    """

    kind: str
    target: str
    label: str
    where: str


@dataclass(frozen=True, slots=True)
class Revision:
    """What a message said before an edit."""

    text: str
    blocks: list[Json]
    replaced_at: float


@dataclass(slots=True)
class Message:
    """One message; `visible_to` is set for an ephemeral one, `streaming_until` while it is streamed."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    bot_id: str | None = None
    subtype: str | None = None
    files: list[str] = field(default_factory=list)
    metadata: Json | None = None
    revisions: list[Revision] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    live: list[LiveReference] = field(default_factory=list)
    visible_to: str | None = None
    deleted: bool = False
    broadcast: bool = False
    streaming_until: float | None = None
    entered: dict[str, Json] = field(default_factory=dict)
    extra: Json = field(default_factory=dict)

    @property
    def edits(self) -> int:
        """How often the message was edited."""
        return len(self.revisions)

    @property
    def pings(self) -> list[LiveReference]:
        """The live references that notify somebody."""
        return [reference for reference in self.live if reference.kind in ("everyone", "user", "usergroup")]


@dataclass(slots=True)
class File:
    """An uploaded file with its bytes; `ready_at` is when Slack has worked out its type."""

    id: str
    name: str
    title: str
    user: str
    created: int
    content: bytes
    mimetype: str
    filetype: str
    ready_at: float
    shares: list[tuple[str, str]] = field(default_factory=list)
    alt_text: str | None = None
    deleted: bool = False

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.content)


@dataclass(slots=True)
class View:
    """A modal or a Home tab as Slack keeps it; `entered` is what the person has put in, as wire values."""

    id: str
    hash: str
    user: str
    definition: Json
    root_view_id: str
    previous_view_id: str | None = None
    entered: dict[str, Json] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    updates: int = 0

    @property
    def blocks(self) -> list[Json]:
        """The view's blocks, with the ids that Slack filled in."""
        blocks: list[Json] = self.definition["blocks"]
        return blocks

    @property
    def private_metadata(self) -> str:
        """The app's own text on the view."""
        return str(self.definition.get("private_metadata", ""))

    @property
    def title(self) -> str:
        """The words in the title bar, empty for a Home tab."""
        return str(self.definition.get("title", {}).get("text", ""))


@dataclass(slots=True)
class AgentSession:
    """An agent's session in one thread: https://docs.slack.dev/ai/agent-sessions/"""

    status: str
    title: str = ""


@dataclass(slots=True)
class WebCall:
    """One request that the app sent; `response` is None where the connection was cut before an answer."""

    method: str
    args: Json
    received_at: float
    status: int = 0
    response: Json | None = None
    seconds: float = 0.0
    performed: bool = False

    @property
    def done(self) -> bool:
        """Whether it was performed or answered."""
        return self.performed or self.status != 0

    @property
    def ok(self) -> bool:
        """Whether Slack did what was asked and said so."""
        return self.status == 200 and self.response is not None and self.response.get("ok") is True


@dataclass(slots=True)
class Attempt:
    """One try to deliver; `outcome` is ``acked``, ``timeout``, ``error`` or ``no_connection``."""

    retry_num: int
    transport: str
    outcome: str = "pending"
    seconds: float = 0.0
    detail: str = ""


@dataclass(slots=True)
class Delivery:
    """One payload for the app; `envelope_type` is ``events_api``, ``slash_commands`` or ``interactive``."""

    envelope_type: str
    payload: Json
    envelope_id: str
    attempts: list[Attempt] = field(default_factory=list)
    ack: Json | None = None

    @property
    def acked(self) -> bool:
        """Whether any attempt was acknowledged in time."""
        return any(attempt.outcome == "acked" for attempt in self.attempts)

    @property
    def ack_seconds(self) -> float | None:
        """How long the acknowledgement took, None where there was none."""
        return next((attempt.seconds for attempt in self.attempts if attempt.outcome == "acked"), None)

    @property
    def event_type(self) -> str:
        """The event's, command's or interaction's own name."""
        if self.envelope_type == "events_api":
            return str(self.payload["event"]["type"])
        return str(self.payload.get("command") or self.payload["type"])

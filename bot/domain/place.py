"""A place in Slack, and a person who asks for something there."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace, one of its channels, and a thread of it, empty for the channel itself."""

    team: str
    channel: str
    thread: str = ""

    @property
    def is_direct(self) -> bool:
        """Whether it is a direct message between the bot and one person: Slack's ids of these begin with D."""
        return self.channel.startswith("D")


@dataclass(frozen=True, slots=True)
class Requester:
    """A person of the bot's workspace who asks for something, and the place where they do.

    Of a request that Slack delivers, both are what Slack says, never what a button or a view carries, and
    `place.channel` is empty for a view, since Slack shows a view in no channel. Slack delivers a request only from
    a channel that the person can read. `present` is false where the place is stored or comes from a view: then the
    person may have left the channel, or the workspace, and who needs to know asks Slack.

    `overheard` says that all people of the place read the answer: then it shows only what each of them may know.
    """

    user: str
    place: Place
    present: bool = True
    overheard: bool = False

    @property
    def team(self) -> str:
        return self.place.team


NOBODY: Final = "-"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a person sees of a workspace's jobs: those that they own or prepared, and those of these channels.

    `user` is NOBODY where only the channels count.

    Also those that are shared with one of `shared_targets`: see `TuningJob.shared_with`.
    """

    user: str
    channels: frozenset[str]
    shared_targets: frozenset[str] = frozenset()

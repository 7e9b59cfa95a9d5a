"""A place in Slack, and a person who asks for something there."""

from dataclasses import dataclass


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

    Both are what Slack says of the request, never what a button or a view carries. `place.channel` is empty for a
    view, since Slack shows a view in no channel.
    """

    user: str
    place: Place

    @property
    def team(self) -> str:
        return self.place.team


@dataclass(frozen=True, slots=True)
class Sight:
    """What a person sees of a workspace's jobs: those that they own or prepared, and those of these channels.

    Also those that are shared with one of `shared_targets`: see `TuningJob.shared_with`.
    """

    user: str
    channels: frozenset[str]
    shared_targets: frozenset[str] = frozenset()

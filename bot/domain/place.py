"""A place in Slack."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace, one of its channels, and a thread of it, empty for the channel itself."""

    team: str
    channel: str
    thread: str = ""

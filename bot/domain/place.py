"""Where in Slack something belongs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in Slack something belongs: a workspace, a channel of it, and a thread where there is one."""

    team: str
    channel: str
    thread: str = ""

"""The local stand-in of Slack: Web API, Socket Mode, HTTP deliveries, files, modals, and people.

Slack's real rules are enforced with Slack's real error codes. It imports nothing of Tunebot outside itself.
"""

from bot.sandbox.slack.person import Person, Submission
from bot.sandbox.slack.records import (
    AgentSession,
    Channel,
    ChannelKind,
    Delivery,
    File,
    LiveReference,
    Message,
    User,
    View,
    WebCall,
)
from bot.sandbox.slack.refusals import ClientRefusal, SlackError
from bot.sandbox.slack.slack_server import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackStandIn
from bot.sandbox.slack.workspace import SlackWorkspace

__all__ = [
    "APP_TOKEN",
    "BOT_TOKEN",
    "SIGNING_SECRET",
    "AgentSession",
    "Channel",
    "ChannelKind",
    "ClientRefusal",
    "Delivery",
    "File",
    "LiveReference",
    "Message",
    "Person",
    "SlackError",
    "SlackStandIn",
    "SlackWorkspace",
    "Submission",
    "User",
    "View",
    "WebCall",
]

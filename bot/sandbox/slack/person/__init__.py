"""People at their Slack: what they type, click and fill in, and what reaches the app of it."""

from bot.sandbox.slack.person.form_actions import Submission
from bot.sandbox.slack.person.payload_sender import PayloadSender
from bot.sandbox.slack.person.person import Person

__all__ = ["PayloadSender", "Person", "Submission"]

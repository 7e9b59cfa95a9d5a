"""People at their Slack: what they type, click and fill in, and what reaches the app of it."""

from bot.sandbox.slack.person.inputs import entered_values
from bot.sandbox.slack.person.payload_sender import PayloadSender
from bot.sandbox.slack.person.person import Person, Submission

__all__ = ["PayloadSender", "Person", "Submission", "entered_values"]

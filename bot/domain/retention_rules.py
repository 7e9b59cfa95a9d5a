"""For how long the bot keeps what people wrote and uploaded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """For how many days each kind is kept; 0 keeps it for ever."""

    conversation_days: int = 365
    report_days: int = 90
    training_file_days: int = 90

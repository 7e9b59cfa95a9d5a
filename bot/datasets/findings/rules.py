"""Lists every rule that a training file is checked against: its id, its severity and its messages.

A new rule is a line in one of the three files and the code that reports it; nothing else knows the list.
"""

from typing import Final

from bot.datasets.findings.example_rules import EXAMPLE_RULES
from bot.datasets.findings.file_rules import FILE_RULES
from bot.datasets.findings.findings import Rule
from bot.datasets.findings.warning_rules import WARNING_RULES

RULES: Final[dict[str, Rule]] = FILE_RULES | EXAMPLE_RULES | WARNING_RULES

"""The rules are divided by what a broken one means."""

from bot.datasets.findings.example_rules import EXAMPLE_RULES
from bot.datasets.findings.file_rules import FILE_RULES
from bot.datasets.findings.findings import Severity
from bot.datasets.findings.rules import RULES
from bot.datasets.findings.warning_rules import WARNING_RULES


def test_each_rule_stands_in_one_file_and_warnings_stand_apart() -> None:
    assert len(RULES) == len(FILE_RULES) + len(EXAMPLE_RULES) + len(WARNING_RULES)
    assert {rule.severity for rule in WARNING_RULES.values()} == {Severity.WARNING}
    assert {rule.severity for rule in (*FILE_RULES.values(), *EXAMPLE_RULES.values())} == {Severity.ERROR}

"""Writes the audit log as CSV or JSON, for the command line."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC

from bot.domain.names import spreadsheet_cell
from bot.ports.stores import AuditLine


def audit_csv(lines: Sequence[AuditLine]) -> str:
    """Return a header and a line for each act; the times are in UTC."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["at", "team", "user", "action", "subject", "channel", "result"])
    writer.writeheader()
    for line in lines:
        writer.writerow({name: spreadsheet_cell(value) for name, value in _values(line).items()})
    return text.getvalue()


def audit_json(lines: Sequence[AuditLine]) -> str:
    """Return a list with an object for each act, with the columns of the CSV."""
    return json.dumps([_values(line) for line in lines], indent=2) + "\n"


def _values(line: AuditLine) -> dict[str, str]:
    act = asdict(line.act)
    return {**act, "at": line.act.at.astimezone(UTC).isoformat(), "team": line.team, "subject": line.subject}

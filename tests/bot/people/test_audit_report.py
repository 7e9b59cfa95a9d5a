import csv
import io
import json

from bot.people.audit_report import audit_csv, audit_json
from bot.ports.stores import AuditEntry, AuditLine
from tests.support.builders import START, TEAM

LINES = [
    AuditLine(TEAM, AuditEntry("U0ADA", "share", START, "C0LAB", "everyone"), "tb-1"),
    AuditLine(TEAM, AuditEntry("U0BOB", "use none", START), "projects/1/endpoints/2"),
]


def test_each_act_is_a_line_of_csv_with_its_time_in_utc() -> None:
    assert audit_csv(LINES).splitlines() == [
        "at,team,user,action,subject,channel,result",
        "2026-11-21T09:30:00.123456+00:00,T0ACME,U0ADA,share,tb-1,C0LAB,everyone",
        "2026-11-21T09:30:00.123456+00:00,T0ACME,U0BOB,use none,projects/1/endpoints/2,,",
    ]


def test_json_has_the_same_columns() -> None:
    first, second = json.loads(audit_json(LINES))
    assert [*first] == ["user", "action", "at", "channel", "result", "team", "subject"]
    assert (first["action"], second["action"], second["channel"]) == ("share", "use none", "")


def test_no_cell_is_a_formula() -> None:
    """An operator opens the log in a spreadsheet, and names at Google are not ours."""
    hostile = AuditLine(TEAM, AuditEntry("U0ADA", "use", START, "C0LAB", "＝1+1"), '=HYPERLINK("http://x","y")')
    [row] = csv.DictReader(io.StringIO(audit_csv([hostile])))
    assert (row["subject"], row["result"]) == ('\'=HYPERLINK("http://x","y")', "'＝1+1")
    [told] = json.loads(audit_json([hostile]))
    assert told["subject"] == '=HYPERLINK("http://x","y")', "JSON is read by programs"

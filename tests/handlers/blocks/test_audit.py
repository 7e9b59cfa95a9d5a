from bot.domain.jobs import BY_CEILING
from bot.ports.stores import BY_BOT, BY_TERMINAL, AuditEntry, AuditLine
from handlers.blocks.audit import build_audit
from tests.support.block_checks import check_message
from tests.support.builders import START, TEAM

LINES = [
    AuditLine(TEAM, AuditEntry("U0ADA", "share", START, "C0LAB", "C0HALL"), "tb-1"),
    AuditLine(TEAM, AuditEntry("U0BOB", "delete", START, "D0BOB"), "tb-hidden"),
    AuditLine(TEAM, AuditEntry("U0BOB", "give a role", START, "C0LAB"), "tuner U0ADA"),
]


def test_the_newest_acts_say_who_did_what_where() -> None:
    message = build_audit(LINES, {"tb-1": "capitals"})
    check_message(message, mentions={"U0ADA", "U0BOB"})
    shared, deleted, given = (line.partition("> ")[2] for line in message.text.splitlines()[:3])
    assert shared == "<@U0ADA> share *capitals* in <#C0LAB>: <#C0HALL>"
    assert deleted == "<@U0BOB> delete `tb-hidden`"
    assert given == "<@U0BOB> give a role `tuner U0ADA` in <#C0LAB>"


def test_what_nobody_of_the_workspace_did_mentions_nobody() -> None:
    acts = [AuditEntry(user, "delete", START) for user in (BY_BOT, BY_CEILING, BY_TERMINAL)]
    message = build_audit([AuditLine(TEAM, act, "tb-1") for act in acts], {})
    check_message(message)
    for who in ("Tunebot itself delete", "The limit of running tunings delete", "Somebody at the terminal delete"):
        assert who in message.text


def test_in_a_thread_the_list_notifies_nobody() -> None:
    check_message(build_audit(LINES, {}, with_mentions=False))
    check_message(build_audit([], {}))


def test_the_longest_lines_fit() -> None:
    lines = [AuditLine(TEAM, AuditEntry("U0ADA", "ask", START, "C0LAB"), "projects/" + "p" * 300)] * 20
    check_message(build_audit(lines, {}), mentions={"U0ADA"})

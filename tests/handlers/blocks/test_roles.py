from bot.domain.roles import EVERYONE, Role, RoleGrant
from handlers.blocks.roles import build_role_change, build_roles
from tests.support.block_checks import check_message

GRANTS = (
    RoleGrant(Role.APPROVER, "U0ADA"),
    RoleGrant(Role.TUNER, "S0TUNERS", "U0ADA"),
    RoleGrant(Role.TUNER, "C0LAB", "U0ADA"),
    RoleGrant(Role.ASKER, EVERYONE),
)


def test_each_role_shows_what_it_may_do_and_who_has_it() -> None:
    message = build_roles(GRANTS, Role.TUNER)
    check_message(message, mentions={"U0ADA", "S0TUNERS"})
    assert message.text.splitlines()[:5] == [
        "Your role here: tuner.",
        "*owner* (give and take roles, and all below): nobody named",
        "*approver* (approve tunings, look after those of others, and all below): <@U0ADA>",
        "*tuner* (tune, and all below): <!subteam^S0TUNERS>, <#C0LAB>",
        "*asker* (ask models): everyone",
    ]


def test_in_a_thread_the_list_notifies_nobody() -> None:
    message = build_roles(GRANTS, None, with_mentions=False)
    check_message(message)
    text = message.text
    assert "<@" not in text
    assert "<!" not in text
    assert "`S0TUNERS`" in text
    assert "<!" not in build_role_change("S0TUNERS", "now has the role", Role.TUNER, with_mentions=False).text


def test_a_hundred_tuners_fit_into_a_message() -> None:
    people = [f"U0{number:09}" for number in range(100)]
    message = build_roles([RoleGrant(Role.TUNER, person) for person in people], None)
    check_message(message, mentions=set(people))
    assert "and 70 more" in message.text

"""Builds the list of roles, and the answer to a change of one."""

from collections.abc import Sequence
from typing import Final

from bot.domain.roles import EVERYONE, Role, RoleGrant, is_channel, is_group, is_person
from handlers.blocks.elements import context, section
from handlers.blocks.message import Message, code, compose, mention

_SHOWN: Final = 30
_MAY: Final = {
    Role.OWNER: "give and take roles, and all below",
    Role.APPROVER: "approve tunings, look after those of others, and all below",
    Role.TUNER: "tune, and all below",
    Role.ASKER: "ask models",
}
_ALWAYS: Final = (
    "The administrators of this workspace are owners. The person who started a tuning may cancel and delete "
    "it. While nobody is named as asker, each full member may ask."
)


def build_roles(grants: Sequence[RoleGrant], own: Role | None, *, with_mentions: bool = True) -> Message:
    """Build the list; `own` is the role of the person who reads it, `with_mentions` if nobody else reads it."""
    lines = []
    for role in Role:
        names = [_named(grant.grantee, with_mentions) for grant in grants if grant.role is role]
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        lines.append(f"*{role}* ({_MAY[role]}): {', '.join(names[:_SHOWN]) or 'nobody named'}{more}")
    yours = f"Your role here: {own}." if own else "You have no role here."
    text = "\n".join(lines)
    return compose(
        f"{yours}\n{text}\n{_ALWAYS}",
        [section(yours, "own_role"), section(text, "roles"), context(_ALWAYS, "always")],
    )


def build_role_change(grantee: str, change: str, role: Role, *, with_mentions: bool = True) -> Message:
    """Build the sentence on who has, or no longer has, a role."""
    text = f"{_named(grantee, with_mentions or is_person(grantee))} {change} {role}."
    return compose(text, [section(text, "role_change")])


def _named(grantee: str, live: bool) -> str:
    if grantee == EVERYONE:
        return "everyone"
    if is_channel(grantee):
        return f"<#{grantee}>"
    if not live:
        return code(grantee)
    return f"<!subteam^{grantee}>" if is_group(grantee) else mention(grantee)

"""A workspace of full members who may all tune, for the tests that ask about something else than rights."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bot.app import build_use_cases
from bot.chat.answer_settings import AnswerSettings
from bot.chat.chat_service import ChatService
from bot.chat.gone_models import GoneModels
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.people.job_access import JobAccess
from bot.people.roles import Roles
from bot.ports.backends import TuningBackend
from bot.ports.workspace_members import UnknownMembers
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.spending.price_table import read_price_table
from handlers.assembly import UseCases
from storage import Stores

EVERYONE_TUNES: Final = (RoleGrant(Role.TUNER, EVERYONE),)


class FullMembers(UnknownMembers):
    """Says that each person is a full member, and no to everything else."""

    async def is_full_member(self, user: str) -> bool:
        return True

    async def is_external(self, channel: str) -> bool:
        return False

    async def is_member(self, user: str) -> bool:
        return True

    async def answers(self, user: str, places: Iterable[str]) -> bool:
        return True


def build_open_use_cases(stores: Stores, *parts: Any, **options: Any) -> UseCases:
    """Build the use cases of `bot/app/` for such a workspace."""
    return build_use_cases(stores, *parts, **{"members": FullMembers(), "named_roles": EVERYONE_TUNES, **options})


def open_access(stores: Stores) -> JobAccess:
    """Build who may do what in such a workspace."""
    members = FullMembers()
    return JobAccess(stores.jobs, members, Roles(members, stores.roles, EVERYONE_TUNES))


def open_chat(stores: Stores, backends: Mapping[str, TuningBackend]) -> ChatService:
    """Build the use cases on models in such a workspace."""
    access = open_access(stores)
    settings = AnswerSettings(backends, access, stores.chats, stores.audit_log)
    gone = GoneModels(read_price_table(), SYSTEM_CLOCK)
    return ChatService(backends, access, stores.chats, stores.audit_log, settings, gone)

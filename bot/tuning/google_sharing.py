"""Opens a model to a person's Google account at Google, and takes that back, where the system has such rights.

The person can then ask the model with their own credentials, outside of Slack and of all budgets. So this is
closed unless the operator opens a domain for it, only the owner of a tuning does it, and never for everybody.
"""

from collections.abc import Mapping, Sequence

from bot.domain.google_accounts import is_of_domains
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from bot.errors import BadArgument, Forbidden
from bot.people.job_access import JobAccess
from bot.people.roles import Deed
from bot.ports.backends import TuningBackend, offered_backend
from bot.ports.stores import AuditLog


class GoogleSharing:
    """The use cases. Google keeps who has which right; the audit log keeps who gave and took one, by the job."""

    def __init__(
        self,
        backends: Mapping[str, TuningBackend],
        access: JobAccess,
        audit_log: AuditLog,
        domains: Sequence[str],
    ) -> None:
        """`domains` are those of which accounts may get a right."""
        self._backends = backends
        self._access = access
        self._audit_log = audit_log
        self._domains = tuple(domains)

    async def add(self, requester: Requester, job: TuningJob, account: str) -> None:
        """Let the account read and ask the model at Google.

        Raises Forbidden for anybody but the owner of the tuning, NoSuchJob, BadArgument where it is not possible,
        GoogleError, StorageError.
        """
        await self._access.check_deed(requester, job, Deed.SHARE)
        if requester.user != job.owner:
            raise Forbidden(
                f"Only the person who started “{job.name}” may open it to a Google account.",
                "Share it in Slack instead: /tune share NAME @PERSON.",
            )
        backend = self._backend(job)
        if not is_of_domains(account, self._domains):
            raise BadArgument(
                "Models may not be opened to Google accounts of that domain.",
                "The person who runs the bot decides on the domains: TUNEBOT_GOOGLE_SHARE_DOMAINS.",
            )
        # Before the call: a right that nobody wrote down would be worse than a line without one.
        await self._audit_log.record(requester, "share at Google", job.key)
        await backend.open_to(job.tuned_model, account)

    async def remove(self, requester: Requester, job: TuningJob, account: str) -> None:
        """Take the account's right back.

        Raises Forbidden, NoSuchJob, BadArgument if it has none, GoogleError, StorageError.
        """
        await self._access.check_deed(requester, job, Deed.SHARE)
        backend = self._backend(job)
        await self._audit_log.record(requester, "unshare at Google", job.key)
        if not await backend.close_to(job.tuned_model, account):
            raise BadArgument(
                f"That account has no right to “{job.name}” that I could take.", "It may own the model."
            )

    def _backend(self, job: TuningJob) -> TuningBackend:
        backend = offered_backend(self._backends, job.backend)
        if not backend.profile.shares_with_accounts:
            raise BadArgument(
                f"{backend.profile.title} has no rights for one model that I could give.",
                "An administrator of the Google Cloud project gives rights there, with IAM.",
            )
        if not job.can_answer:
            raise BadArgument(f"“{job.name}” has no model yet.", "Share it once it is ready.")
        return backend

"""Everything that can go wrong, as one tree.

    BotError                     message: what happened, with the value; hint: what to do next
    ├── UserError                something a person typed or attached
    │   ├── BadArgument          a word of a command or a field of a form
    │   ├── NoSuchJob            no job or model of that name in this workspace
    │   ├── NotAllowed           this person may not do that
    │   └── Outdated             the button or form belongs to something that has moved on
    ├── FileError                the attached file, before any row is read
    │   ├── FileUnavailable      Slack or Cloud Storage does not hand it out
    │   └── FileTooLarge         over the limit of its way in
    ├── GoogleError              Google answered with an error, or not at all
    │   ├── InvalidRequest       400: Google refuses the values
    │   ├── NotAuthenticated     401, or credentials that cannot be refreshed
    │   ├── PermissionDenied     403
    │   ├── NotFoundAtGoogle     404
    │   ├── AlreadyExists        409
    │   ├── QuotaExceeded        429
    │   ├── GoogleUnavailable    5xx, time-outs, broken connections
    │   └── OutcomeUnknown       a create was sent and no answer came: it may have been carried out
    ├── SlackError               Slack does not take a message
    │   ├── RetryLater           not now
    │   │   └── Unconfirmed      a post was sent and no answer came: it may stand in Slack
    │   └── Undeliverable        never
    ├── StorageError             the database
    └── SettingsError            the environment at start

Both texts are safe to show to anyone in the workspace: they hold no secrets and no other team's data. Only
`handlers/errors.py` turns an error into Slack words. This module imports nothing of ours.
"""


class BotError(Exception):
    """What happened (`message`) and what to do next (`hint`), both plain text without Slack markup."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class UserError(BotError):
    """A person can put this right by typing or attaching something else."""


class BadArgument(UserError):
    """A value a person gave is missing, unknown or out of range.

    `field` names the form field or the command word it stands in, so that a form can show it in place.
    """

    def __init__(self, message: str, hint: str = "", *, field: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class NoSuchJob(UserError):
    """No job or tuned model of that name is visible from this workspace."""


class NotAllowed(UserError):
    """The person may not do this here."""


class Outdated(UserError):
    """The form or button was made for something that has changed since."""


class FileError(BotError):
    """A file cannot be read at all; its rows were not looked at."""


class FileUnavailable(FileError):
    """The file is gone, or its host does not hand it out to the bot."""


class FileTooLarge(FileError):
    """The file is larger than its way in allows."""


class GoogleError(BotError):
    """Google's refusal in words; `status` is google.rpc.Code's name, `http_status` 0 when no answer came."""

    def __init__(self, message: str, hint: str = "", *, status: str = "", http_status: int = 0) -> None:
        super().__init__(message, hint)
        self.status = status
        self.http_status = http_status


class InvalidRequest(GoogleError):
    """HTTP 400: repeating the same request can only fail again."""


class NotAuthenticated(GoogleError):
    """HTTP 401, or credentials that are missing, expired or cannot be refreshed."""


class PermissionDenied(GoogleError):
    """HTTP 403."""


class NotFoundAtGoogle(GoogleError):
    """HTTP 404."""


class AlreadyExists(GoogleError):
    """HTTP 409: the id that we chose is taken, by an earlier try of ours or by somebody else."""


class QuotaExceeded(GoogleError):
    """HTTP 429; `retry_after` is in seconds where Google gave one."""

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        status: str = "",
        http_status: int = 429,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint, status=status, http_status=http_status)
        self.retry_after = retry_after


class GoogleUnavailable(GoogleError):
    """HTTP 408 or 5xx, a time-out, or a connection that broke; a read may be tried again."""


class OutcomeUnknown(GoogleError):
    """A request that creates something was sent and its answer was lost.

    The job must stay open until it was looked up by our key; sending the request again could pay twice.
    """


class SlackError(BotError):
    """Slack does not take a message."""


class RetryLater(SlackError):
    """Slack cannot take the message now; it may be tried again after `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Unconfirmed(RetryLater):
    """A post was sent and no answer says whether it was carried out; it must be looked for before the next try."""


class Undeliverable(SlackError):
    """Slack will never take this message: the channel is gone, or the bot was removed from the workspace."""


class StorageError(BotError):
    """The database refuses: it is locked, full, corrupt, or of another schema."""


class SettingsError(BotError):
    """The environment is not fit to start with; the message lists every problem."""

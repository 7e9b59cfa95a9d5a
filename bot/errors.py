"""Everything that can go wrong, as one tree. A test holds the drawing against the classes.

    BotError                     what happened, with the value, and what to do next
    ├── Interrupted              the process ended during the work, of which nothing remains
    ├── UserError                a person typed or attached something that cannot be used
    │   ├── BadArgument          a word of a command or a field of a form
    │   ├── NoSuchJob            this workspace has no job or model of that name
    │   │   └── JobDeleted       the job of a button, and its model, were deleted since
    │   ├── ConfirmationNeeded   a start is so large that a person must say yes a second time
    │   ├── OverBudget           it would cost more than the month's budget has left
    │   ├── Outdated             the button or form belongs to something that has changed
    │   ├── Forbidden            this person may not do that, or not in this place
    │   │   └── RightsUnknown    Slack does not say now what the person may do
    │   └── TooManyQuestions     a person or a thread asked more than the limit
    ├── FileError                the attached file cannot be read
    │   ├── FileUnavailable      Slack or Cloud Storage does not give it to the bot
    │   ├── FileTooLarge         it is larger than the limit
    │   └── TooMuchWork          it needs more time, memory or output than one file may use
    ├── GoogleError              Google answered with an error, or did not answer
    │   ├── InvalidRequest       400: Google does not accept the values
    │   ├── NotAuthenticated     401, or credentials that cannot be refreshed
    │   ├── PermissionDenied     403
    │   ├── NotFoundAtGoogle     404
    │   ├── AlreadyExists        409
    │   ├── QuotaExceeded        429
    │   │   └── TooManyTunings   Google runs no further tuning of this project at the same time
    │   ├── GoogleUnavailable    408, 5xx, time-outs, broken connections
    │   │   └── AnswerLost       the request was sent, and Google may have answered it
    │   └── OutcomeUnknown       a create request was sent, and no answer says whether Google carried it out
    ├── SlackError               Slack does not accept a message
    │   └── RetryLater           not now
    │       └── Unconfirmed      a post was sent, and no answer says whether it is in Slack
    ├── StorageError             the database
    └── SettingsError            the environment variables at the start

Both texts of an error are safe to show to anyone in the workspace: they contain no secrets and no data of another
workspace. Only `handlers/errors.py` turns an error into a Slack message. This module imports nothing of ours.
"""


class BotError(Exception):
    """Says what happened (`message`) and what to do next (`hint`), both as plain text without Slack markup.

    `passing` is true for what usually passes by itself, so that the same thing may be tried again.
    """

    passing = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class Interrupted(BotError):
    """Work ended before its result was known, and nothing of it remains; it may be done again."""

    passing = True


class UserError(BotError):
    """A person can correct this by typing or attaching something else."""


class BadArgument(UserError):
    """A value that a person gave is missing, unknown or out of range.

    `field` is the name of the form field or of the command's word, so that a form can show the error at its field.
    """

    def __init__(self, message: str, hint: str = "", *, field: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class NoSuchJob(UserError):
    """This workspace has no job or tuned model of that name."""


class JobDeleted(NoSuchJob):
    """The job with this key, and its model if it had one, were deleted since the person was shown them."""

    def __init__(self, message: str, hint: str = "", *, key: str) -> None:
        super().__init__(message, hint)
        self.key = key


class ConfirmationNeeded(UserError):
    """The start has an unusual size or price, or became dearer; it needs a second, explicit yes.

    `message` names the amount. `prices` are those to which the yes is given; see `bot.spending.estimates`.
    """

    def __init__(self, message: str, hint: str = "", *, prices: str = "") -> None:
        super().__init__(message, hint)
        self.prices = prices


class OverBudget(UserError):
    """It would cost more than what is left of a budget of this month."""


class Outdated(UserError):
    """The form or button was made for something that has changed since then."""


class Forbidden(UserError):
    """This person may not do that, or may not do it in this place."""


class RightsUnknown(Forbidden):
    """Slack does not say now what this person may do: it is refused, and nobody has lost a right."""

    passing = True


class TooManyQuestions(UserError):
    """A person or a thread asked more questions than the operator allows in this time."""


class FileError(BotError):
    """The file cannot be read; none of its rows was checked. `passing` says that it may be readable later."""

    def __init__(self, message: str, hint: str = "", *, passing: bool = False) -> None:
        super().__init__(message, hint)
        self.passing = passing


class FileUnavailable(FileError):
    """The file was deleted, or its host does not give it to the bot."""


class FileTooLarge(FileError):
    """The file is larger than the limit of the system that reads it."""


class TooMuchWork(FileError):
    """Reading the file needs more time, memory or output than one file may use."""


class GoogleError(BotError):
    """Google returned an error, or no answer came.

    `status` is the name of a `google.rpc.Code` (google/rpc/code.proto); `http_status` is 0 when no answer came.
    `from_google` is true if the answer was Google's own, which a proxy's page or an empty answer is not.
    """

    def __init__(
        self, message: str, hint: str = "", *, status: str = "", http_status: int = 0, from_google: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.http_status = http_status
        self.from_google = from_google


class InvalidRequest(GoogleError):
    """HTTP 400: the same request would fail again."""


class NotAuthenticated(GoogleError):
    """HTTP 401, or credentials that are missing, expired or cannot be refreshed."""


class PermissionDenied(GoogleError):
    """HTTP 403."""


class NotFoundAtGoogle(GoogleError):
    """HTTP 404 in Google's own words; a 404 from anything else is a GoogleUnavailable."""


class AlreadyExists(GoogleError):
    """HTTP 409: the id that we chose exists, from an earlier try of ours or from somebody else."""


class QuotaExceeded(GoogleError):
    """HTTP 429; `retry_after` is in seconds, None if Google gave no time."""

    passing = True

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        status: str = "",
        http_status: int = 429,
        from_google: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint, status=status, http_status=http_status, from_google=from_google)
        self.retry_after = retry_after


class TooManyTunings(QuotaExceeded):
    """HTTP 429 for the number of tunings that run at the same time: nothing was started, and a turn will come."""


class GoogleUnavailable(GoogleError):
    """HTTP 408 or 5xx, a time-out, or a connection that broke; a read may be retried."""

    passing = True


class AnswerLost(GoogleUnavailable):
    """The request was sent, and no answer says what Google did. It may charge for a question."""


class OutcomeUnknown(GoogleError):
    """A request that creates something was sent, and its answer was lost.

    The job must stay open until it was looked up by our key; a second request could pay twice.
    """


class SlackError(BotError):
    """Slack does not accept a message."""


class RetryLater(SlackError):
    """Slack cannot accept the message now; it may be retried after `seconds`.

    `final` says that the reason is final if it lasts, as where the channel or the message is gone; how long it
    must last is in bot/domain/repeated_refusals.py.
    """

    passing = True

    def __init__(self, message: str, seconds: float, *, final: bool = False) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.final = final


class Unconfirmed(RetryLater):
    """A post was sent, and no answer says whether it is in Slack; search for it before the next try."""


class StorageError(BotError):
    """The database cannot be used: it is locked, full, corrupt, or has another schema."""

    passing = True


class SettingsError(BotError):
    """The environment variables are wrong; the message lists every problem."""

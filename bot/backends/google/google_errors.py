"""Translates what fails between the bot and Google into our errors, with a hint that says what to do next.

This is the only place that knows which HTTP statuses and network errors pass by themselves, and which of them
leave no doubt that Google did nothing; `error_hints` knows Google's messages. A message of
Google's is shown on one short line and without anything that looks like a credential. No I/O.

Sources: google/rpc/status.proto, google/rpc/code.proto and google/rpc/error_details.proto; the errors of Cloud
Storage's JSON API: https://cloud.google.com/storage/docs/json_api/v1/status-codes; httpx's classes:
https://www.python-httpx.org/exceptions/.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
import msgspec
import re2  # type: ignore[import-untyped]

from bot.backends.google.error_hints import LONGEST_READ, TRY_LATER, hint_for, says_too_many_tunings
from bot.backends.google.json_fields import Json, integer, number, record, records, text
from bot.domain.certificates import UNTRUSTED_HINT, is_untrusted
from bot.domain.jobs import Failure
from bot.errors import (
    AlreadyExists,
    AnswerLost,
    GoogleError,
    GoogleUnavailable,
    InvalidRequest,
    NotAuthenticated,
    NotFoundAtGoogle,
    PermissionDenied,
    QuotaExceeded,
    TooManyTunings,
)

# Every class of httpx's that a request can raise; a test holds that no other one reaches us.
NETWORK_ERRORS: Final = (httpx.RequestError, httpx.InvalidURL)
# Those of them that httpx raises before it sends a byte of the request.
NOTHING_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
# After these statuses a request that changes nothing may be sent again.
READ_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
# Google charges for an answer, so a question is sent again only where Google certainly did not answer it.
ASK_AGAIN: Final = frozenset({429, 503})

LONGEST_MESSAGE: Final = 300
NO_REASON: Final = "Google gave no reason."
NO_REASON_HINT: Final = (
    "Try it again. If it fails again, an administrator can open the job in the Google Cloud console, which may "
    "say more."
)
_CLASSES: Final[Mapping[int, type[GoogleError]]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: PermissionDenied,
    404: NotFoundAtGoogle,
    409: AlreadyExists,
}
# The names of google.rpc.Code and the HTTP status that each is sent with (google/rpc/code.proto).
_HTTP_OF_NAME: Final[Mapping[str, int]] = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}
# With these answers to a create, Google certainly started nothing, if they are Google's own.
REFUSED: Final = frozenset({400, 401, 403, 404, 412, 413, 429, 501})
# A proxy answers these by itself; 499 is nginx's own code for a connection that the client closed.
_OF_PROXIES: Final = frozenset({404, 499})
# A proxy answers these where it has sent the request on and got no answer.
_ANSWER_LOST: Final = frozenset({499, 502, 504})
# The request was not the reason for these.
_CUT_OFF: Final = frozenset({408, 499})
_DEFAULT_MESSAGES: Final[Mapping[int, str]] = {
    400: "Google does not take these values",
    401: "Google does not accept the bot's credentials",
    403: "Google does not allow this",
    404: "Google does not know it",
    409: "Google already has one of that name",
    429: "Google's quota is used up",
}
# Operation.error and TuningJob.error carry numbers of google.rpc.Code instead of HTTP statuses
# (google/rpc/code.proto).
_HTTP_OF_RPC: Final[Mapping[int, int]] = {3: 400, 9: 400, 11: 400, 16: 401, 7: 403, 5: 404, 6: 409, 8: 429}
# DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL and UNAVAILABLE: the same start may succeed later.
_PASSING_RPC: Final = frozenset({4, 8, 10, 13, 14})

_QUERY: Final = re2.compile(r"(https?://[^\s?]+)\?\S+")
_SECRETS: Final = re2.compile(
    r"ya29\.[\w.~+/-]+|AIza[\w-]{10,}|eyJ[\w-]+\.[\w.-]+|1//[\w-]{20,}|GOCSPX-[\w-]+"
    r"|(?i:bearer)\s+\S+|(?i:(?:key|access_token|upload_id|token)=)[^\s&\"']+"
)


def google_error(
    http_status: int, body: Any, *, retry_after: float | None = None, roles: str = "", storage: bool = True
) -> GoogleError:
    """Return the error for a failed call.

    `body` is the answer's JSON, which holds a google.rpc.Status under `error`, or None where it was no JSON.
    `roles` names what the bot's account needs, for a 403 that does not say it. `storage` says whether Cloud
    Storage was asked, which writes its errors in its own form.
    """
    status = record(record(body).get("error"))
    own = is_from_google(http_status, status, storage=storage)
    if http_status in _OF_PROXIES and not own:
        # A proxy, or Google's own front end for a path that it does not serve, knows nothing about the resource.
        return not_json(http_status)
    message = sanitize(text(status.get("message")))
    code = text(status.get("status")) or _storage_reason(status)
    default = f"{_DEFAULT_MESSAGES.get(http_status, 'Google cannot answer now')} ({http_status})."
    shown = f"Google says: {message}" if message else default
    hint = hint_for(message, http_status, roles=roles, reasons=_reasons(status))
    if http_status == httpx.codes.TOO_MANY_REQUESTS:
        wait = retry_after if retry_after is not None else _retry_delay(status)
        quota_class = TooManyTunings if says_too_many_tunings(message) else QuotaExceeded
        return quota_class(shown, hint, status=code, http_status=http_status, from_google=own, retry_after=wait)
    error_class = _CLASSES.get(http_status)
    if error_class is None:
        # 501 is UNIMPLEMENTED, or not enabled: the same request fails again.
        ours = (400 <= http_status < 500 and http_status not in _CUT_OFF) or (own and http_status == 501)
        error_class = InvalidRequest if ours else GoogleUnavailable
    if http_status in _ANSWER_LOST and not own:
        error_class = AnswerLost
    return error_class(shown, hint, status=code, http_status=http_status, from_google=own)


def is_from_google(http_status: int, status: Mapping[str, Any], *, storage: bool = True) -> bool:
    """Return whether an answer's `error` is Google's own: its code is the HTTP status, and its name fits that.

    Cloud Storage, and no other API of Google's, sends no name; its list of errors with a reason counts instead.
    """
    if integer(status.get("code")) != http_status:
        return False
    name = text(status.get("status"))
    return _HTTP_OF_NAME.get(name) == http_status if name else storage and bool(_storage_reason(status))


def network_error(error: httpx.RequestError | httpx.InvalidURL) -> GoogleUnavailable:
    """Return the error for a request that got no answer."""
    kind = GoogleUnavailable if isinstance(error, NOTHING_SENT) else AnswerLost
    if is_untrusted(error):
        found = kind("This machine does not trust the certificate that answers for Google.", UNTRUSTED_HINT)
        # What repeats a request raises this error without the cause.
        found.__cause__ = error
        return found
    match error:
        case httpx.ConnectTimeout() | httpx.ConnectError() | httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return kind("Google cannot be reached.", TRY_LATER)
        case httpx.TimeoutException():
            return kind("Google did not answer in time.", TRY_LATER)
        case _:
            return kind("The connection to Google broke.", TRY_LATER)


def decode_answer(content: bytes, status: int = 200) -> Json:
    """Return the JSON object of an answer; an empty answer is an empty object.

    Raises GoogleUnavailable for anything else.
    """
    if not content.strip():
        return {}
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise not_json(status) from error
    if not isinstance(body, dict):
        raise not_json(status)
    return body


def not_json(status: int) -> GoogleUnavailable:
    """Return the error for an answer that is not Google's JSON."""
    kind = AnswerLost if status in _ANSWER_LOST else GoogleUnavailable
    return kind(
        f"Something other than Google's API answered ({status}).",
        "There may be a proxy or a wrong address between the bot and Google. Try again. If it happens again, ask "
        "an administrator to check TUNEBOT_VERTEX_URL, TUNEBOT_GENAI_URL and the network.",
        http_status=status,
    )


def read_retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date (RFC 9110, section 10.2.3)."""
    value = response.headers.get("retry-after", "")
    seconds = number(value)
    if seconds is None and value:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - datetime.now(UTC)).total_seconds()
    return None if seconds is None else max(0.0, seconds)


def job_failure(status: Any) -> Failure:
    """Return why a job ended, from the google.rpc.Status in `Operation.error` or `TuningJob.error`."""
    error = record(status)
    code = integer(error.get("code")) or 0
    message = sanitize(text(error.get("message")))
    if not message:
        return Failure(code, NO_REASON, NO_REASON_HINT, passing=True)
    hint = hint_for(message, _HTTP_OF_RPC.get(code, 500))
    return Failure(code, message, hint, passing=code in _PASSING_RPC)


def sanitize(message: str) -> str:
    """Return one line of at most 300 characters without control characters, credentials or query strings."""
    # Only the beginning is shown, so no more is read: somebody else decides how long the message is.
    line = " ".join(message[:LONGEST_READ].split())
    line = "".join(character for character in line if character.isprintable())
    line = str(_QUERY.sub(r"\1", line))
    line = str(_SECRETS.sub("***", line))
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1].rstrip() + "…"


def _retry_delay(status: Mapping[str, Any]) -> float | None:
    """Return the seconds of a google.rpc.RetryInfo detail (google/rpc/error_details.proto)."""
    for detail in records(status.get("details")):
        if text(detail.get("@type")).endswith("google.rpc.RetryInfo"):
            return number(text(detail.get("retryDelay")).removesuffix("s"))
    return None


def _reasons(status: Mapping[str, Any]) -> str:
    """Return the machine-readable reasons of google.rpc.ErrorInfo details (google/rpc/error_details.proto)."""
    return " ".join(text(detail.get("reason")) for detail in records(status.get("details")))


def _storage_reason(status: Mapping[str, Any]) -> str:
    """Return the first `reason` in Cloud Storage's list of errors; Cloud Storage sends no `status`."""
    return next((text(error.get("reason")) for error in records(status.get("errors"))), "")

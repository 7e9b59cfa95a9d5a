"""Google's errors, for people: a google.rpc.Status becomes one of our errors, or a job's Failure, with advice.

The only place that knows Google's own sentences. What Google said is shown shortened and without anything that
looks like a credential; the hint says what to do about it. No I/O.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from bot.backends.google.json_fields import number, record, records, text, whole
from bot.domain.jobs import Failure
from bot.errors import (
    AlreadyExists,
    GoogleError,
    GoogleUnavailable,
    InvalidRequest,
    NotAuthenticated,
    NotFoundAtGoogle,
    PermissionDenied,
    QuotaExceeded,
)

LONGEST_SENTENCE: Final = 300

# Google's own words (a pattern) -> what to do. The first that fits is told.
_HINTS: Final[tuple[tuple[str, str], ...]] = (
    (
        r"(training|validation)_?dataset_?uri should be",
        "Google takes a gs:// address of a JSONL file. Check the address, and that the name ends in .jsonl.",
    ),
    (
        r"missing required ['`\"]?contents['`\"]? field",
        "A row is not in Vertex AI's form. Attach the file here, so that it is converted, or run "
        "`tunebot convert --to vertex FILE`.",
    ),
    (
        r"multi-?turn chat is not enabled",
        "This model answers single questions only: ask it outside of a thread.",
    ),
    (
        r"base ?model\b.*\bnot supported|unsupported (base )?model|model .* (does not|doesn't) support tuning"
        r"|not supported for .*createTunedModel",
        "Choose another base model. An administrator can set the ones to offer with TUNEBOT_BASE_MODELS.",
    ),
    (
        r"adapter ?size",
        "Choose another adapter size, or leave it empty: then Google takes the base model's own.",
    ),
    (
        r"permission to access tuned model",
        "Ask the model's owner to share it with the bot's account, or use a model that the bot tuned.",
    ),
    (
        r"has not been used in project|SERVICE_DISABLED|API is not enabled|it is disabled",
        "Ask an administrator to switch this API on for the project in the Google Cloud console.",
    ),
    (
        r"billing",
        "Ask an administrator to check the billing of the Google Cloud project.",
    ),
    (
        r"API key (not valid|expired)|API_KEY_INVALID",
        "Ask an administrator to set a working GEMINI_API_KEY.",
    ),
    (
        r"insufficient authentication scopes|ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "The credentials lack a scope. Log in again with cloud-platform and generative-language.tuning.",
    ),
    (
        r"bucket (does not|doesn't) exist|specified bucket",
        "Check TUNEBOT_BUCKET, or make the bucket in the same project and location.",
    ),
    (
        r"epoch",
        "Set other epochs, or leave them empty: then Google chooses.",
    ),
    (
        r"learning_?rate",
        "Set another learning rate, or leave it empty: then Google chooses.",
    ),
    (
        r"(quota|limit|exceed|too many|concurrent).*(tuning ?jobs|pipelines)"
        r"|tuning.*(quota|limit|exceed)",
        "Google runs about one tuning of a project at a time. Wait until the other one has ended, then try again.",
    ),
)
_STATUS_HINTS: Final[Mapping[int, str]] = {
    400: "Change what it names, then try again.",
    401: "Ask an administrator to renew the bot's Google credentials.",
    404: "It may have been deleted, or it is in another project or location.",
    409: "Use another name.",
    429: "Wait a minute, then try again. An administrator can ask Google for more quota.",
}
_UNAVAILABLE_HINT: Final = "This is on Google's side and usually passes. Try again in a few minutes."
_KINDS: Final[Mapping[int, type[GoogleError]]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: PermissionDenied,
    404: NotFoundAtGoogle,
    409: AlreadyExists,
}
_UNSAID: Final[Mapping[int, str]] = {
    400: "Google does not take these values",
    401: "Google does not accept the bot's credentials",
    403: "Google does not allow this",
    404: "Google does not know it",
    409: "Google already has one of that name",
    429: "Google's quota is used up",
}
# The numbers of google.rpc.Code, which Operation.error and TuningJob.error carry instead of HTTP codes.
_HTTP_OF_RPC: Final[Mapping[int, int]] = {3: 400, 9: 400, 11: 400, 16: 401, 7: 403, 5: 404, 6: 409, 8: 429}

_SECRETS: Final = re.compile(
    r"ya29\.[\w.~+/-]+|AIza[\w-]{10,}|eyJ[\w-]+\.[\w.-]+|1//[\w-]{20,}|GOCSPX-[\w-]+"
    r"|(?i:bearer)\s+\S+|(?i:(?:key|access_token|upload_id|token)=)[^\s&\"']+"
)


def refusal(http_status: int, body: Any, *, retry_after: float | None = None, roles: str = "") -> GoogleError:
    """The error for a failed call: `body` is its JSON (a google.rpc.Status under `error`), or None if it was none.

    `roles` names what the bot's account needs, for a 403 that says no more.
    """
    status = record(record(body).get("error")) if isinstance(body, dict) else {}
    sentence = sanitized(text(status.get("message")))
    code = text(status.get("status")) or _storage_reason(status)
    unsaid = f"{_UNSAID.get(http_status, 'Google has a problem')} ({http_status})."
    message = f"Google says: {sentence}" if sentence else unsaid
    hint = hint_for(sentence, http_status, roles=roles, reasons=_reasons(status))
    if http_status == 429:
        wait = retry_after if retry_after is not None else _retry_delay(status)
        return QuotaExceeded(message, hint, status=code, http_status=429, retry_after=wait)
    kind = _KINDS.get(http_status)
    if kind is None:
        kind = InvalidRequest if 400 <= http_status < 500 and http_status != 408 else GoogleUnavailable
    return kind(message, hint, status=code, http_status=http_status)


def failure(status: Any) -> Failure:
    """Why a job ended, from `Operation.error` or `TuningJob.error`."""
    error = record(status)
    code = whole(error.get("code")) or 0
    sentence = sanitized(text(error.get("message")))
    return Failure(
        code=code,
        message=sentence or "Google gave no reason.",
        hint=hint_for(sentence, _HTTP_OF_RPC.get(code, 500)),
    )


def hint_for(sentence: str, http_status: int, *, roles: str = "", reasons: str = "") -> str:
    """What to do about Google's sentence, or failing that about the status."""
    said = f"{sentence} {reasons}"
    for pattern, hint in _HINTS:
        if re.search(pattern, said, re.IGNORECASE):
            return hint
    if http_status == 403:
        need = f": it needs {roles}" if roles else ""
        return f"Ask an administrator to give the bot's Google account access{need}."
    return _STATUS_HINTS.get(http_status, _UNAVAILABLE_HINT)


def sanitized(said: str) -> str:
    """One line of at most 300 characters without control characters, credentials or query strings."""
    line = " ".join(said.split())
    line = "".join(character for character in line if character.isprintable())
    line = re.sub(r"(https?://[^\s?]+)\?\S+", r"\1", line)
    line = _SECRETS.sub("***", line)
    return line if len(line) <= LONGEST_SENTENCE else line[: LONGEST_SENTENCE - 1].rstrip() + "…"


def _retry_delay(status: Mapping[str, Any]) -> float | None:
    """Seconds out of a google.rpc.RetryInfo detail."""
    for detail in records(status.get("details")):
        if text(detail.get("@type")).endswith("google.rpc.RetryInfo"):
            return number(text(detail.get("retryDelay")).removesuffix("s"))
    return None


def _reasons(status: Mapping[str, Any]) -> str:
    """The machine-readable reasons of google.rpc.ErrorInfo details."""
    return " ".join(text(detail.get("reason")) for detail in records(status.get("details")))


def _storage_reason(status: Mapping[str, Any]) -> str:
    """Cloud Storage has no `status` but a list of errors with a `reason` each."""
    return next((text(error.get("reason")) for error in records(status.get("errors"))), "")

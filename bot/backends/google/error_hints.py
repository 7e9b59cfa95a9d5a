"""What to do next about an error of Google's: a table by the text of its message, and one by its HTTP status."""

from collections.abc import Mapping
from typing import Any, Final

import httpx
import re2  # type: ignore[import-untyped]

# How much of a message is searched or shown: somebody else decides how long it is.
LONGEST_READ: Final = 4_000
TRY_LATER: Final = "This usually passes by itself. Try again in a few minutes."

# What Google may say of a model that it has switched off: a guess, since no code or reason of `google.rpc` says it
# and no such answer was seen. So nobody is told more than that it seems so, beside Google's own words.
_RETIRED: Final = (
    r"\b(models?|endpoint)\b.*\b(is|are|was|been) (now )?"
    r"(retired|discontinued|no longer (available|served|supported)|shut down|turned off)"
)

# A pattern of Google's message -> what to do about it. The first pattern that matches counts.
_HINTS: Final[tuple[tuple[Any, str], ...]] = tuple(
    (re2.compile(f"(?i){pattern}"), hint)
    for pattern, hint in (
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
        (_RETIRED, "It seems that Google no longer serves this model: then choose another base model."),
        (
            r"adapter ?size",
            "Choose another adapter size, or leave it empty: then Google takes the base model's own.",
        ),
        (
            r"permission to access tuned model",
            "Ask the model's owner to share it with the bot's account, or use a model that the bot tuned.",
        ),
        (
            r"has not been used in project|API is not enabled|API .* (is|it is) disabled",
            "Ask an administrator to switch this API on for the project in the Google Cloud console.",
        ),
        (
            r"billing (account|has not|to be enabled|must be)|enable billing|billing on project",
            "Ask an administrator to check the billing of the Google Cloud project.",
        ),
        (
            r"API key (not valid|expired)",
            "Ask an administrator to set a working GEMINI_API_KEY.",
        ),
        (
            r"insufficient authentication scopes",
            "The credentials lack a scope. Log in again with cloud-platform and generative-language.tuning.",
        ),
        (
            # The service agent reads the files of a job, and not the account of the bot.
            r"(service agent|service-[0-9]+@gcp-sa-aiplatform|gcp-sa-).*(permission|access|storage\.)"
            r"|(permission|access|denied).*(service agent|gcp-sa-)",
            "Vertex AI's own service agent lacks the bucket, not the bot's account. An administrator gives the "
            "role Storage Object Viewer on it to "
            "service-PROJECT_NUMBER@gcp-sa-aiplatform.iam.gserviceaccount.com.",
        ),
        (
            r"bucket (does not|doesn't) exist|specified bucket",
            "Check TUNEBOT_BUCKET, or make the bucket in the same project and location.",
        ),
        (
            r"epoch_?count|(number of|too many) epochs|epochs (must|should|cannot|is|are) ",
            "Set other epochs, or leave them empty: then Google chooses.",
        ),
        (
            r"learning_?rate(_?multiplier)?\b|learning rate (must|should|is|cannot)",
            "Set another learning rate, or leave it empty: then Google chooses.",
        ),
        (
            r"(quota|limit|exceed|too many|concurrent).*(tuning[ _-]?jobs|pipelines)"
            r"|tuning.*(quota|limit|exceed)",
            "Google runs about one tuning of a project at a time. Try again when the other one has ended, see "
            "/tune status. An administrator can ask Google for more quota.",
        ),
    )
)
# A code of `google.rpc.ErrorInfo` says what is wrong whatever the sentence beside it says.
# Source: google/api/error_reason.proto.
_REASON_HINTS: Final[Mapping[str, str]] = {
    "SERVICE_DISABLED": "Ask an administrator to switch this API on for the project in the Google Cloud console.",
    "BILLING_DISABLED": "Ask an administrator to check the billing of the Google Cloud project.",
    "API_KEY_INVALID": "Ask an administrator to set a working GEMINI_API_KEY.",
    "API_KEY_SERVICE_BLOCKED": "Ask an administrator to let the GEMINI_API_KEY call this API.",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": "The credentials lack a scope. Log in again with cloud-platform and "
    "generative-language.tuning.",
    "ACCESS_TOKEN_EXPIRED": "Ask an administrator to renew the bot's Google credentials.",
    "CONSUMER_SUSPENDED": "Google has suspended the project: ask an administrator to look at it in the console.",
}
# What a sentence quotes comes from the data, which can hold any words: a text in quotes with a space in it, or an
# address. A quote inside of a word is an apostrophe.
_QUOTED: Final = re2.compile(
    r"(^|[\s(:=,\[])(?:\"[^\"]*\s[^\"]*\"|'[^'\n]*\s[^'\n]*'|`[^`]*\s[^`]*`|“[^”]*”)(?:$|[\s).:;,\]])|\b(?:gs|https?)://\S+"
)
# A sentence about a row may go on with its text.
_ABOUT_ROW: Final = re2.compile(r"(?i)\b(row|line|example|record) ?(number|no\.?|index|at)? ?[:#(]* ?[0-9]")
_ROW_HINT: Final = (
    "Check the file again here: the report names rows that Google may refuse. Repair or leave out this row."
)
_CONTENTS: Final = re2.compile(r"(?i)missing required ['`\"]?contents['`\"]? field")
_STATUS_HINTS: Final[Mapping[int, str]] = {
    400: "Change what it names, then try again.",
    401: "Ask an administrator to renew the bot's Google credentials.",
    404: "It may have been deleted, or it is in another project or location.",
    409: "Use another name.",
    429: "Wait a minute, then try again. An administrator can ask Google for more quota.",
}


_SAYS_RETIRED: Final = re2.compile(f"(?i){_RETIRED}")
_AT_ONCE: Final = re2.compile("(?i)concurrent.*(tuning|pipelines)|(tuning|pipelines).*concurrent")


def says_too_many_tunings(message: str) -> bool:
    """Return whether a refusal for lack of quota is about tunings that run at the same time.

    The quota is `global_concurrent_tuning_jobs` of aiplatform.googleapis.com.
    """
    return bool(_AT_ONCE.search(_of_google(message)[0]))


def says_retired(message: str) -> bool:
    """Return whether Google seems to say in this message that it no longer serves a model; it is a guess."""
    return bool(_SAYS_RETIRED.search(_of_google(message)[0]))


def _of_google(message: str) -> tuple[str, bool]:
    """Return what of a message are Google's own words, and whether it goes on about a row of the data."""
    searched = message[:LONGEST_READ].encode(errors="replace").decode()
    searched = _QUOTED.sub(r"\1… ", searched)
    row = _ABOUT_ROW.search(searched)
    return (searched[: row.start()], True) if row is not None else (searched, False)


def hint_for(message: str, http_status: int, *, roles: str = "", reasons: str = "") -> str:
    """Return what to do about Google's codes, else about its message, else about the HTTP status."""
    for reason in reasons.split():
        if reason in _REASON_HINTS:
            return _REASON_HINTS[reason]
    whole = f"{message} {reasons}"[:LONGEST_READ].encode(errors="replace").decode()
    searched, about_row = _of_google(f"{message} {reasons}")
    for pattern, hint in _HINTS:
        if pattern.search(searched):
            return hint
    if about_row and not _CONTENTS.search(whole):
        return _ROW_HINT
    if about_row:
        return next(hint for pattern, hint in _HINTS if pattern.search(whole))
    if http_status == httpx.codes.FORBIDDEN:
        need = f": it needs {roles}" if roles else ""
        return f"Ask an administrator to give the bot's Google account access{need}."
    return _STATUS_HINTS.get(http_status, TRY_LATER)

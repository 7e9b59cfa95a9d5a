"""Names every error code of Slack's Web API that the bot acts on, and says what each one means to it.

Slack lists the codes on the page of each method, for example docs.slack.dev/reference/methods/chat.postMessage.
No other module may name a code. This module imports no other module of `handlers`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import FileUnavailable, RetryLater, SlackError, Unconfirmed

logger = logging.getLogger(__name__)

# Errors that say nothing about the request: the connection failed, so the same request may succeed later.
# A request that was sent may have been carried out all the same.
NETWORK_ERRORS: Final = (aiohttp.ClientError, TimeoutError, ConnectionError)
# What a call of Slack's Web API raises where the bot can go on without its result.
CALL_ERRORS: Final = (SlackApiError, *NETWORK_ERRORS)

_TOKEN_INVALID: Final = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"}
)
# Slack refuses the token itself, whatever is called with it.
TOKEN_REFUSED: Final = _TOKEN_INVALID | {
    "access_denied",
    "not_allowed_token_type",
    "team_access_not_granted",
}
# The app was installed without the scope that the method needs.
SCOPE_MISSING: Final = frozenset({"missing_scope"})
# The person who installed the app can repair this, so messages wait and none is dropped.
_APP_REFUSED: Final = _TOKEN_INVALID | SCOPE_MISSING
# A stand-in or an older Slack does not know the method.
NO_SUCH_METHOD: Final = frozenset({"unknown_method", "method_deprecated"})
# Slack's pages write the first one, and some methods answer the second one.
_RATE_LIMITED: Final = frozenset({"ratelimited", "rate_limited"})
# What a log line may say behind the name of a token: it is not a secret.
SAID_OF_TOKENS: Final = TOKEN_REFUSED | SCOPE_MISSING | _RATE_LIMITED
# Slack's pages say of these that "it's possible some aspect of the operation succeeded before the error was
# raised".
_OUTCOME_UNKNOWN: Final = frozenset({"internal_error", "fatal_error", "service_unavailable"})

# The bot cannot post in this channel; it writes to the person directly instead.
CANNOT_POST: Final = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "no_permission",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "user_not_in_channel",
    }
)
# The message that was to be edited can no longer be edited, so a new one is posted.
MESSAGE_GONE: Final = frozenset(
    {"cant_update_message", "channel_not_found", "edit_window_closed", "is_inactive", "message_not_found"}
)
CANNOT_DELETE: Final = frozenset({"cant_delete_message"})
THREAD_GONE: Final = frozenset({"thread_not_found"})
# Slack also answers this where the bot is in the channel, for as long as it moves the channel or the workspace.
_MAY_PASS: Final = frozenset({"channel_not_found"})
# Slack says this of a channel that it knows, so a first message goes to the person at once.
NO_ENTRY: Final = CANNOT_POST - _MAY_PASS
# Slack refuses the blocks or the text of a message, which the bot made; the same text without blocks may pass.
BAD_MESSAGE: Final = frozenset(
    {
        "invalid_arguments",
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
    }
)
# Slack's own word that there is no such person, or no such user group; a group that was disabled is none.
_NOBODY: Final = frozenset({"no_such_subteam", "user_not_found"})
# No direct messages reach this person.
_PERSON_GONE: Final = frozenset({"cannot_dm_bot", "user_disabled", "user_not_found", "user_not_visible"})
# Only these codes end the delivery of a message, and only if they last: see bot/domain/repeated_refusals.py. After
# every other code, also after one that Slack adds next year, the message waits and is sent again.
FINAL_IF_LASTING: Final = CANNOT_POST | MESSAGE_GONE | THREAD_GONE | BAD_MESSAGE | _PERSON_GONE
# The person closed the modal.
VIEW_GONE: Final = frozenset({"not_found"})
# A workspace without the `data_visualization` block refuses the whole view or message.
CHART_REFUSED: Final = frozenset({"invalid_arguments", "invalid_blocks"})
_FILE_HIDDEN: Final = frozenset(
    {"access_denied", "channel_not_found", "file_deleted", "file_not_found", "not_in_channel"}
)


def slack_code(error: SlackApiError) -> str:
    """Return the `error` of Slack's answer; empty where a proxy or a 503's page answered in place of the API."""
    data = getattr(error.response, "data", None)
    return str(data.get("error") or "") if isinstance(data, dict) else ""


class ThreadDeleted(SlackApiError):
    """Slack posted a reply outside of its thread, whose first message and all replies were deleted."""

    def __init__(self, answer: AsyncSlackResponse) -> None:
        (code,) = THREAD_GONE
        refusal = AsyncSlackResponse(
            client=None,
            http_verb=answer.http_verb,
            api_url=answer.api_url,
            req_args={},
            data={"ok": False, "error": code},
            headers={},
            status_code=200,
        )
        super().__init__("Slack posted the message outside of its thread.", refusal)  # type: ignore[no-untyped-call]


def refuses_streams(error: SlackApiError) -> bool:
    """Return whether Slack refuses all streams there: for the channel's kind, the plan, or a code that is new.

    What Slack says of one thread, of the bot's place in a channel, or of the whole app says nothing of streams.
    """
    return slack_code(error) not in THREAD_GONE | MESSAGE_GONE | CANNOT_POST | TOKEN_REFUSED | _APP_REFUSED


def reason_of(error: Exception) -> str:
    """Return what to log of one of `CALL_ERRORS`."""
    return slack_code(error) if isinstance(error, SlackApiError) else type(error).__name__


def says_nobody(error: Exception) -> bool:
    """Return whether this is Slack's own word that a person or a user group does not exist."""
    return isinstance(error, SlackApiError) and slack_code(error) in _NOBODY


def slack_status(error: SlackApiError) -> int:
    """Return the HTTP status of the answer; Slack sends most refusals with 200."""
    return int(getattr(error.response, "status_code", 200))


def retry_after(error: SlackApiError) -> float | None:
    """Return the seconds for which Slack asks for a pause, None where the error is not about rate limits.

    Source: docs.slack.dev/apis/web-api/rate-limits.
    """
    if slack_code(error) not in _RATE_LIMITED and slack_status(error) != 429:
        return None
    seconds = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
    return float(seconds) if seconds.isdecimal() else 1.0


def outcome_unknown(error: SlackApiError) -> bool:
    """Return whether Slack may have carried out the call in spite of the error.

    A status of 5xx reports a failure on Slack's side, whatever code comes with it.
    """
    code, status = slack_code(error), slack_status(error)
    return code in _OUTCOME_UNKNOWN or status >= 500 or (not code and status != 429)


def unconfirmed(error: Exception) -> Unconfirmed:
    """Return the error of a post of which nobody knows whether Slack has it, from one of `CALL_ERRORS`."""
    if isinstance(error, SlackApiError):
        why = slack_code(error) or str(slack_status(error))
        return Unconfirmed(
            f"Slack does not say whether it has the message: {why}.",
            retry_after(error) or 1.0,
            final=slack_code(error) in CANNOT_POST,
        )
    return Unconfirmed(f"Slack does not say whether it has the message: {type(error).__name__}.", seconds=1.0)


def delivery_error(error: Exception) -> RetryLater:
    """Return what an error of slack-sdk or of the network means for a message, which is sent again later."""
    if isinstance(error, NETWORK_ERRORS):
        return RetryLater(f"Slack cannot be reached: {type(error).__name__}.", seconds=1.0)
    if not isinstance(error, SlackApiError):
        # slack-sdk sent nothing. Its reason concerns the client and not the message, which must not be dropped.
        return RetryLater(f"slack-sdk did not send the message: {type(error).__name__}.", seconds=30.0)
    code, status = slack_code(error), slack_status(error)
    if (seconds := retry_after(error)) is not None:
        return RetryLater("Slack asks for a pause.", seconds=seconds)
    if code in _APP_REFUSED:
        logger.error("Slack refuses the app: %s. Messages wait until the app is installed again.", code)
        return RetryLater(f"Slack refuses the app: {code}.", seconds=30.0)
    if status >= 500 or not code:
        return RetryLater(f"Slack fails: {code or status}.", seconds=1.0)
    return RetryLater(f"Slack refuses the message: {code}.", seconds=1.0, final=code in FINAL_IF_LASTING)


@contextmanager
def delivery_errors() -> Iterator[None]:
    """Raise RetryLater in place of what slack-sdk or the network raises inside the block."""
    try:
        yield
    except (SlackClientError, *NETWORK_ERRORS) as error:
        raise delivery_error(error) from error


def error_for_person(error: SlackApiError) -> SlackError | None:
    """Return the refusals that a person can do something about in clear sentences, None for all others."""
    match slack_code(error):
        case "not_in_channel" | "channel_not_found":
            return SlackError("I am not in this channel.", "Invite me with /invite, then try again.")
        case "is_archived":
            return SlackError("This channel is archived.", "Use another one.")
        case "expired_trigger_id" | "invalid_trigger_id":
            return SlackError("Slack stopped waiting before I could open the form.", "Try again.")
        case "missing_scope":
            needed = str(error.response.data.get("needed") or "a scope")
            return SlackError(
                f"The app lacks the scope {needed}.",
                "Ask the person who installed Tunebot to add it and to install the app again.",
            )
        case "ratelimited" | "rate_limited":
            return SlackError("Slack asks me to slow down.", "Try again in a minute.")
    return None


def file_error(file_id: str, error: SlackApiError) -> FileUnavailable:
    """Return what a refusal of files.info means to the person who named the file."""
    code = slack_code(error)
    if code == "missing_scope":
        return no_file_scope("the file")
    if code in _FILE_HIDDEN:
        return file_not_found(file_id)
    return FileUnavailable(
        f"Slack does not give me the file {file_id}: {code or slack_status(error)}.",
        "Try again in a moment.",
        passing=True,
    )


def file_not_found(file_id: str) -> FileUnavailable:
    """Return one and the same error for a file that does not exist, was deleted, or is hidden from the person."""
    return FileUnavailable(
        f"I find no file {file_id} that you and I both see here.",
        "Share it in this channel, and /invite me to it if need be; or upload it in the form that /tune opens.",
    )


def no_file_scope(name: str) -> FileUnavailable:
    """Return the error for a download that Slack answered with its login page, as it does without `files:read`."""
    return FileUnavailable(
        f"Slack sent a login page instead of {name}: the bot lacks the scope files:read.",
        "Ask the person who installed Tunebot to add it and to install the app again.",
    )

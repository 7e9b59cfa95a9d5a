"""Every error that slack-sdk or aiohttp can raise means something to the bot, as does every code of Slack's."""

from pathlib import Path

import aiohttp
import pytest
import slack_sdk.errors
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

import handlers
from bot.errors import FileUnavailable, RetryLater, Unconfirmed
from handlers import slack_errors
from handlers.slack_errors import (
    FINAL_IF_LASTING,
    NETWORK_ERRORS,
    delivery_error,
    delivery_errors,
    error_for_person,
    file_error,
    outcome_unknown,
    retry_after,
    slack_code,
    slack_status,
    unconfirmed,
)


def tree(root: type[Exception]) -> list[type[Exception]]:
    return [root, *(each for child in root.__subclasses__() for each in tree(child))]


def refusal(code: str = "", *, status: int = 200, headers: dict[str, str] | None = None) -> SlackApiError:
    """What slack-sdk raises; without a code, the answer was a page and not JSON."""
    data = {"ok": False, "error": code, "needed": "chat:write"} if code else "<html>Bad gateway</html>"
    response = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="https://slack.com/api/chat.postMessage",
        req_args={},
        data=data,  # type: ignore[arg-type]  # slack-sdk itself passes text here
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("The request to the Slack API failed.", response)  # type: ignore[no-untyped-call]


def bare(error: type[Exception]) -> Exception:
    """An instance, whatever its constructor takes: none of ours reads more than the class."""
    made = error.__new__(error)
    Exception.__init__(made, "broken")
    return made


AIOHTTP = [each for each in tree(aiohttp.ClientError) if each.__module__.startswith("aiohttp.")]
SDK = [
    each
    for each in tree(slack_sdk.errors.SlackClientError)
    if each.__module__.startswith("slack_sdk.") and each is not SlackApiError
]


def test_the_trees_that_are_walked_hold_the_classes_of_both_libraries() -> None:
    named = {vars(aiohttp.client_exceptions)[name] for name in aiohttp.client_exceptions.__all__}
    # Raised only by a socket that the caller reads as text; slack-sdk reads Socket Mode's messages itself.
    assert named - set(AIOHTTP) == {aiohttp.WSMessageTypeError}
    assert {
        error
        for error in vars(slack_sdk.errors).values()
        if isinstance(error, type) and issubclass(error, Exception)
    } == {*SDK, SlackApiError}


@pytest.mark.parametrize("error", [*AIOHTTP, TimeoutError, ConnectionResetError], ids=lambda error: error.__name__)
def test_an_error_of_the_network_means_that_the_message_is_sent_later(error: type[Exception]) -> None:
    assert issubclass(error, NETWORK_ERRORS)
    with pytest.raises(RetryLater, match=f"Slack cannot be reached: {error.__name__}"), delivery_errors():
        raise bare(error)
    assert isinstance(unconfirmed(bare(error)), Unconfirmed)


@pytest.mark.parametrize("error", SDK, ids=lambda error: error.__name__)
def test_an_error_of_the_sdk_itself_loses_no_message(error: type[Exception]) -> None:
    with (
        pytest.raises(RetryLater, match=f"slack-sdk did not send the message: {error.__name__}"),
        delivery_errors(),
    ):
        raise bare(error)


@pytest.mark.parametrize(
    "code",
    ["account_inactive", "invalid_auth", "missing_scope", "not_authed", "token_expired", "token_revoked"],
)
def test_a_refused_app_keeps_its_messages(code: str) -> None:
    error = delivery_error(refusal(code))
    assert (type(error), str(error)) == (RetryLater, f"Slack refuses the app: {code}.")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (refusal("ratelimited", status=429, headers={"Retry-After": "7"}), 7.0),
        (refusal("", status=429), 1.0),
        (refusal("service_unavailable"), 1.0),
        (refusal("internal_error"), 1.0),
        (refusal("", status=503), 1.0),
        (refusal("ekm_access_denied", status=500), 1.0),
        (refusal("missing_scope"), 30.0),
    ],
    ids=str,
)
def test_what_passes_is_sent_later(error: SlackApiError, seconds: float) -> None:
    meaning = delivery_error(error)
    assert isinstance(meaning, RetryLater)
    assert meaning.seconds == seconds


@pytest.mark.parametrize("code", sorted(FINAL_IF_LASTING))
def test_a_code_of_the_list_is_final_only_if_it_lasts(code: str) -> None:
    error = delivery_error(refusal(code))
    assert (type(error), str(error), error.final) == (RetryLater, f"Slack refuses the message: {code}.", True)


@pytest.mark.parametrize(
    "code",
    [
        *("rate_limited", "ratelimited", "org_login_required", "accesslimited", "message_limit_exceeded"),
        *("ekm_access_denied", "enterprise_is_restricted", "team_access_not_granted", "two_factor_setup_required"),
        *("a_code_that_slack_adds_next_year", "deprecated_endpoint", "method_deprecated", "invalid_auth"),
    ],
)
def test_after_any_other_code_the_message_waits_without_end(code: str) -> None:
    error = delivery_error(refusal(code))
    assert (type(error), error.final) == (RetryLater, False)


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (refusal("internal_error"), True),
        (refusal("fatal_error", status=500), True),
        (refusal("", status=502), True),
        (refusal("service_unavailable"), True),
        (refusal("a_code_that_slack_adds_next_year", status=503), True),
        (refusal("ratelimited", status=503), True),
        (refusal("", status=429), False),
        (refusal("ratelimited", status=429), False),
        (refusal("not_in_channel"), False),
    ],
)
def test_only_a_failure_at_slack_leaves_open_whether_a_post_arrived(error: SlackApiError, unknown: bool) -> None:
    assert outcome_unknown(error) is unknown


def test_a_page_in_place_of_an_answer_has_a_status_and_no_code() -> None:
    error = refusal("", status=503)
    assert (slack_code(error), slack_status(error), retry_after(error)) == ("", 503, None)
    assert str(unconfirmed(error)) == "Slack does not say whether it has the message: 503."


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("not_in_channel", "I am not in this channel. Invite me with /invite, then try again."),
        ("channel_not_found", "I am not in this channel. Invite me with /invite, then try again."),
        ("is_archived", "This channel is archived. Use another one."),
        ("expired_trigger_id", "Slack stopped waiting before I could open the form. Try again."),
        ("invalid_trigger_id", "Slack stopped waiting before I could open the form. Try again."),
        (
            "missing_scope",
            "The app lacks the scope chat:write. "
            "Ask the person who installed Tunebot to add it and to install the app again.",
        ),
        ("ratelimited", "Slack asks me to slow down. Try again in a minute."),
    ],
)
def test_a_refusal_that_a_person_can_settle_says_how(code: str, text: str) -> None:
    assert str(error_for_person(refusal(code))) == text


def test_any_other_refusal_is_a_bug_to_be_logged() -> None:
    assert error_for_person(refusal("invalid_blocks")) is None


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("missing_scope", "Slack sent a login page instead of the file: the bot lacks the scope files:read."),
        ("file_deleted", "I find no file F1 that you and I both see here."),
        ("access_denied", "I find no file F1 that you and I both see here."),
        ("internal_error", "Slack does not give me the file F1: internal_error."),
        ("", "Slack does not give me the file F1: 200."),
    ],
)
def test_a_file_that_slack_keeps_back_says_why(code: str, text: str) -> None:
    error = file_error("F1", refusal(code))
    assert isinstance(error, FileUnavailable)
    assert error.message == text


def test_no_other_module_names_a_code_of_slacks() -> None:
    """A code in another module would be a second place to change."""
    named = {code for value in vars(slack_errors).values() if isinstance(value, frozenset) for code in value} - {
        "not_found"
    }  # a word of every vocabulary
    root = Path(handlers.__file__).parents[1]
    sources = [file for folder in ("bot", "handlers", "storage") for file in (root / folder).rglob("*.py")]
    sources = [file for file in sources if file.name != "slack_errors.py" and "sandbox" not in file.parts]
    assert len(sources) > 300
    found = {(file.name, code) for file in sources for code in named if f'"{code}"' in file.read_text()}
    assert found == set()

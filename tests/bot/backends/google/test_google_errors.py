"""Google's errors in words that help: what it said, safe to show, and what to do about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.google.google_errors import LONGEST_MESSAGE, google_error, hint_for, job_failure, sanitize
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


@pytest.mark.parametrize(
    ("sentence", "advice"),
    [
        ("training_dataset_uri should be a GCS object of type JSONL", ".jsonl"),
        ("Row: 0. Missing required `contents` field.", "convert"),
        ("Row: 0. Missing required 'contents' field.", "convert"),
        ("Base model gemini-9 is not supported.", "another base model"),
        (
            "models/x is not found for API version v1beta, or is not supported for createTunedModel.",
            "TUNEBOT_BASE",
        ),
        ("The adapter size is not supported for this base model.", "another adapter size"),
        ("You do not have permission to access tuned model tunedModels/x", "share it"),
        ("Vertex AI API has not been used in project 1 before or it is disabled.", "switch this API on"),
        ("API key not valid. Please pass a valid API key.", "GEMINI_API_KEY"),
        ("Request had insufficient authentication scopes.", "scope"),
        ("The specified bucket does not exist.", "TUNEBOT_BUCKET"),
        ("Multiturn chat is not enabled for tunedModels/x", "outside of a thread"),
    ],
)
def test_googles_own_sentences_have_advice(sentence: str, advice: str) -> None:
    assert advice in hint_for(sentence, 400)
    assert advice in job_failure({"code": 3, "message": sentence}).hint


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, NotAuthenticated),
        (403, PermissionDenied),
        (404, NotFoundAtGoogle),
        (409, AlreadyExists),
        (412, InvalidRequest),
        (413, InvalidRequest),
        (429, QuotaExceeded),
        (408, GoogleUnavailable),
        (500, GoogleUnavailable),
        (503, GoogleUnavailable),
        (302, GoogleUnavailable),
        (599, GoogleUnavailable),
    ],
)
@pytest.mark.parametrize(
    "body",
    [None, {}, {"error": None}, {"error": "text"}, {"error": {"message": 7, "details": [{"@type": 3}, None]}}, []],
)
def test_every_status_is_an_error_with_advice_whatever_its_body(
    status: int, kind: type[GoogleError], body: object
) -> None:
    error = google_error(status, body)
    assert type(error) is kind
    assert str(status) in error.message
    assert error.hint
    assert error.http_status == status


def test_what_google_said_is_shown() -> None:
    error = google_error(400, {"error": {"code": 400, "message": "Too\n long.", "status": "INVALID_ARGUMENT"}})
    assert error.message == "Google says: Too long."
    assert error.status == "INVALID_ARGUMENT"


def test_storage_names_its_reason_elsewhere() -> None:
    body = {"error": {"code": 403, "message": "No.", "errors": [{"reason": "forbidden", "message": "No."}]}}
    assert google_error(403, body).status == "forbidden"


def test_missing_role_is_named() -> None:
    assert "Vertex AI User" in google_error(403, None, roles="the role Vertex AI User").hint


def test_reason_of_an_error_info_counts_too() -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
    assert "switch this API on" in google_error(403, {"error": {"message": "No.", "details": [detail]}}).hint


def test_wait_is_read_from_the_header_or_the_detail() -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"}
    body = {"error": {"message": "Slow down.", "details": [detail]}}
    told = google_error(429, body)
    assert isinstance(told, QuotaExceeded)
    assert told.retry_after == 12.5
    told = google_error(429, body, retry_after=3.0)
    assert isinstance(told, QuotaExceeded)
    assert told.retry_after == 3.0


@pytest.mark.parametrize(
    "secret",
    [
        "ya29.a0AfB_byC-abc.def",
        "AIzaSyA-1234567890abcdef",
        "eyJhbGciOi.eyJpc3MiOi.c2ln",
        "1//0gabcdefghijklmnopqrstuv",
        "GOCSPX-abcdef",
        "Bearer abcdef123456",
        "key=abcdef123456",
        "access_token=abcdef123456",
        "upload_id=ABPtcPabc",
    ],
)
def test_nothing_that_looks_like_a_credential_is_shown(secret: str) -> None:
    shown = sanitize(f"It was {secret} that failed.")
    assert secret not in shown
    assert shown.startswith("It was ")
    assert shown.endswith(" that failed.")


def test_addresses_lose_their_query() -> None:
    assert sanitize("See https://x.test/a?b=c&d=e now") == "See https://x.test/a now"


@given(st.text())
def test_what_is_shown_is_one_short_printable_line(said: str) -> None:
    shown = sanitize(said)
    assert len(shown) <= LONGEST_MESSAGE
    assert shown.isprintable()


def test_failure_without_a_reason_says_so() -> None:
    for status in (None, {}, {"code": "13"}, "text"):
        told = job_failure(status)
        assert told.message == "Google gave no reason."
        assert told.hint

"""Whatever fails at Google becomes one of our errors, which is safe to show and says what to do."""

from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.google.auth import AccessToken
from bot.backends.google.cloud_storage import CloudStorage, GcsObject
from bot.backends.google.connections import Connections
from bot.backends.google.error_hints import hint_for, says_too_many_tunings
from bot.backends.google.event_streams import read_events
from bot.backends.google.google_errors import (
    LONGEST_MESSAGE,
    NETWORK_ERRORS,
    NOTHING_SENT,
    google_error,
    job_failure,
    read_retry_after,
    sanitize,
)
from bot.backends.google.http import GoogleHttp
from bot.errors import (
    AlreadyExists,
    AnswerLost,
    GoogleError,
    GoogleUnavailable,
    InvalidRequest,
    NotAuthenticated,
    NotFoundAtGoogle,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExceeded,
    TooManyTunings,
)
from tests.support.backend_harness import RETRY_POLICY, chunks, nothing_recorded


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


@pytest.mark.parametrize("reason", ["SERVICE_DISABLED", "BILLING_DISABLED", "API_KEY_INVALID"])
def test_a_code_of_googles_counts_more_than_the_sentence_beside_it(reason: str) -> None:
    said = hint_for("The learning_rate and the base model are not supported.", 403, reasons=reason)
    assert "administrator" in said


@pytest.mark.parametrize(
    "sentence",
    [
        "Row: 3. Text 'how do I change my billing address?' is too long.",
        "Row: 12. Invalid JSON near 'the epoch of the adapter size'.",
        "Line 4: unsupported model of a car, limit exceeded for tuning jobs",
        "Invalid training data. Row 5: 'Please enable billing on project X'",
        'Failed to import gs://b/x.jsonl: line 12: "The specified bucket does not exist" is not valid.',
        "Validation failed: example 3 has an unsupported role: the model was retired",
    ],
)
def test_words_of_a_row_are_no_reason_of_googles(sentence: str) -> None:
    assert "this row" in hint_for(sentence, 400)


@pytest.mark.parametrize(
    "sentence",
    [
        'The user turn "Is my billing account closed?" is followed by another user turn.',
        "Text 'our quota for tuning a piano was exceeded' isn't valid; it's empty.",
        "Failed to read gs://tunebot/epochs-should-be/learning_rate.jsonl.",
        "The number of examples 20 is less than the minimum 100.",
    ],
)
def test_what_a_sentence_quotes_is_no_reason_of_googles(sentence: str) -> None:
    assert "Change what it names" in hint_for(sentence, 400)


def test_an_apostrophe_is_no_quote() -> None:
    assert "another base model" in hint_for(
        "It's said: the model gemini-9 doesn't support tuning, that's why.", 400
    )


def test_a_word_of_the_data_is_no_field_of_the_request() -> None:
    assert "Change what it names" in hint_for("The text about a new epoch of billing is not allowed.", 400)


def test_the_service_agent_is_named_where_it_lacks_the_bucket() -> None:
    agent = "service-123@gcp-sa-aiplatform.iam.gserviceaccount.com"
    sentence = f"{agent} does not have storage.objects.get access to the Google Cloud Storage object."
    for code in (7, 9):
        assert "service agent" in job_failure({"code": code, "message": sentence}).hint


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, NotAuthenticated),
        (403, PermissionDenied),
        (404, GoogleUnavailable),
        (409, AlreadyExists),
        (412, InvalidRequest),
        (413, InvalidRequest),
        (429, QuotaExceeded),
        (408, GoogleUnavailable),
        (500, GoogleUnavailable),
        (503, GoogleUnavailable),
        (302, GoogleUnavailable),
        (499, AnswerLost),
        (502, AnswerLost),
        (504, AnswerLost),
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


@pytest.mark.parametrize(
    ("status", "error", "own"),
    [
        (404, {"code": 404, "status": "NOT_FOUND", "message": "No."}, True),
        (404, {"code": 404, "message": "No.", "errors": [{"reason": "notFound"}]}, True),
        (404, {"code": 404, "message": "No."}, False),
        (404, {"code": 5, "status": "NOT_FOUND"}, False),
        (404, {"code": 404, "status": "UNAVAILABLE"}, False),
        (404, {"status": "NOT_FOUND"}, False),
        (404, "not found", False),
        (403, {"code": 403, "status": "PERMISSION_DENIED"}, True),
        (403, {"code": 403, "status": "403 Forbidden"}, False),
        (409, {"code": 409, "status": "ABORTED"}, True),
        (429, {"code": 429, "status": "RESOURCE_EXHAUSTED"}, True),
        (499, {"code": 499, "status": "CANCELLED"}, True),
        (499, None, False),
    ],
)
def test_an_answer_is_googles_own_only_as_a_status_that_fits(status: int, error: object, own: bool) -> None:
    found = google_error(status, {"error": error})
    assert found.from_google is own
    if status == 404:
        assert isinstance(found, NotFoundAtGoogle) is own


def test_the_form_of_cloud_storage_counts_from_cloud_storage_alone() -> None:
    body = {"error": {"code": 404, "message": "No.", "errors": [{"reason": "notFound"}]}}
    assert isinstance(google_error(404, body, storage=True), NotFoundAtGoogle)
    page = google_error(404, body, storage=False)
    assert isinstance(page, GoogleUnavailable)
    assert not page.from_google


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
    error = google_error(429, body)
    assert isinstance(error, QuotaExceeded)
    assert error.retry_after == 12.5
    error = google_error(429, body, retry_after=3.0)
    assert isinstance(error, QuotaExceeded)
    assert error.retry_after == 3.0


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
        error = job_failure(status)
        assert error.message == "Google gave no reason."
        assert error.hint


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    def read(value: str) -> float | None:
        return read_retry_after(httpx.Response(429, headers={"retry-after": value}))

    assert read("7") == 7
    assert read("-3") == 0
    assert read("soon") is None
    assert read_retry_after(httpx.Response(429)) is None
    later = datetime(2100, 1, 1, tzinfo=UTC)
    assert read(format_datetime(later)) == pytest.approx((later - datetime.now(UTC)).total_seconds(), abs=60)
    assert read(format_datetime(datetime(2000, 1, 1, tzinfo=UTC))) == 0


# The classes of httpx that no request of ours raises.
NOT_RAISED: dict[type[Exception], str] = {
    httpx.HTTPError: "the base of RequestError and HTTPStatusError",
    httpx.HTTPStatusError: "only raise_for_status raises it, which the bot never calls",
    httpx.CookieConflict: "only a read of cookies by name raises it, which the bot never does",
    httpx.StreamError: "the base of the next ones",
    httpx.StreamConsumed: "a mistake of ours: the log must show its traceback",
    httpx.StreamClosed: "a mistake of ours: the log must show its traceback",
    httpx.ResponseNotRead: "a mistake of ours: the log must show its traceback",
    httpx.RequestNotRead: "a mistake of ours: the log must show its traceback",
}
HTTPX_ERRORS = [
    value for value in vars(httpx).values() if isinstance(value, type) and issubclass(value, Exception)
]
RAISED = [error_class for error_class in HTTPX_ERRORS if issubclass(error_class, NETWORK_ERRORS)]


class Failing(httpx.AsyncBaseTransport):
    """Raises one error for every request."""

    def __init__(self, error_class: type[Exception]) -> None:
        self.error_class = error_class
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        raise self.error_class("it failed")


def failing(error_class: type[Exception]) -> tuple[Failing, GoogleHttp]:
    transport = Failing(error_class)
    connections = Connections(RETRY_POLICY, transport=transport)
    return transport, GoogleHttp(AccessToken("token"), retry_policy=RETRY_POLICY, connections=connections)


def test_every_class_of_httpx_is_mapped_or_has_a_reason() -> None:
    assert len(RAISED) > 15
    assert set(HTTPX_ERRORS) == set(RAISED) | set(NOT_RAISED)
    assert not set(RAISED) & set(NOT_RAISED)
    assert set(NOTHING_SENT) <= set(RAISED)


@pytest.mark.parametrize("error_class", RAISED)
async def test_read_that_gets_no_answer_is_tried_again_and_ends_with_our_error(
    error_class: type[Exception],
) -> None:
    transport, http = failing(error_class)
    with pytest.raises(GoogleUnavailable) as caught:
        await http.read("http://google.test/v1/x")
    assert caught.value.hint
    assert transport.requests == RETRY_POLICY.attempts
    await http.close()


@pytest.mark.parametrize("error_class", RAISED)
async def test_create_that_gets_no_answer_is_sent_once_and_unknown_unless_nothing_was_sent(
    error_class: type[Exception],
) -> None:
    transport, http = failing(error_class)
    ours = GoogleUnavailable if issubclass(error_class, NOTHING_SENT) else OutcomeUnknown
    with pytest.raises(GoogleError) as caught:
        await http.create("http://google.test/v1/x", {}, record_sent=nothing_recorded, makes=bool)
    assert type(caught.value) is ours
    assert transport.requests == 1
    await http.close()


async def test_each_request_without_an_answer_is_told_to_the_hooks_once_a_try() -> None:
    told: list[str] = []

    async def hear(request: httpx.Request) -> None:
        told.append(request.method)

    connections = Connections(RETRY_POLICY, {"error": [hear]}, Failing(httpx.ReadTimeout))
    http = GoogleHttp(AccessToken("token"), retry_policy=RETRY_POLICY, connections=connections)
    url = "http://google.test/v1/x"
    for call in (
        http.change("DELETE", url),
        http.open_stream("GET", url),
        anext(read_events(http, url, {})),
    ):
        with pytest.raises((GoogleError, httpx.ReadTimeout)):
            await call
    assert told == ["DELETE", "GET", "POST"]
    await http.close()


@pytest.mark.parametrize("error_class", RAISED)
async def test_change_question_and_stream_that_get_no_answer_end_with_our_error(
    error_class: type[Exception],
) -> None:
    url = "http://google.test/v1/x"
    transport, http = failing(error_class)
    storage = CloudStorage(http, url)
    with pytest.raises(GoogleUnavailable):
        await http.change("DELETE", url)
    assert transport.requests == 1
    with pytest.raises(GoogleUnavailable):
        await http.ask(url, {})
    with pytest.raises(GoogleUnavailable):
        await anext(read_events(http, url, {}))
    with pytest.raises(GoogleUnavailable):
        await storage.upload(GcsObject("bucket", "x"), chunks(b"row"))
    with pytest.raises(GoogleUnavailable):
        await anext(storage.read(GcsObject("bucket", "x")))
    await http.close()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Quota exceeded for aiplatform.googleapis.com/global_concurrent_tuning_jobs.", True),
        ("Too many concurrent supervised tuning jobs in project p.", True),
        ("You have reached the limit of tuning jobs that run concurrently.", True),
        ("Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_minute.", False),
        ("Quota exceeded for quota metric 'Tuning requests' and limit 'per minute'.", False),
        ("", False),
    ],
)
def test_a_quota_of_tunings_at_the_same_time_is_told_from_other_quotas(message: str, expected: bool) -> None:
    assert says_too_many_tunings(message) is expected
    error = google_error(429, {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED"}})
    assert isinstance(error, TooManyTunings) is expected

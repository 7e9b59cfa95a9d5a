"""A start costs money, so every backend sends it once, and can find out what became of it."""

import pytest

from bot.backends.google import list_search
from bot.domain.jobs import JobState
from bot.errors import (
    AlreadyExists,
    GoogleError,
    GoogleUnavailable,
    InvalidRequest,
    NotFoundAtGoogle,
    OutcomeUnknown,
    Outdated,
    PermissionDenied,
    QuotaExceeded,
)
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import (
    BUCKET,
    KEY,
    ORIGIN,
    SHORT_TIMEOUTS,
    BackendHarness,
    job_of,
    key,
    open_backend,
)

CREATE = r"/(tunedModels|tuningJobs)$"


async def test_start_whose_answer_is_lost_is_found_by_its_key(any_backend: BackendHarness) -> None:
    any_backend.google.faults.lose_answer(path=CREATE, method="POST")
    with pytest.raises(OutcomeUnknown):
        await any_backend.start(KEY, any_backend.spec(), any_backend.data())
    assert len(any_backend.creates()) == 1
    assert len(any_backend.google.jobs.books()) == 1

    found = await any_backend.backend.find(KEY)
    assert found is not None
    job = job_of(KEY, any_backend.spec(), found)
    any_backend.standin_job(job).finish()
    assert (await any_backend.poll_one(job)).state is JobState.SUCCEEDED


async def test_start_that_never_happened_is_not_found(any_backend: BackendHarness) -> None:
    await any_backend.create(1)
    assert await any_backend.backend.find(KEY) is None


@pytest.mark.parametrize("fault", ["500", "503", "408", "html", "reset", "hang", "broken json"])
async def test_start_without_a_clear_answer_is_never_sent_twice(any_backend: BackendHarness, fault: str) -> None:
    faults = any_backend.google.faults
    match fault:
        case "html":
            faults.garble(path=CREATE, method="POST", times=None)
        case "broken json":
            faults.garble('{"name": "tunedModels/', status=200, path=CREATE, method="POST", times=None)
        case "reset":
            faults.reset(path=CREATE, method="POST", times=None)
        case "hang":
            any_backend = open_backend(any_backend.name, any_backend.google, retry_policy=SHORT_TIMEOUTS)
            faults.hang(path=CREATE, method="POST", times=None)
        case code:
            faults.fail(int(code), path=CREATE, method="POST", times=None)
    with pytest.raises(OutcomeUnknown) as caught:
        await any_backend.start(KEY, any_backend.spec(), any_backend.data())
    assert "looked up" in caught.value.hint
    assert len(any_backend.creates()) == 1
    await any_backend.backend.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 499])
async def test_start_that_something_else_refused_may_have_happened(
    any_backend: BackendHarness, status: int
) -> None:
    any_backend.google.faults.garble("<html>No.</html>", status=status, path=CREATE, method="POST", times=None)
    with pytest.raises(OutcomeUnknown):
        await any_backend.start(KEY, any_backend.spec(), any_backend.data())
    assert len(any_backend.creates()) == 1


# What a gateway may answer with 200 in place of Google: JSON, and not about what was to be made.
OTHER_JSON = (
    "",
    "{}",
    '{"status": "ok"}',
    '{"name": 7, "done": true}',
    '{"name": "operations/x", "done": true}',
    '{"error": {"code": 403, "message": "No.", "status": "PERMISSION_DENIED"}}',
)


@pytest.mark.parametrize("text", OTHER_JSON)
async def test_start_whose_answer_names_nothing_of_it_may_have_happened(
    any_backend: BackendHarness, text: str
) -> None:
    """It was followed for ever as a job without a name, and held the place of the next one."""
    any_backend.google.faults.garble(text, status=200, path=CREATE, method="POST")
    with pytest.raises(OutcomeUnknown):
        await any_backend.start(KEY, any_backend.spec(), any_backend.data())
    assert len(any_backend.creates()) == 1


@pytest.mark.parametrize("text", OTHER_JSON)
async def test_an_answer_about_something_else_says_nothing_of_a_job(
    any_backend: BackendHarness, text: str
) -> None:
    job = await any_backend.create(1)
    any_backend.google.faults.garble(text, status=200, path=r"/(tunedModels|tuningJobs)/", times=None)
    polled = (await any_backend.backend.poll([job]))[job.key]
    assert isinstance(polled, GoogleUnavailable)


async def test_start_that_google_itself_calls_cancelled_may_have_happened(any_backend: BackendHarness) -> None:
    any_backend.google.faults.fail(499, path=CREATE, method="POST", times=None)
    with pytest.raises(OutcomeUnknown):
        await any_backend.start(KEY, any_backend.spec(), any_backend.data())


async def test_start_is_recorded_right_before_it_is_sent_and_not_sent_if_that_fails(
    any_backend: BackendHarness,
) -> None:
    async def fail() -> None:
        assert not any_backend.creates()
        assert any_backend.name != "vertex" or any_backend.google.buckets.bucket(BUCKET), "the file is stored"
        raise Outdated("It was cancelled.")

    with pytest.raises(Outdated):
        await any_backend.backend.create(KEY, any_backend.spec(), any_backend.data(), ORIGIN, fail)
    assert not any_backend.creates()
    assert not any_backend.google.buckets.bucket(BUCKET)


async def test_second_start_with_the_key_of_a_job_is_refused_and_its_files_stay(
    any_backend: BackendHarness,
) -> None:
    await any_backend.start(KEY, any_backend.spec(), any_backend.data())
    stored = dict(any_backend.google.buckets.bucket(BUCKET))
    with pytest.raises(AlreadyExists):
        await any_backend.start(KEY, any_backend.spec(), any_backend.data())
    assert len(any_backend.google.jobs.all) == 1
    assert dict(any_backend.google.buckets.bucket(BUCKET)) == stored


async def test_look_into_a_list_that_is_cut_off_says_that_it_does_not_know_and_goes_on_later(
    any_backend: BackendHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await any_backend.create(1)
    for number in range(2, 5):
        await any_backend.create(number)
    monkeypatch.setattr(list_search, "_PAGE_SIZE", 1)
    monkeypatch.setattr(list_search, "PAGES_PER_SEARCH", 2)
    if any_backend.name == "vertex":
        any_backend.google.faults.fail(400, "Invalid filter.", path=CREATE, method="GET")
        with pytest.raises(GoogleUnavailable, match="longer than"):
            await any_backend.backend.find(key(1))
        any_backend.google.faults.fail(400, "Invalid filter.", path=CREATE, method="GET")
        found = await any_backend.backend.find(key(1))
        assert found is not None
    else:
        with pytest.raises(GoogleUnavailable, match="longer than"):
            await any_backend.backend.find(KEY)
        assert await any_backend.backend.find(KEY) is None, "the second look reaches the end"


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, InvalidRequest), (403, PermissionDenied), (404, NotFoundAtGoogle), (429, QuotaExceeded)],
)
async def test_rejected_start_is_an_error_and_not_sent_again(
    any_backend: BackendHarness, code: int, kind: type[GoogleError]
) -> None:
    any_backend.google.faults.fail(
        code, "No, said Google.", path=CREATE, method="POST", times=None, retry_after=0.01
    )
    with pytest.raises(kind, match=r"No, said Google\.") as caught:
        await any_backend.start(KEY, any_backend.spec(), any_backend.data())
    assert caught.value.http_status == code
    assert caught.value.hint
    assert len(any_backend.creates()) == 1
    assert not any_backend.google.buckets.bucket(BUCKET), "the training file is gone again"


async def test_start_that_cannot_reach_google_started_nothing(
    google: GoogleStandIn, any_backend: BackendHarness
) -> None:
    away = open_backend(any_backend.name, google, vertex_url="http://127.0.0.1:1", genai_url="http://127.0.0.1:1")
    with pytest.raises(GoogleUnavailable, match="cannot be reached"):
        await away.start(KEY, away.spec(), away.data())
    await away.backend.close()

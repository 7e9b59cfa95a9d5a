"""A start costs money, so every backend sends it once, and can find out what became of it."""

import pytest

from bot.domain.jobs import JobState
from bot.errors import (
    GoogleError,
    GoogleUnavailable,
    InvalidRequest,
    NotFoundAtGoogle,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExceeded,
)
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import BUCKET, KEY, SHORT_TIMEOUTS, BackendHarness, job_of, open_backend

CREATE = r"/(tunedModels|tuningJobs)$"


async def test_start_whose_answer_is_lost_is_found_by_its_key(any_backend: BackendHarness) -> None:
    any_backend.google.faults.lose_answer(path=CREATE)
    with pytest.raises(OutcomeUnknown):
        await any_backend.backend.create(KEY, any_backend.spec(), any_backend.data())
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
            faults.garble(path=CREATE, times=None)
        case "broken json":
            faults.garble('{"name": "tunedModels/', status=200, path=CREATE, times=None)
        case "reset":
            faults.reset(path=CREATE, times=None)
        case "hang":
            any_backend = open_backend(any_backend.name, any_backend.google, retry_policy=SHORT_TIMEOUTS)
            faults.hang(path=CREATE, times=None)
        case code:
            faults.fail(int(code), path=CREATE, times=None)
    with pytest.raises(OutcomeUnknown) as caught:
        await any_backend.backend.create(KEY, any_backend.spec(), any_backend.data())
    assert "looked up" in caught.value.hint
    assert len(any_backend.creates()) == 1
    await any_backend.backend.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, InvalidRequest), (403, PermissionDenied), (404, NotFoundAtGoogle), (429, QuotaExceeded)],
)
async def test_rejected_start_is_an_error_and_not_sent_again(
    any_backend: BackendHarness, code: int, kind: type[GoogleError]
) -> None:
    any_backend.google.faults.fail(code, "No, said Google.", path=CREATE, times=None, retry_after=0.01)
    with pytest.raises(kind, match=r"No, said Google\.") as caught:
        await any_backend.backend.create(KEY, any_backend.spec(), any_backend.data())
    assert caught.value.http_status == code
    assert caught.value.hint
    assert len(any_backend.creates()) == 1
    assert not any_backend.google.buckets.bucket(BUCKET), "the training file is gone again"


async def test_start_that_cannot_reach_google_started_nothing(
    google: GoogleStandIn, any_backend: BackendHarness
) -> None:
    away = open_backend(any_backend.name, google, vertex_url="http://127.0.0.1:1", genai_url="http://127.0.0.1:1")
    with pytest.raises(GoogleUnavailable, match="cannot be reached"):
        await away.backend.create(KEY, away.spec(), away.data())
    await away.backend.close()

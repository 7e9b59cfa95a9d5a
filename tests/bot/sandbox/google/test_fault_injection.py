"""Errors on demand, over real connections."""

import asyncio

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from tests.bot.sandbox.google.conftest import jobs_path, numbers, start_job, tuned_model_body, tuning_job_body
from tests.support.clock import FixedClock
from tests.support.waiting import wait_until

MODELS = "/v1beta/tunedModels"
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
    ],
)
async def test_next_requests_fail_as_often_as_asked(
    client: httpx.AsyncClient, google: GoogleStandIn, code: int, name: str
) -> None:
    fault = google.faults.fail(code, "On demand.", path="tunedModels", method="GET", times=2)
    answers = [await client.get(MODELS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [code, code, 200]
    assert answers[0].json() == {"error": {"code": code, "message": "On demand.", "status": name}}
    assert fault.hits == 2
    assert google.faults.waiting == []


async def test_quota_answer_says_when_to_come_back(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.faults.fail(429, retry_after=7)
    answer = await client.get(MODELS)
    assert answer.headers["Retry-After"] == "7"
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    assert answer.json()["error"]["details"] == [detail]


async def test_fault_leaves_other_requests_alone(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    fault = google.faults.fail(500, path=r"tuningJobs", method="POST", times=None)
    assert (await client.get(MODELS)).status_code == 200
    assert (await client.get(jobs_path(google))).status_code == 200
    assert (await client.post(jobs_path(google), json=tuning_job_body())).status_code == 500
    google.faults.remove(fault)
    assert (await client.post(jobs_path(google), json=tuning_job_body())).status_code == 200


async def test_storage_fails_in_its_own_shape(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.faults.fail(503, path="/storage/")
    answer = await client.get("/storage/v1/b/x")
    assert answer.json()["error"]["errors"][0]["reason"] == "backendError"


async def test_answer_that_is_no_json(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.faults.garble()
    answer = await client.get(MODELS)
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (502, "text/html")


@pytest.mark.parametrize("status", [403, 404, 499, 502])
async def test_page_of_a_proxy_meets_the_chosen_requests_and_holds_no_status_of_google(
    client: httpx.AsyncClient, google: GoogleStandIn, status: int
) -> None:
    google.faults.garble(status=status, path="tunedModels/paid$", times=None)
    for _ in range(2):
        answer = await client.get(f"{MODELS}/paid")
        assert (answer.status_code, answer.headers["Content-Type"][:9]) == (status, "text/html")
        assert f"<title>{status} " in answer.text
    assert (await client.get(MODELS)).json() == {}


async def test_delayed_question_waits_while_other_requests_pass(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    google.faults.delay(0.5, path=":generateContent$")
    question = {"contents": [{"parts": [{"text": "hello"}]}]}
    asked = asyncio.create_task(client.post("/v1beta/models/gemini-1.0-pro-001:generateContent", json=question))
    await wait_until(lambda: len(google.requests) == 1)
    assert (await client.get(MODELS)).status_code == 200
    assert not asked.done()
    assert (await asked).status_code == 200


async def test_hanging_request_ends_with_its_caller(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.faults.hang()
    with pytest.raises(httpx.ReadTimeout):
        await client.get(MODELS, timeout=0.2)
    assert (await client.get(MODELS)).status_code == 200


async def test_stand_in_stops_while_a_request_hangs() -> None:
    async with GoogleStandIn() as google:
        google.faults.hang()
        async with httpx.AsyncClient(base_url=google.url) as client:
            asked = asyncio.create_task(client.get(MODELS))
            await wait_until(lambda: len(google.requests) == 1)
            await google.close()
            with pytest.raises(BROKEN):
                await asked


async def test_reset_does_nothing(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.faults.reset(method="POST")
    with pytest.raises(BROKEN):
        await client.post(MODELS, json=tuned_model_body("models/gemini-1.0-pro-001", numbers()))
    assert google.jobs.books() == []


async def test_lost_answer_has_done_what_was_asked(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.faults.lose_answer(path="tunedModels$")
    body = tuned_model_body("models/gemini-1.0-pro-001", numbers())
    with pytest.raises(BROKEN):
        await client.post(MODELS, json=body, params={"tunedModelId": "paid"})
    assert [row["key"] for row in google.jobs.books()] == ["paid"]
    assert (await client.get(f"{MODELS}/paid")).status_code == 200
    received = google.requests.matching("tunedModels$", "POST")
    assert [(entry.status, entry.fault) for entry in received] == [(0, "lose answer")]


@pytest.mark.parametrize("status", [499, 502])
async def test_create_is_carried_out_though_a_proxy_answers_something_else(
    client: httpx.AsyncClient, google: GoogleStandIn, status: int
) -> None:
    google.faults.lose_answer(status, path="tunedModels$", method="POST")
    body = tuned_model_body("models/gemini-1.0-pro-001", numbers())
    answer = await client.post(MODELS, json=body, params={"tunedModelId": "paid"})
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (status, "text/html")
    assert [row["key"] for row in google.jobs.books()] == ["paid"]


@pytest.mark.usefixtures("bucket")
async def test_lists_show_a_job_only_after_their_lag(
    client: httpx.AsyncClient, google: GoogleStandIn, clock: FixedClock
) -> None:
    google.faults.list_lag = 150
    body = tuned_model_body("models/gemini-1.0-pro-001", numbers())
    await client.post(MODELS, json=body, params={"tunedModelId": "paid"})
    name = await start_job(client, google)
    for seconds, shown in ((0, 0), (149, 0), (1, 1)):
        clock.advance(seconds=seconds)
        assert len((await client.get(MODELS)).json().get("tunedModels", [])) == shown
        assert len((await client.get(jobs_path(google))).json().get("tuningJobs", [])) == shown
        # Asked for by name, both are there from the first moment.
        assert (await client.get(f"{MODELS}/paid")).status_code == 200
        assert (await client.get(f"/v1/{name}")).status_code == 200


async def test_filter_is_refused_and_the_list_without_it_is_not(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    google.faults.refuse_filter(path="tuningJobs$")
    for _ in range(2):
        refused = await client.get(jobs_path(google), params={"pageSize": 5, "filter": 'labels.tunebot="x"'})
        assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert (await client.get(jobs_path(google), params={"pageSize": 5})).status_code == 200


@pytest.mark.parametrize("alt", ["sse", "json"])
async def test_stream_is_cut_in_the_middle(client: httpx.AsyncClient, google: GoogleStandIn, alt: str) -> None:
    google.faults.cut_stream(1)
    question = {"contents": [{"parts": [{"text": "hello"}]}]}
    path = "/v1beta/models/gemini-1.0-pro-001:streamGenerateContent"
    got = b""
    plain = httpx.AsyncClient(base_url=google.url, headers=client.headers)
    async with plain, plain.stream("POST", path, json=question, params={"alt": alt}) as reply:
        assert reply.status_code == 200
        with pytest.raises(BROKEN):  # noqa: PT012  The break comes after the first piece.
            async for piece in reply.aiter_bytes():
                got += piece
    assert got.count(b"candidates") == 1
    assert b"STOP" not in got


async def test_clear_takes_every_fault_away(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    google.faults.fail(500, times=None)
    google.faults.reset(times=None)
    google.faults.clear()
    assert (await client.get(MODELS)).status_code == 200

"""Uploads of any length and reads resume after a broken connection."""

import gc
import random
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from bot.backends.google import cloud_storage
from bot.backends.google.auth import AccessToken
from bot.backends.google.cloud_storage import CloudStorage, GcsObject
from bot.backends.google.http import GoogleHttp
from bot.errors import (
    BotError,
    GoogleUnavailable,
    InvalidRequest,
    NotFoundAtGoogle,
    Outdated,
    PermissionDenied,
)
from bot.sandbox.google import BucketSettings, GoogleStandIn
from tests.support.backend_harness import BUCKET, RETRY_POLICY, chunks
from tests.support.http_server import serving

CHUNK_UNIT = 256 * 1024
TARGET = GcsObject(BUCKET, "tunebot/key/training rows.jsonl")
UPLOAD = "/upload/"


@pytest.fixture
async def storage(google: GoogleStandIn) -> AsyncIterator[CloudStorage]:
    made = CloudStorage(
        GoogleHttp(AccessToken(google.issue_token()), retry_policy=RETRY_POLICY), google.url, CHUNK_UNIT
    )
    yield made
    await made.close()


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def stored(google: GoogleStandIn) -> bytes:
    return google.buckets.find(BUCKET, TARGET.name).path.read_bytes()


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_UNIT - 1, CHUNK_UNIT, CHUNK_UNIT + 1, 3 * CHUNK_UNIT, 3 * CHUNK_UNIT + 7]
)
async def test_upload_of_any_length_arrives_whole(google: GoogleStandIn, storage: CloudStorage, size: int) -> None:
    await storage.upload(TARGET, chunks(content(size), 100_000))
    assert stored(google) == content(size)


async def test_upload_waits_for_no_more_than_one_chunk(google: GoogleStandIn, storage: CloudStorage) -> None:
    sent_when: list[int] = []

    async def watched() -> AsyncIterator[bytes]:
        for piece in range(8):
            sent_when.append(len(google.requests.matching(UPLOAD, "PUT")))
            yield content(CHUNK_UNIT)[:CHUNK_UNIT] if piece else content(CHUNK_UNIT)

    await storage.upload(TARGET, watched())
    assert sent_when == [0, 0, 0, 1, 2, 3, 4, 5] or sent_when[-1] >= 5


@contextmanager
def without_garbage_collector() -> Iterator[None]:
    """Note who allocates memory while nothing but the end of a reference gives it back."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        gc.enable()


async def test_upload_keeps_no_chunk_that_google_has_stored(google: GoogleStandIn, storage: CloudStorage) -> None:
    only_uploads = [tracemalloc.Filter(True, cloud_storage.__file__)]
    with without_garbage_collector():
        await storage.upload(TARGET, chunks(content(12 * CHUNK_UNIT)))
        kept = tracemalloc.take_snapshot().filter_traces(only_uploads)
    assert sum(line.size for line in kept.statistics("filename")) < CHUNK_UNIT
    assert stored(google) == content(12 * CHUNK_UNIT)


@pytest.mark.parametrize("fault", ["reset", "lose_answer", "503", "garbled"])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_upload_resumes_after_an_error(
    google: GoogleStandIn, storage: CloudStorage, fault: str, nth: int
) -> None:
    for _ in range(nth - 1):
        google.faults.delay(0, path=UPLOAD, method="PUT")
    size = 2 * CHUNK_UNIT + 7

    async def rows() -> AsyncIterator[bytes]:
        async for piece in chunks(content(size), CHUNK_UNIT):
            yield piece

    match fault:
        case "reset":
            google.faults.reset(path=UPLOAD, method="PUT")
        case "lose_answer":
            google.faults.lose_answer(path=UPLOAD, method="PUT")
        case "garbled":
            google.faults.garble(path=UPLOAD, method="PUT")
        case code:
            google.faults.fail(int(code), path=UPLOAD, method="PUT")
    await storage.upload(TARGET, rows())
    assert stored(google) == content(size)
    assert google.requests.matching(UPLOAD, "PUT")
    asked = [one for one in google.requests.matching(UPLOAD, "PUT") if one.headers["content-range"] == "bytes */*"]
    assert len(asked) == 1
    assert len(google.requests.matching(UPLOAD, "POST")) == 1, "one session carries the whole upload"


async def test_upload_gives_up_after_a_few_tries(google: GoogleStandIn, storage: CloudStorage) -> None:
    google.faults.fail(503, path=UPLOAD, method="PUT", times=None)
    with pytest.raises(GoogleUnavailable):
        await storage.upload(TARGET, chunks(content(9)))
    assert len(google.requests.matching(UPLOAD, "PUT")) == RETRY_POLICY.attempts
    assert not google.buckets.bucket(BUCKET)


async def test_rejected_upload_is_not_sent_again(google: GoogleStandIn, storage: CloudStorage) -> None:
    google.faults.fail(403, "No.", path=UPLOAD, method="PUT", times=None)
    with pytest.raises(PermissionDenied):
        await storage.upload(TARGET, chunks(content(9)))
    assert len(google.requests.matching(UPLOAD, "PUT")) == 1


async def test_rows_that_cannot_be_read_to_their_end_store_nothing(
    google: GoogleStandIn, storage: CloudStorage
) -> None:
    async def rows() -> AsyncIterator[bytes]:
        yield content(2 * CHUNK_UNIT)
        raise Outdated("The file has changed.")

    with pytest.raises(Outdated):
        await storage.upload(TARGET, rows())
    assert not google.buckets.bucket(BUCKET)


async def test_token_is_not_shown_to_the_uploads_session(google: GoogleStandIn, storage: CloudStorage) -> None:
    await storage.upload(TARGET, chunks(content(9)))
    [put] = google.requests.matching(UPLOAD, "PUT")
    assert "authorization" not in put.headers


async def test_session_that_loses_bytes_is_an_error() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(headers={"Location": "/session"})
        await request.read()
        return web.Response(status=308, headers={"Range": "bytes=0-9999999"})

    async with serving(answer) as url:
        made = CloudStorage(GoogleHttp(AccessToken("t"), retry_policy=RETRY_POLICY), url, CHUNK_UNIT)
        with pytest.raises(GoogleUnavailable, match="lost a part"):
            await made.upload(TARGET, chunks(content(9)))
        await made.close()


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("text", ["<p>Welcome</p>", "{}", '{"size": "7"}', ""])
async def test_a_part_is_stored_only_by_googles_own_word(
    google: GoogleStandIn, storage: CloudStorage, nth: int, text: str
) -> None:
    """A part that something else took would be missing in the middle of the file that is paid for."""
    if nth == 2:
        google.faults.delay(0, path=UPLOAD, method="PUT")
    google.faults.garble(text, status=200, path=UPLOAD, method="PUT")
    await storage.upload(TARGET, chunks(content(CHUNK_UNIT + 9)))
    assert stored(google) == content(CHUNK_UNIT + 9)
    google.faults.garble(text, status=200, path=UPLOAD, method="PUT", times=None)
    with pytest.raises(GoogleUnavailable, match="Something other than Google's API answered"):
        await storage.upload(TARGET, chunks(content(9)))


async def test_a_list_whose_pages_lead_back_to_the_first_ends() -> None:
    async def answer(request: web.Request) -> web.Response:
        following = {"a": "b", "b": "a"}.get(request.query.get("pageToken", ""), "a")
        return web.json_response({"items": [{"name": "x"}], "nextPageToken": following})

    async with serving(answer) as url:
        made = CloudStorage(GoogleHttp(AccessToken("t"), retry_policy=RETRY_POLICY), url, CHUNK_UNIT)
        assert len([found async for found in made.list(BUCKET, "")]) == 3
        await made.close()


async def test_bucket_that_is_missing_is_an_error_that_names_it(
    google: GoogleStandIn, storage: CloudStorage
) -> None:
    await storage.buckets.check(BUCKET, "us-central1")
    with pytest.raises(NotFoundAtGoogle, match="no bucket 'missing'"):
        await storage.buckets.check("missing", "us-central1")
    with pytest.raises(NotFoundAtGoogle, match="no bucket 'missing'"):
        await storage.upload(GcsObject("missing", "x"), chunks(b"1"))


async def test_bucket_that_the_bot_may_not_write_to_is_an_error_with_the_role(
    google: GoogleStandIn, storage: CloudStorage
) -> None:
    readable = frozenset({"storage.buckets.get", "storage.objects.get", "storage.objects.delete"})
    google.create_bucket("readable", BucketSettings(permissions=readable))
    with pytest.raises(PermissionDenied) as caught:
        await storage.buckets.check("readable", "us-central1")
    assert caught.value.message == (
        "The bot may not store files in the bucket 'readable': it lacks storage.objects.create."
    )
    assert "Storage Object Admin" in caught.value.hint
    with pytest.raises(PermissionDenied):
        await storage.upload(GcsObject("readable", "x"), chunks(b"1"))


async def test_bucket_in_another_location_is_an_error_that_names_both(
    google: GoogleStandIn, storage: CloudStorage
) -> None:
    google.create_bucket("european", BucketSettings(location="EU", kind="multi-region"))
    await storage.buckets.check("european", "europe-west4")
    with pytest.raises(InvalidRequest) as caught:
        await storage.buckets.check("european", "us-central1")
    assert caught.value.message == "The bucket 'european' is in eu, but Google tunes in us-central1."
    assert "GOOGLE_CLOUD_LOCATION" in caught.value.hint


async def test_dual_region_serves_both_of_its_regions(google: GoogleStandIn, storage: CloudStorage) -> None:
    both = BucketSettings(location="US", kind="dual-region", dual_region=("US-CENTRAL1", "US-WEST1"))
    google.create_bucket("dual", both)
    await storage.buckets.check("dual", "us-west1")
    with pytest.raises(InvalidRequest):
        await storage.buckets.check("dual", "us-east4")


async def test_role_that_does_not_show_the_bucket_is_enough(google: GoogleStandIn, storage: CloudStorage) -> None:
    files_only = BucketSettings().permissions - {"storage.buckets.get"}
    google.create_bucket("private", BucketSettings(permissions=files_only))
    await storage.buckets.check("private", "us-central1")
    assert [entry.status for entry in google.requests.matching("/b/private")] == [200, 403]


async def test_permissions_that_an_emulator_cannot_test_count_as_right(
    google: GoogleStandIn, storage: CloudStorage
) -> None:
    google.faults.fail(400, "Unknown method.", path="testPermissions")
    await storage.buckets.check(BUCKET, "us-central1")
    assert [entry.status for entry in google.requests] == [400, 200]


async def test_object_is_deleted_and_stays_deleted(google: GoogleStandIn, storage: CloudStorage) -> None:
    await storage.upload(TARGET, chunks(b"rows"))
    await storage.delete(TARGET)
    assert not google.buckets.bucket(BUCKET)
    await storage.delete(TARGET)


class Breaking:
    """Serves an object that breaks off after every `step` bytes."""

    def __init__(self, body: bytes, step: int, *, ranges: bool = True) -> None:
        self.body = body
        self.step = step
        self.ranges = ranges
        self.starts: list[int] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("alt") != "media":
            return web.json_response({"size": str(len(self.body)), "generation": "77"})
        assert request.query["generation"] == "77"
        start = request.http_range.start or 0
        self.starts.append(start)
        partial = start and self.ranges
        response = web.StreamResponse(
            status=206 if partial else 200, headers={"Content-Length": str(len(self.body) - start)}
        )
        await response.prepare(request)
        await response.write(self.body[start : start + self.step])
        if start + self.step < len(self.body):
            assert request.transport is not None
            # It sends what was written, and closes the connection before the rest.
            request.transport.close()
        return response


async def _read(url: str) -> bytes:
    storage = CloudStorage(GoogleHttp(AccessToken("t"), retry_policy=RETRY_POLICY), url)
    try:
        return b"".join([chunk async for chunk in storage.read(TARGET)])
    finally:
        await storage.close()


async def test_read_resumes_where_the_connection_broke() -> None:
    server = Breaking(content(100_000), 30_000)
    async with serving(server.answer) as url:
        assert await _read(url) == content(100_000)
    assert server.starts == [0, 30_000, 60_000, 90_000]


@pytest.mark.parametrize("server", [Breaking(content(100), 0), Breaking(content(100), 30, ranges=False)])
async def test_read_that_makes_no_progress_ends(server: Breaking) -> None:
    async with serving(server.answer) as url:
        with pytest.raises(BotError):
            await _read(url)
    assert len(server.starts) <= 2 * RETRY_POLICY.attempts


def test_chunk_must_be_what_google_takes() -> None:
    with pytest.raises(ValueError, match="256 KiB"):
        CloudStorage(GoogleHttp(AccessToken("t")), chunk=1000)

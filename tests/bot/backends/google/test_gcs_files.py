"""Files in Cloud Storage are read for people where the operator opened the folder, and nowhere else."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.backends.google.auth import AccessToken
from bot.backends.google.cloud_storage import CloudStorage, GcsObject
from bot.backends.google.gcs_files import GcsFiles
from bot.backends.google.http import GoogleHttp
from bot.domain.place import Place
from bot.errors import BadArgument, FileUnavailable
from bot.runtime.scheduled_backups import BackupTarget, ScheduledBackups
from bot.sandbox.google import GoogleStandIn
from tests.support.backend_harness import BUCKET, RETRY_POLICY, chunks
from tests.support.clock import FixedClock

TARGET = GcsObject(BUCKET, "training/rows of today.jsonl")
PLACE = Place("T1", "C1")


@pytest.fixture
async def storage(google: GoogleStandIn) -> AsyncIterator[CloudStorage]:
    http = GoogleHttp(AccessToken(google.issue_token()), retry_policy=RETRY_POLICY)
    made = CloudStorage(http, google.url, 256 * 1024)
    yield made
    await made.close()


def opened(storage: CloudStorage, *prefixes: str) -> GcsFiles:
    return GcsFiles(storage, prefixes or (f"gs://{BUCKET}",))


async def test_a_file_is_described_and_read_in_chunks(google: GoogleStandIn, storage: CloudStorage) -> None:
    content = random.Random(3).randbytes(600_000)
    await storage.upload(TARGET, chunks(content, 100_000))
    files = opened(storage)
    info = await files.describe(PLACE, "U1", str(TARGET))
    assert (info.location, info.name, info.size) == (str(TARGET), "rows of today.jsonl", 600_000)
    read = [chunk async for chunk in files.read(PLACE, "U1", str(TARGET))]
    assert b"".join(read) == content
    assert len(read) > 1, "it is not held whole"


async def test_an_empty_file_is_read_as_nothing(storage: CloudStorage) -> None:
    await storage.upload(TARGET, chunks(b""))
    assert [chunk async for chunk in opened(storage).read(PLACE, "U1", str(TARGET))] == []


@pytest.mark.parametrize(("code", "words"), [(404, "no file at"), (403, "may not read")])
async def test_a_file_that_google_refuses_is_named(
    google: GoogleStandIn, storage: CloudStorage, code: int, words: str
) -> None:
    google.faults.fail(code, path="/o/", times=None)
    await refused(opened(storage), str(TARGET), words)


@pytest.mark.parametrize(
    "address", ["", "gs://", "gs://b", "gs://bucket/", "gs://Bucket/x", "s3://bucket/x", "gs://bucket/a/"]
)
async def test_an_address_of_no_file_is_refused(storage: CloudStorage, address: str) -> None:
    with pytest.raises(BadArgument, match="not the address"):
        await opened(storage).describe(PLACE, "U1", address)


async def refused(files: GcsFiles, address: str, words: str) -> None:
    """Neither the facts of the file nor its bytes are given."""
    with pytest.raises(FileUnavailable, match=words) as caught:
        await files.describe(PLACE, "U1", address)
    assert address in caught.value.message
    with pytest.raises(FileUnavailable, match=words):
        await anext(files.read(PLACE, "U1", address))


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        (f"gs://{BUCKET}", "rows.jsonl"),
        (f"gs://{BUCKET}/", "rows.jsonl"),
        (f"gs://{BUCKET}/open", "open/rows.jsonl"),
        (f"gs://{BUCKET}/open/", "open/deep/rows.jsonl"),
        (f"gs://{BUCKET}", "not/tunebot/rows.jsonl"),
    ],
)
async def test_what_the_operator_opened_is_read(storage: CloudStorage, prefix: str, name: str) -> None:
    await storage.upload(GcsObject(BUCKET, name), chunks(b"rows"))
    files = opened(storage, prefix)
    assert (await files.describe(PLACE, "U1", f"gs://{BUCKET}/{name}")).size == 4


@pytest.mark.parametrize(
    ("prefixes", "address"),
    [
        ((), f"gs://{BUCKET}/rows.jsonl"),
        ((f"gs://{BUCKET}",), "gs://another-bucket/rows.jsonl"),
        ((f"gs://{BUCKET}",), f"gs://{BUCKET}-private/rows.jsonl"),
        ((f"gs://{BUCKET}/open",), f"gs://{BUCKET}/rows.jsonl"),
        ((f"gs://{BUCKET}/open",), f"gs://{BUCKET}/open-not/rows.jsonl"),
        ((f"gs://{BUCKET}/open",), f"gs://{BUCKET}/Open/rows.jsonl"),
        ((f"gs://{BUCKET}/open",), f"gs://{BUCKET}/private/../open/rows.jsonl"),
    ],
)
async def test_what_nobody_opened_is_refused_without_a_word_to_google(
    google: GoogleStandIn, storage: CloudStorage, prefixes: tuple[str, ...], address: str
) -> None:
    await refused(GcsFiles(storage, prefixes), address, "may not read .* for people")
    assert google.requests.matching("/storage/") == []


@pytest.mark.parametrize("folder", ["", "backups/", "a/b/"])
async def test_a_copy_of_the_bots_database_is_read_for_nobody(
    google: GoogleStandIn, storage: CloudStorage, folder: str
) -> None:
    """The folder of TUNEBOT_BACKUP_TO may lie in a bucket that is open to people."""
    made: list[str] = []

    async def store(path: Path) -> None:
        made.append(path.name)

    async def names() -> list[str]:
        return made

    await ScheduledBackups(lambda path: None, BackupTarget(store, names), FixedClock(), 1.0).make()
    await refused(opened(storage), f"gs://{BUCKET}/{folder}{made[0]}", "a copy of my database")
    assert google.requests.matching("/storage/") == []


@pytest.mark.parametrize("name", ["tunebot/tb-1/training.jsonl", "tunebot/rows.jsonl", "tunebot//rows.jsonl"])
async def test_the_bots_own_copies_are_read_for_nobody(
    google: GoogleStandIn, storage: CloudStorage, name: str
) -> None:
    google.buckets.put(BUCKET, name, b"rows")
    for prefix in (f"gs://{BUCKET}", f"gs://{BUCKET}/tunebot", f"gs://{BUCKET}/tunebot/tb-1/"):
        await refused(GcsFiles(storage, (prefix,)), f"gs://{BUCKET}/{name}", "own copies")
    assert google.requests.matching("/storage/") == []

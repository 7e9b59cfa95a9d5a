"""Cloud Storage: the three ways of uploading, broken uploads, downloads and lists."""

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator

import httpx
import pytest

from bot.sandbox.google import GoogleStandIn
from bot.sandbox.google.stored_objects import crc32c
from tests.support.waiting import wait_until

QUANTUM = 256 * 1024
UPLOAD = "/upload/storage/v1/b/bucket/o"
OBJECTS = "/storage/v1/b/bucket/o"


@pytest.fixture(autouse=True)
def _bucket(google: GoogleStandIn) -> None:
    google.create_bucket("bucket")


async def session(client: httpx.AsyncClient, name: str = "data/train.jsonl") -> str:
    """Begin a resumable upload and return its address."""
    begun = await client.post(
        UPLOAD,
        params={"uploadType": "resumable", "name": name},
        json={"contentType": "application/jsonl", "metadata": {"team": "T1"}},
    )
    assert begun.status_code == 200
    location: str = begun.headers["Location"]
    return location


def part(start: int, content: bytes, total: int | str = "*") -> dict[str, str]:
    """Return the headers of a chunk."""
    return {"Content-Range": f"bytes {start}-{start + len(content) - 1}/{total}"}


async def test_resumable_upload_in_chunks(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    content = bytes(range(256)) * 2560
    address = await session(client)
    asked = await client.put(address, headers={"Content-Range": "bytes */*"})
    assert (asked.status_code, "Range" in asked.headers) == (308, False)
    for start in (0, QUANTUM):
        chunk = content[start : start + QUANTUM]
        reply = await client.put(address, content=chunk, headers=part(start, chunk))
        assert (reply.status_code, reply.headers["Range"]) == (308, f"bytes=0-{start + QUANTUM - 1}")
    last = content[2 * QUANTUM :]
    done = await client.put(address, content=last, headers=part(2 * QUANTUM, last, len(content)))
    assert done.status_code == 200
    stored = done.json()
    assert stored["size"] == str(len(content))
    assert stored["md5Hash"] == b64encode(hashlib.md5(content).digest()).decode()
    assert stored["metadata"] == {"team": "T1"}
    assert google.buckets.read("bucket", "data/train.jsonl") == content
    asked = await client.put(address, headers={"Content-Range": f"bytes */{len(content)}"})
    assert asked.json() == stored


async def test_whole_content_in_one_put_needs_no_range(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    done = await client.put(await session(client), content=b"whole")
    assert (done.status_code, google.buckets.read("bucket", "data/train.jsonl")) == (200, b"whole")


async def test_chunk_that_is_no_multiple_of_256_kib_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.put(await session(client), content=b"short", headers=part(0, b"short"))
    assert reply.status_code == 400
    assert "262144" in reply.json()["error"]["message"]


async def test_gap_between_chunks_is_refused(client: httpx.AsyncClient) -> None:
    chunk = b"x" * QUANTUM
    reply = await client.put(await session(client), content=chunk, headers=part(QUANTUM, chunk))
    assert reply.status_code == 400
    assert "exceeds already uploaded size of 0 byte(s)" in reply.json()["error"]["message"]


async def test_chunk_sent_twice_is_kept_once(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    address = await session(client)
    chunk = b"a" * QUANTUM
    for _ in range(2):
        reply = await client.put(address, content=chunk, headers=part(0, chunk))
        assert reply.headers["Range"] == f"bytes=0-{QUANTUM - 1}"
    await client.put(address, content=b"b", headers=part(QUANTUM, b"b", QUANTUM + 1))
    assert google.buckets.read("bucket", "data/train.jsonl") == chunk + b"b"


async def test_upload_goes_on_after_the_connection_broke_in_the_middle(
    client: httpx.AsyncClient, google: GoogleStandIn
) -> None:
    content = bytes(range(256)) * 4096
    address = await session(client)

    async def broken() -> AsyncIterator[bytes]:
        yield content[: QUANTUM * 2 + 1000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await client.put(address, content=broken(), headers=part(0, content, len(content)))

    async def kept() -> bool:
        asked = await client.put(address, headers={"Content-Range": f"bytes */{len(content)}"})
        return bool(asked.headers.get("Range") == f"bytes=0-{QUANTUM * 2 - 1}")

    await wait_until(kept, "the whole chunks of the broken request")
    rest = content[QUANTUM * 2 :]
    done = await client.put(address, content=rest, headers=part(QUANTUM * 2, rest, len(content)))
    assert done.status_code == 200
    assert google.buckets.read("bucket", "data/train.jsonl") == content


async def test_multipart_upload(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    boundary = "==boundary=="
    body = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        '{"name": "multi.jsonl"}\r\n'
        f"--{boundary}\r\nContent-Type: application/jsonl\r\n\r\n"
        "one\r\ntwo\r\n"
        f"--{boundary}--"
    )
    multi = await client.post(
        UPLOAD,
        params={"uploadType": "multipart"},
        content=body.encode(),
        headers={"Content-Type": f'multipart/related; boundary="{boundary}"'},
    )
    assert (multi.json()["name"], multi.json()["contentType"]) == ("multi.jsonl", "application/jsonl")
    assert google.buckets.read("bucket", "multi.jsonl") == b"one\r\ntwo"
    # An object's metadata and content may not be mixed up for JSON.
    assert (await client.get(f"{OBJECTS}/multi.jsonl")).json()["size"] == "8"
    assert (await client.get(f"{OBJECTS}/multi.jsonl", params={"alt": "media"})).text == "one\r\ntwo"


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-2", 206, "89"),
        ("bytes=8-99", 206, "89"),
        ("bytes=10-", 416, None),
    ],
)
async def test_range_of_a_download(
    client: httpx.AsyncClient, google: GoogleStandIn, wanted: str, status: int, content: str | None
) -> None:
    google.buckets.put("bucket", "digits", b"0123456789")
    got = await client.get(f"{OBJECTS}/digits", params={"alt": "media"}, headers={"Range": wanted})
    assert got.status_code == status
    assert content is None or got.text == content


async def test_list_by_prefix_and_page(client: httpx.AsyncClient, google: GoogleStandIn) -> None:
    for name in ("a/1", "a/2", "a/b/3", "c"):
        google.buckets.put("bucket", name, b"x")
    by_prefix = (await client.get(OBJECTS, params={"prefix": "a/"})).json()
    assert [item["name"] for item in by_prefix["items"]] == ["a/1", "a/2", "a/b/3"]
    first = (await client.get(OBJECTS, params={"maxResults": 3})).json()
    rest = (await client.get(OBJECTS, params={"maxResults": 3, "pageToken": first["nextPageToken"]})).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == ["a/1", "a/2", "a/b/3", "c"]


async def test_missing_bucket_and_object_answer_in_storages_own_shape(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/storage/v1/b/none"),
        ("GET", "/storage/v1/b/none/o"),
        ("POST", "/upload/storage/v1/b/none/o?uploadType=resumable&name=x"),
    ):
        missing = await client.request(method, path)
        assert missing.status_code == 404
        assert missing.json() == {
            "error": {
                "code": 404,
                "message": "The specified bucket does not exist.",
                "errors": [
                    {
                        "message": "The specified bucket does not exist.",
                        "domain": "global",
                        "reason": "notFound",
                    }
                ],
            }
        }
    gone = await client.get(f"{OBJECTS}/none")
    assert gone.json()["error"]["message"] == "No such object: bucket/none"


def test_crc32c_is_that_of_the_rfc() -> None:
    # RFC 3720, B.4: thirty-two bytes of zeros; its printed bytes are little endian.
    assert crc32c(bytes(32)) == b64encode(bytes.fromhex("8a9136aa")).decode()


async def test_a_client_that_hangs_up_in_a_download_is_no_error(
    client: httpx.AsyncClient, google: GoogleStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    google.buckets.put("bucket", "large", bytes(32 * 1024 * 1024))
    # The fixture's client reads every answer to its end.
    async with (
        httpx.AsyncClient(base_url=google.url, headers=client.headers) as other,
        other.stream("GET", f"{OBJECTS}/large", params={"alt": "media"}) as answer,
    ):
        assert await anext(answer.aiter_raw(1024))
    assert (await client.get(f"{OBJECTS}/large")).status_code == 200
    assert "Error handling request" not in caplog.text

"""Pictures in the zip of a training file: which are taken, and which zips are refused."""

import io
import zipfile

import pytest

from bot.datasets.formats.pictures import (
    MOST_BYTES,
    PictureFile,
    PictureFolder,
    find_picture,
    mime_of,
    relative_name,
)
from bot.datasets.formats.unpacker import Unpacker
from bot.datasets.formats.zip_unpacker import stored_header
from tests.support.dataset_builders import JPEG, PNG, zipped

ROWS = b'{"text_input": "a", "output": "b"}\n'


def unpacked(data: bytes, step: int = 7) -> tuple[bytes, Unpacker]:
    """The rows, and what is known of the rest; a small step cuts every header in pieces."""
    unpacker = Unpacker(PictureFolder(keep=True))
    rows = b"".join(
        piece for start in range(0, len(data), step) for piece in unpacker.feed(data[start : start + step])
    )
    return rows + b"".join(unpacker.finish()), unpacker


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_pictures_before_and_after_the_rows_are_taken_whole(method: int) -> None:
    rows, unpacker = unpacked(zipped({"a.png": PNG, "set/rows.jsonl": ROWS, "set/b.jpg": JPEG}, method))
    assert (rows, unpacker.name, unpacker.problem) == (ROWS, "set/rows.jsonl", None)
    assert unpacker.folder.files == {
        "a.png": PictureFile("image/png", len(PNG)),
        "set/b.jpg": PictureFile("image/jpeg", len(JPEG)),
    }
    assert [(each.name, each.content) for each in unpacker.folder.take()] == [("a.png", PNG), ("set/b.jpg", JPEG)]


def test_a_zip_that_is_made_on_the_way_is_read_like_any_other() -> None:
    parts = {"rows.jsonl": ROWS, "ä.png": PNG, "empty.png": b""}
    rows, unpacker = unpacked(b"".join(stored_header(name, len(held)) + held for name, held in parts.items()))
    assert (rows, unpacker.problem) == (ROWS, None)
    assert unpacker.folder.files["ä.png"].mime == "image/png"
    assert unpacker.folder.files["empty.png"] == PictureFile("", 0)


def test_a_picture_that_is_too_large_is_counted_and_not_held() -> None:
    noise = bytes(range(256)) * 4096
    rows, unpacker = unpacked(zipped({"rows.jsonl": ROWS, "a.png": PNG + noise * 21}, zipfile.ZIP_STORED), 1 << 20)
    assert rows == ROWS
    assert unpacker.folder.files["a.png"].size > MOST_BYTES
    assert list(unpacker.folder.take()) == []


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../a.png": PNG}, "leads out of the zip"),
        ({"/etc/a.png": PNG}, "leads out of the zip"),
        ({"C:\\a.png": PNG}, "leads out of the zip"),
        ({"x/../../a.png": PNG}, "leads out of the zip"),
        ({"a.png": PNG, "./a.png": PNG}, "are called a.png"),
        ({"a.png": PNG + bytes(40_000_000)}, "far too much"),
    ],
)
def test_a_hostile_zip_is_refused_with_the_reason(files: dict[str, bytes], reason: str) -> None:
    _, unpacker = unpacked(zipped({**files, "rows.jsonl": ROWS}), 4096)
    assert unpacker.problem is not None
    assert reason in unpacker.problem.message()


def test_a_link_is_no_picture() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("a.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("rows.jsonl", ROWS)
    _, unpacker = unpacked(target.getvalue())
    assert unpacker.folder.files["a.png"].mime == ""
    assert list(unpacker.folder.take()) == []


def test_the_first_bytes_say_what_a_picture_is() -> None:
    assert mime_of(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == "image/webp"
    assert mime_of(b"\x00\x00\x00\x18ftypheic\x00\x00") == "image/heic"
    assert mime_of(b"\x00\x00\x00\x18ftypmif1\x00\x00") == "image/heif"
    assert mime_of(b"\x00\x00\x00\x18ftypisom\x00\x00") == ""
    assert [mime_of(head) for head in (b"", b"GIF89a", b"<svg", b"BM")] == [""] * 4


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("a.png", "a.png"),
        ("./set//a b.png", "set/a b.png"),
        ("data:image/png;base64,AAAA", ""),
        ("https://x.org/a.png", ""),
        ("/a.png", ""),
        ("a/../../b.png", ""),
        ("a\\b.png", ""),
        (".", ""),
        ("", ""),
    ],
)
def test_only_a_path_beside_the_rows_names_a_picture(address: str, name: str) -> None:
    assert relative_name(address) == name


def test_a_path_counts_from_the_rows_then_from_the_zip_then_by_its_last_word_where_all_lie_flat() -> None:
    assert find_picture("a.png", "set/rows.jsonl", {"set/a.png", "a.png"}) == "set/a.png"
    assert find_picture("set/a.png", "set/rows.jsonl", {"set/a.png"}) == "set/a.png"
    assert find_picture("images/a.png", "rows.jsonl", {"a.png"}) == "a.png"
    assert find_picture("images/a.png", "rows.jsonl", {"a.png", "other/b.png"}) == ""

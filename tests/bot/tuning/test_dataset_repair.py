"""A repaired file with pictures is a zip of the rows that were kept and all pictures, which passes its check."""

import gzip
import zipfile

import pytest

from bot.backends.profiles import VERTEX
from bot.domain.requests import StartRequest
from bot.errors import UserError
from bot.tuning.dataset_repair import DatasetRepair
from tests.support.backend_harness import BUCKET
from tests.support.dataset_builders import JPEG, PNG, jsonl, rows_of, zipped
from tests.support.harness import ADA, PLACE, Harness

ZIP = f"gs://{BUCKET}/cats.zip"


def row(name: str) -> dict[str, object]:
    shown = {"fileData": {"mimeType": "image/png", "fileUri": name}}
    asked = {"role": "user", "parts": [shown, {"text": f"What is in {name}?"}]}
    return {"contents": [asked, {"role": "model", "parts": [{"text": "A cat."}]}]}


@pytest.mark.parametrize("folder", ["", "data/"])
async def test_rows_are_repaired_beside_their_pictures(harness: Harness, folder: str) -> None:
    rows = jsonl(row("a.png"), row("images/b.jpg"), {"contents": []})
    beside = {f"{folder}a.png": PNG, f"{folder}images/b.jpg": JPEG}
    harness.store(zipped({f"{folder}rows.jsonl": rows, **beside}), ZIP)
    request = StartRequest("vertex", name="cats", file=ZIP)
    checked = await harness.proposals.check(PLACE, ADA, request)
    assert checked.report.repairable
    repair = DatasetRepair(harness.files, harness.workers)
    async with repair.repaired(PLACE, ADA, request, VERTEX) as repaired:
        assert (repaired.kept, repaired.rejected, repaired.pictures) == (2, 1, 2)
        assert repaired.kept_name == "cats.repaired.zip"
        content = repaired.kept_file.read_bytes()
        with zipfile.ZipFile(repaired.kept_file) as archive:
            assert archive.namelist() == [f"{folder}cats.jsonl", *beside]
            assert len(rows_of(archive.read(f"{folder}cats.jsonl"))) == 2
    harness.store(content, ZIP)
    again = await harness.proposals.check(PLACE, ADA, request)
    assert (again.report.ok, again.report.examples, again.report.pictures) == (True, 2, 2)


async def test_a_file_without_pictures_stays_a_file_of_rows(harness: Harness) -> None:
    location = f"gs://{BUCKET}/rows.jsonl"
    harness.store(jsonl({"prompt": "a", "completion": "b"}, {"prompt": "a"}), location)
    repair = DatasetRepair(harness.files, harness.workers)
    async with repair.repaired(PLACE, ADA, StartRequest("vertex", name="a", file=location), VERTEX) as repaired:
        assert (repaired.kept_name, repaired.pictures) == ("rows.repaired.jsonl", 0)
        assert len(rows_of(repaired.kept_file.read_bytes())) == 1


TEXT = "question;answer\nWo ist der Schlüssel?;Beim Pförtner – „rechts“\n" + "Größe?;Öl\n" * 5_000


@pytest.mark.parametrize(
    ("name", "codec", "written"),
    [
        ("tür.csv", "cp1252", "tür.utf8.csv"),
        ("a.bin", "utf-16", "a.utf8.txt"),
        ("b.csv.gz", "cp1252", "b.utf8.csv"),
    ],
)
async def test_a_file_in_another_encoding_is_written_as_utf8(
    harness: Harness, name: str, codec: str, written: str
) -> None:
    content, location = TEXT.encode(codec), f"gs://{BUCKET}/{name}"
    harness.store(gzip.compress(content) if name.endswith(".gz") else content, location)
    repair = DatasetRepair(harness.files, harness.workers)
    request = StartRequest("vertex", name="keys", file=location, encoding=codec)
    async with repair.reencoded(PLACE, ADA, request, VERTEX) as (file, shown):
        assert (file.read_bytes().decode(), shown) == (TEXT, written)
    assert not file.exists()


@pytest.mark.parametrize(
    ("content", "codec", "message"),
    [
        (b"a\x81b", "cp1252", "cannot be read as Windows-1252 (or Latin-1)"),
        (b"\xff\xfea", "utf-16", "cannot be read as UTF-16"),
        (b"x", "zlib_codec", "I do not know the encoding zlib_codec"),
        (gzip.compress(b"x" * 99, mtime=0)[:20], "cp1252", "gzip"),
    ],
)
async def test_a_file_in_yet_another_encoding_is_refused(
    harness: Harness, content: bytes, codec: str, message: str
) -> None:
    location = f"gs://{BUCKET}/a.csv"
    harness.store(content, location)
    repair = DatasetRepair(harness.files, harness.workers)
    with pytest.raises(UserError) as refused:
        async with repair.reencoded(PLACE, ADA, StartRequest("vertex", file=location, encoding=codec), VERTEX):
            pass
    assert message in refused.value.message


async def test_where_nothing_is_kept_the_first_reason_is_known(harness: Harness) -> None:
    location = f"gs://{BUCKET}/rows.jsonl"
    harness.store(jsonl({"prompt": "a"}, {"prompt": "b"}), location)
    repair = DatasetRepair(harness.files, harness.workers)
    async with repair.repaired(PLACE, ADA, StartRequest("vertex", name="a", file=location), VERTEX) as repaired:
        assert (repaired.kept, repaired.first_reason.partition(".")[0]) == (0, "completion is missing")

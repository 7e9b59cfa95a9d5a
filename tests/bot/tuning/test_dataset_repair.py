"""A repaired file with pictures is a zip of the rows that were kept and all pictures, which passes its check."""

import zipfile

import pytest

from bot.backends.profiles import VERTEX
from bot.domain.requests import StartRequest
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

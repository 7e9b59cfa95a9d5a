"""Pictures beside the rows go into the job's own folder, once, and the stored rows name them there."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

from bot.domain.jobs import JobState, TuningJob
from bot.domain.requests import StartRequest
from bot.ports.job_store import Change
from bot.tuning.tidying import Tidying, record_in
from tests.support.backend_harness import BUCKET
from tests.support.dataset_builders import JPEG, PNG, jsonl, zipped
from tests.support.harness import ADA, PLACE, TEAM, Harness

ZIP = f"gs://{BUCKET}/cats.zip"


def row(name: str) -> dict[str, object]:
    # The kind is wrong for one of them: the first bytes decide what the stored rows say.
    shown = {"fileData": {"mimeType": "image/png", "fileUri": name}}
    asked = {"role": "user", "parts": [shown, {"text": f"What is in {name}?"}]}
    return {"contents": [asked, {"role": "model", "parts": [{"text": "A cat."}]}]}


ROWS = jsonl(*(row(name) for name in ("a.png", "images/b.jpg", "copy.png")))
FILES = {"a.png": PNG, "rows.jsonl": ROWS, "images/b.jpg": JPEG, "copy.png": PNG}


async def accepted(harness: Harness, content: bytes) -> TuningJob:
    harness.store(content, ZIP)
    checked = await harness.proposals.check(PLACE, ADA, StartRequest("vertex", name="cats", file=ZIP))
    assert checked.proposal is not None, checked.report.findings
    job = await harness.tuning.accept(TEAM, checked.proposal.id, ADA)
    assert job is not None
    return job


def stored(harness: Harness, job: TuningJob) -> dict[str, bytes]:
    folder = f"tunebot/{job.key}/"
    found = harness.google.buckets.bucket(BUCKET).items()
    return {name.removeprefix(folder): held.path.read_bytes() for name, held in found if name.startswith(folder)}


async def test_rows_name_the_pictures_of_the_jobs_own_folder(harness: Harness) -> None:
    job = await accepted(harness, zipped(FILES))
    await harness.tuning.starts.submit(job)
    names = [f"pictures/{hashlib.sha256(content).hexdigest()}" for content in (PNG, JPEG)]
    files = stored(harness, job)
    assert set(files) == {"training.jsonl", f"{names[0]}.png", f"{names[1]}.jpg"}
    assert files[f"{names[0]}.png"] == PNG
    shown = [
        json.loads(line)["contents"][0]["parts"][0]["fileData"] for line in files["training.jsonl"].splitlines()
    ]
    here = f"gs://{BUCKET}/tunebot/{job.key}/"
    png = {"mimeType": "image/png", "fileUri": f"{here}{names[0]}.png"}
    assert shown == [png, {"mimeType": "image/jpeg", "fileUri": f"{here}{names[1]}.jpg"}, png]
    assert (await harness.newest(job)).state is not JobState.FAILED


async def test_a_start_that_was_cut_off_uploads_no_picture_twice_and_all_are_deleted_with_the_rows(
    harness: Harness,
) -> None:
    job = await accepted(harness, zipped(FILES))
    name = f"tunebot/{job.key}/pictures/{hashlib.sha256(PNG).hexdigest()}.png"
    harness.google.buckets.put(BUCKET, name, PNG)
    await harness.restarted().jobs.starts.submit(job)
    uploads = [sent.query["name"] for sent in harness.google.requests.matching("/upload/", "POST")]
    assert name not in uploads
    assert len(uploads) == 2
    running = await harness.newest(job)
    harness.at_google(running).finish()
    await harness.refresher.poll("vertex", [running])
    long_ago = harness.clock.now() - timedelta(days=31)
    await harness.jobs.change(job.key, lambda row: Change(replace(row, ended_at=long_ago)))
    tidying = Tidying(harness.backends, harness.jobs, harness.clock, record_in(harness.jobs))
    left_over = await tidying.files(timedelta(days=30))
    assert [each.kept for each in left_over] == [""] * 3
    await tidying.delete(left_over)
    assert stored(harness, job) == {}


async def test_a_zip_that_changed_after_the_check_starts_nothing_and_leaves_no_picture(harness: Harness) -> None:
    job = await accepted(harness, zipped(FILES))
    harness.store(zipped({**FILES, "a.png": PNG + b"other"}), ZIP)
    await harness.tuning.starts.submit(job)
    assert (await harness.newest(job)).state is JobState.FAILED
    assert stored(harness, job) == {}
    assert harness.creates() == 0

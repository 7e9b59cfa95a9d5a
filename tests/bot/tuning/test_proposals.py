"""What a start is judged by before anything is spent."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from bot.domain.datasets import FieldMapping
from bot.domain.jobs import Hyperparameters
from bot.domain.place import Place, Requester
from bot.domain.requests import Quality, StartRequest
from bot.errors import BadArgument, FileTooLarge, FileUnavailable, InvalidRequest
from bot.ports.files import FileInfo
from bot.runtime.doctor import Doctor
from bot.sandbox.google import BucketSettings
from bot.tuning.proposals import new_key
from tests.support.backend_harness import BUCKET
from tests.support.harness import ADA, ASKED_BY_ADA, FILE, PLACE, TEAM, Harness

GOOD = b'{"text_input": "a", "output": "b"}\n'


async def refusal(harness: Harness, request: StartRequest) -> BadArgument:
    with pytest.raises(BadArgument) as caught:
        await harness.proposals.check(PLACE, ADA, request)
    assert harness.creates() == 0
    return caught.value


async def test_rows_do_not_reach_the_bots_own_copies_through_google(harness: Harness) -> None:
    """`harness` opens the whole bucket."""
    said = '{"role": "model", "parts": [{"text": "It says a lot."}]}'
    for name, ok in (("tunebot/tb-other/training.jsonl", False), ("open/notes.txt", True)):
        file = f'{{"fileData": {{"mimeType": "text/plain", "fileUri": "gs://{BUCKET}/{name}"}}}}'
        asked = f'{{"role": "user", "parts": [{file}, {{"text": "What does it say?"}}]}}'
        harness.store(f'{{"contents": [{asked}, {said}]}}\n'.encode() * 3)
        checked = await harness.proposals.check(PLACE, ADA, StartRequest("vertex", name="notes", file=FILE))
        assert checked.report.ok is ok
        assert (checked.proposal is not None) is ok


def test_a_key_is_what_both_a_model_id_and_a_label_take() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    for key in keys:
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", key)
        assert re.fullmatch(r"[a-z0-9_-]{1,63}", key)


async def test_a_checked_start_is_stored_whole(harness: Harness) -> None:
    request = StartRequest("vertex", name="  two   words ", file=FILE, hyperparameters=Hyperparameters(epochs=3))
    seen: list[tuple[str, int, int]] = []
    checked = await harness.proposals.check(PLACE, ADA, request, lambda *step: seen.append(step))
    assert checked.proposal is not None
    stored = await harness.jobs.proposal(TEAM, checked.proposal.id)
    assert stored == checked.proposal
    assert stored.spec.name == "two words"
    assert stored.spec.base_model == "gemini-3.5-flash"
    assert seen[-1] == ("numbers.jsonl", checked.report.size, checked.report.size)


async def test_without_a_name_it_is_named_after_the_file_and_numbered(harness: Harness) -> None:
    names = []
    for _ in range(3):
        checked = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE))
        assert checked.proposal is not None
        names.append(checked.proposal.spec.name)
        await harness.tuning.accept(TEAM, checked.proposal.id, ADA)
    assert names == ["numbers", "numbers-2", "numbers-3"]


async def test_a_file_name_without_letters_still_gives_a_name(harness: Harness) -> None:
    odd = harness.store(GOOD, f"gs://{BUCKET}/数据.jsonl")
    checked = await harness.proposals.check(PLACE, ADA, StartRequest(file=odd))
    assert checked.proposal is not None
    assert checked.proposal.spec.name == "model"


async def test_bad_rows_make_no_proposal(harness: Harness) -> None:
    bad = harness.store(GOOD + b"oops\n", f"gs://{BUCKET}/bad.jsonl")
    checked = await harness.proposals.check(PLACE, ADA, StartRequest(file=bad))
    assert checked.proposal is None
    assert [finding.lines for finding in checked.report.errors] == [(2,)]


async def test_a_bad_validation_file_makes_no_proposal_either(harness: Harness) -> None:
    bad = harness.store(b"oops\n", f"gs://{BUCKET}/bad.jsonl")
    checked = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE, validation=bad))
    assert checked.proposal is None
    assert checked.report.ok
    assert checked.validation is not None
    assert not checked.validation.ok


async def test_both_files_are_read_with_the_same_keys(harness: Harness) -> None:
    mapped = b'{"q": "a", "a": "b"}\n'
    training = harness.store(mapped * 10, f"gs://{BUCKET}/t.jsonl")
    validation = harness.store(mapped, f"gs://{BUCKET}/v.jsonl")
    request = StartRequest(file=training, validation=validation, mapping=FieldMapping("q", "a"))
    checked = await harness.proposals.check(PLACE, ADA, request)
    assert checked.proposal is not None
    assert checked.proposal.spec.validation is not None
    assert checked.proposal.spec.validation.mapping == FieldMapping("q", "a")


async def test_a_tuned_model_of_the_same_system_can_be_a_base_by_name_or_resource(harness: Harness) -> None:
    job = await harness.tuned("first")
    for wanted in ("First", job.tuned_model):
        checked = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE, base_model=wanted))
        assert checked.proposal is not None
        assert checked.proposal.spec.base_model == job.tuned_model
    assert [model.display_name for model in await harness.proposals.values.tuned(ASKED_BY_ADA)] == ["first"]
    assert await harness.proposals.values.tuned(Requester(ADA, Place("T2", PLACE.channel))) == []
    error = await refusal(wired_again(harness), StartRequest("gemini", base_model="first", file=FILE))
    assert "no base model 'first' for Gemini API" in error.message


def wired_again(harness: Harness) -> Harness:
    """The same house with Google's log emptied, for what must send nothing from here on."""
    harness.google.requests.clear()
    return harness


async def test_every_refusal_names_its_field(harness: Harness) -> None:
    long = "x" * 129
    for request, field, words in (
        (StartRequest("bedrock", file=FILE), "backend", "TUNEBOT_BACKENDS"),
        (StartRequest(file=FILE, base_model="gemini-3.5-flesh"), "base_model", "Did you mean gemini-3.5-flash?"),
        (StartRequest(file=FILE, name=long), "name", "at most 128"),
        (StartRequest(), "file", "Attach a JSONL file"),
        (StartRequest(file="ftp://x/y"), "file", "gs:// URI"),
        (StartRequest("palm", file=FILE, validation=FILE), "validation", "takes no validation"),
        (StartRequest(file=FILE, hyperparameters=Hyperparameters(epochs=0)), "epochs", "below the least"),
    ):
        error = await refusal(harness, request)
        assert error.field == field
        assert words in str(error)


async def test_judging_reads_no_file(harness: Harness) -> None:
    await harness.proposals.check_values(ASKED_BY_ADA, StartRequest(file="gs://nowhere-at-all/x.jsonl"))
    with pytest.raises(BadArgument):
        await harness.proposals.check_values(ASKED_BY_ADA, StartRequest(base_model="nonsense"))
    assert len(harness.google.requests) == 0


async def test_a_file_that_cannot_be_read_is_told_as_such(harness: Harness) -> None:
    with pytest.raises(FileUnavailable, match=r"missing\.jsonl"):
        await harness.proposals.check(PLACE, ADA, StartRequest(file=f"gs://{BUCKET}/missing.jsonl"))


@dataclass
class LargeFile:
    """A FileReader of one file of this size."""

    size: int
    was_read: bool = False

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        return FileInfo(location, "large.jsonl", self.size)

    async def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        self.was_read = True
        yield b""


async def test_a_file_over_the_systems_limit_is_refused_before_it_is_read(harness: Harness) -> None:
    limit = harness.backends["vertex"].profile.limits.file_bytes
    file = LargeFile(limit + 1)
    use_cases = harness.process(files={"gs": file})
    with pytest.raises(FileTooLarge, match=f"takes at most {limit:,}"):
        await use_cases.proposals.check(PLACE, ADA, StartRequest(file=FILE))
    assert not file.was_read


async def test_what_was_found_in_a_file_is_remembered_for_its_own_workspace_only(harness: Harness) -> None:
    def reads() -> int:
        return sum(each.query.get("alt") == "media" for each in harness.google.requests.matching(r"/o/"))

    for place, total in ((PLACE, 1), (PLACE, 1), (replace(PLACE, team="T2"), 2), (PLACE, 2)):
        checked = await harness.proposals.check(place, ADA, StartRequest(file=FILE))
        assert checked.report.examples
        assert reads() == total


async def test_bucket_in_another_location_prevents_the_start_in_the_report(harness: Harness) -> None:
    harness.google.buckets.change(BUCKET, BucketSettings(location="EUROPE-WEST4"))
    checked = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE))
    assert checked.report.ok
    assert checked.proposal is None
    assert isinstance(checked.obstacle, InvalidRequest)
    assert harness.proposals.obstacle("vertex") is checked.obstacle, "the next form says so"
    harness.google.buckets.change(BUCKET, BucketSettings())
    again = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE))
    assert again.proposal is not None
    assert again.obstacle is None


async def test_what_only_the_doctor_finds_is_told_before_and_in_the_report_and_prevents_no_start(
    harness: Harness,
) -> None:
    doctor = Doctor(harness.backends["vertex"].start_checks())
    proposals = harness.process(failures=doctor.failures).proposals
    harness.google.project_rights.permissions = frozenset({"aiplatform.endpoints.predict"})
    permissions = BucketSettings().permissions | {"storage.buckets.getIamPolicy"}
    harness.google.buckets.change(BUCKET, BucketSettings(project_number="42", permissions=permissions))
    assert proposals.warnings("vertex") == [], "the doctor has not been there"
    await doctor.examine()
    told = proposals.warnings("vertex")
    assert "lacks aiplatform.tuningJobs.create" in told[0]
    assert "service agent may not read it" in told[1]
    assert proposals.warnings("gemini") == []
    checked = await proposals.check(PLACE, ADA, StartRequest(file=FILE))
    assert checked.proposal is not None
    assert checked.notes.startswith(" ".join(told))


async def test_the_form_is_told_that_tuning_on_a_base_model_has_closed(harness: Harness) -> None:
    assert harness.proposals.closed("vertex", "") == ""
    harness.clock.advance(days=3_000)
    first = harness.proposals.profile("vertex").base_models[0]
    said = harness.proposals.closed("vertex", "")
    assert said == harness.proposals.closed("vertex", first)
    assert said.startswith(f"{first} ")
    assert "tuning on it closed on" in said
    assert harness.proposals.closed("vertex", "projects/1/locations/l/models/2@1") == ""


async def test_google_that_cannot_be_asked_prevents_no_start(harness: Harness) -> None:
    harness.google.faults.fail(503, path="testPermissions", times=None)
    checked = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE))
    assert checked.proposal is not None
    assert checked.obstacle is not None
    assert checked.obstacle.passing


@pytest.mark.parametrize("backend", ["vertex", "gemini"])
async def test_base_that_names_no_tuned_model_is_refused_with_the_nearest_one(
    harness: Harness, backend: str
) -> None:
    job = await harness.tuned("first", backend)
    name, at, version = job.tuned_model.partition("@")
    missing = f"{name}7{at}{version}"
    error = await refused_base(harness, backend, missing)
    assert f"has no tuned model {missing!r}" in error.message
    assert job.tuned_model in error.hint
    assert error.field == "base_model"


async def test_base_that_is_nearly_the_name_of_a_model_gets_a_guess(harness: Harness) -> None:
    await harness.tuned("counter")
    error = await refused_base(harness, "vertex", "countre")
    assert "counter" in error.hint


async def test_base_that_was_deleted_at_google_is_refused(harness: Harness) -> None:
    job = await harness.tuned("first")
    backend = harness.backends["vertex"]
    (model,) = await backend.models()
    await backend.delete(model)
    error = await refused_base(harness, "vertex", "first")
    assert "that can be tuned again" in error.message
    assert job.tuned_model in error.message


@pytest.mark.parametrize(
    "base",
    [
        "projects/sandbox-project/locations/europe-west4/models/7",
        "projects/sandbox-project/locations/us-central1/endpoints/7",
        "projects/sandbox-project/locations/us-central1/models/../7",
        "tunedModels/numbers",
    ],
)
async def test_base_that_is_elsewhere_or_of_another_kind_is_refused(harness: Harness, base: str) -> None:
    await refused_base(harness, "vertex", base)


async def test_base_that_google_does_not_answer_for_is_left_to_the_start(harness: Harness) -> None:
    job = await harness.tuned("first")
    harness.google.faults.fail(503, path=r"/models/[^/]+$", times=None)
    request = StartRequest("vertex", base_model=job.tuned_model, file=FILE)
    assert (await harness.proposals.check(PLACE, ADA, request)).proposal is not None


async def refused_base(harness: Harness, backend: str, base: str) -> BadArgument:
    with pytest.raises(BadArgument) as caught:
        await harness.proposals.check(PLACE, ADA, StartRequest(backend, base_model=base, name="second", file=FILE))
    return caught.value


async def test_the_price_counts_googles_own_tokens_and_leaves_held_out_rows_out(harness: Harness) -> None:
    whole = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE, name="whole"))
    part = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE, name="part", validation_share=0.5))
    assert whole.proposal is not None
    assert part.proposal is not None
    all_rows, trained = whole.proposal.spec.estimate, part.proposal.spec.estimate
    assert all_rows is not None
    assert trained is not None
    assert "Google counted" in all_rows.token_method
    examples, spec = part.report.examples, part.proposal.spec
    assert 0 < spec.trained_examples < examples
    assert trained.tokens == -(-all_rows.tokens * spec.trained_examples // examples)


async def test_a_count_that_google_refuses_leaves_an_estimate_with_its_error(harness: Harness) -> None:
    harness.google.faults.fail(500, path=":countTokens$", times=None)
    checked = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE))
    assert checked.proposal is not None
    known = checked.proposal.spec.estimate
    assert known is not None
    assert known.error_percent >= 30
    assert known.token_method == "estimated: 0.236 tokens for a byte of text"


async def test_a_tuned_model_that_is_tuned_again_has_the_price_of_its_own_base(harness: Harness) -> None:
    first = await harness.tuned("first")
    again = await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE, base_model="first", name="again"))
    assert again.proposal is not None
    spec = again.proposal.spec
    assert spec.base_model == first.tuned_model
    assert spec.estimate is not None
    assert (spec.estimate.base_model, spec.estimate.training_price) == ("gemini-3.5-flash", Decimal(10))


async def test_a_tuned_model_of_another_workspace_is_no_base_model(harness: Harness) -> None:
    first = await harness.tuned("first", "gemini")
    elsewhere = replace(PLACE, team="T2")
    request = StartRequest("gemini", file=FILE, base_model=first.tuned_model)
    with pytest.raises(BadArgument, match="has no tuned model"):
        await harness.proposals.check(elsewhere, ADA, request)


async def test_a_tuned_model_that_no_job_made_has_no_known_price(harness: Harness) -> None:
    first = await harness.tuned("first")
    await harness.forget_jobs()
    request = StartRequest(file=FILE, base_model=first.tuned_model)
    checked = await harness.proposals.check(PLACE, ADA, request)
    assert checked.proposal is not None
    assert checked.proposal.spec.estimate is not None
    assert checked.proposal.spec.estimate.training_price is None


async def test_a_check_says_why_its_start_needs_a_second_yes(harness: Harness) -> None:
    absurd = StartRequest(file=FILE, hyperparameters=Hyperparameters(epochs=100_000))
    assert "100,000 passes" in (await harness.proposals.check(PLACE, ADA, absurd)).confirmation
    assert not (await harness.proposals.check(PLACE, ADA, StartRequest(file=FILE))).confirmation


@pytest.mark.parametrize(("quality", "epochs"), [("quick", 2), ("recommended", 4), ("thorough", 4), (None, None)])
async def test_the_quality_means_epochs_by_the_file_unless_a_number_is_given(
    harness: Harness, quality: str | None, epochs: int | None
) -> None:
    chosen = Quality(quality) if quality else None
    request = StartRequest("vertex", name="by quality", file=FILE, quality=chosen)
    checked = await harness.proposals.check(PLACE, ADA, request)
    assert checked.proposal is not None
    assert checked.proposal.spec.hyperparameters.epochs == epochs
    if chosen is Quality.RECOMMENDED:
        assert checked.proposal.spec.estimate is not None
        assert checked.proposal.spec.estimate.suggested == epochs, "as the table of prices says"
    given = replace(request, hyperparameters=Hyperparameters(epochs=9))
    checked = await harness.proposals.check(PLACE, ADA, given)
    assert checked.proposal is not None
    assert checked.proposal.spec.hyperparameters.epochs == 9

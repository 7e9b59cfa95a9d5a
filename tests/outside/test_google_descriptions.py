"""The two outside judges must be able to say no, or nothing that they pass means anything."""

import pytest

from tests.outside import discovery, protos

JOBS = "/v1/projects/p/locations/us-central1/tuningJobs"


def test_vertex_judge_passes_a_correct_create() -> None:
    body = {
        "baseModel": "gemini-3.5-flash",
        "supervisedTuningSpec": {
            "trainingDatasetUri": "gs://b/train.jsonl",
            "hyperParameters": {"epochCount": "3", "adapterSize": "ADAPTER_SIZE_FOUR"},
        },
        "labels": {"tunebot": "key"},
    }
    assert discovery.vertex().check_request("POST", JOBS, body).id.endswith("tuningJobs.create")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"basemodel": "x"}, "no such field"),
        ({"state": "JOB_STATE_QUEUED"}, "only Google sets"),
        ({"supervisedTuningSpec": {"hyperParameters": {"epochCount": 3}}}, "expected int64"),
        ({"supervisedTuningSpec": {"hyperParameters": {"adapterSize": 4}}}, "expected string"),
        ({"supervisedTuningSpec": {"hyperParameters": {"adapterSize": "FOUR"}}}, "is none of"),
        ({"labels": {"a": 1}}, "expected string"),
    ],
)
def test_vertex_judge_refuses_what_google_does_not_describe(body: object, reason: str) -> None:
    with pytest.raises(discovery.Mismatch, match=reason):
        discovery.vertex().check_request("POST", JOBS, body)


def test_vertex_judge_lists_every_problem_at_once() -> None:
    with pytest.raises(discovery.Mismatch) as caught:
        discovery.vertex().check_request("POST", JOBS, {"a": 1, "b": 2}, {"pageSizes": "1"})
    assert len(str(caught.value).splitlines()) == 4


def test_vertex_judge_knows_no_method_on_a_wrong_path() -> None:
    with pytest.raises(discovery.Mismatch, match="no such method"):
        discovery.vertex().check_request("DELETE", f"{JOBS}/1")


def test_answers_may_hold_what_only_google_sets() -> None:
    job = {"name": "projects/1/locations/l/tuningJobs/1", "state": "JOB_STATE_RUNNING"}
    discovery.vertex().check_answer("GET", f"{JOBS}/1", job)
    with pytest.raises(discovery.Mismatch, match="google-datetime"):
        discovery.vertex().check_answer("GET", f"{JOBS}/1", {**job, "createTime": "yesterday"})


@pytest.mark.parametrize("version", ["v1beta3", "v1beta"])
def test_proto_judge_passes_a_correct_create(version: str) -> None:
    body = {
        "displayName": "number generator",
        "baseModel": "models/text-bison-001",
        "tuningTask": {
            "hyperparameters": {"epochCount": 3, "batchSize": 2, "learningRate": 0.001},
            "trainingData": {"examples": {"examples": [{"textInput": "1", "output": "2"}]}},
        },
    }
    protos.check_request("POST", f"/{version}/tunedModels", body, {"tunedModelId": "numbers-1"})


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1beta/tunedModels", {"displayname": "x"}, "no field named"),
        (
            "/v1beta3/tunedModels",
            {"tuningTask": {"hyperparameters": {"learningRateMultiplier": 1}}},
            "no field named",
        ),
        (
            "/v1beta/tunedModels",
            {"tuningTask": {"hyperparameters": {"learningRate": 1, "learningRateMultiplier": 1}}},
            "oneof",
        ),
        ("/v1beta/tunedModels", {"baseModel": "a", "tunedModelSource": {"tunedModel": "b"}}, "oneof"),
        ("/v1beta/tunedModels/a/operations/b:cancel", {}, "cancelled on /v1"),
        ("/v1/tunedModels", {}, "only operations"),
        ("/v1beta3/tunedModels/a:generateContent", {"contents": []}, "v1beta3 has no"),
    ],
)
def test_proto_judge_refuses_what_google_does_not_take(path: str, body: object, reason: str) -> None:
    with pytest.raises(protos.Mismatch, match=reason):
        protos.check_request("POST", path, body)

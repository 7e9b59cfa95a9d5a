"""Jobs, profiles and reports to draw: small fixed ones, and strategies of Hypothesis for any of them.

`builders.py` holds what is stored. The two stay apart because the harnesses and the processes that tests kill
import `builders`, and must not load Hypothesis.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bot.datasets import DatasetReport, Finding, Severity
from bot.domain.backend_profile import BackendProfile, DatasetLimits, HyperparameterRule
from bot.domain.datasets import Dataset, Dialect, FieldMapping
from bot.domain.jobs import DataStats, Failure, Hyperparameters, JobState, Snapshot, TuningJob, TuningSpec
from bot.domain.operations import TunedModel
from bot.domain.place import Place, Requester
from bot.domain.requests import Proposal, StartRequest

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
PLACE = Place("T1", "C1")
ADA = Requester("U1", PLACE)

VERTEX = BackendProfile(
    name="vertex",
    title="Vertex AI",
    dialect=Dialect.VERTEX,
    base_models=("gemini-3.5-flash", "gemini-3.5-flash-lite"),
    hyperparameters=(
        HyperparameterRule("epochs", "Epochs", whole=True, minimum=1, maximum=100),
        HyperparameterRule(
            "learning_rate_multiplier", "Learning rate multiplier", whole=False, minimum=0.0001, maximum=10
        ),
        HyperparameterRule("adapter_size", "Adapter size", whole=True, choices=(1, 2, 4, 8, 16)),
    ),
    limits=DatasetLimits(),
    name_limit=128,
    takes_validation=True,
)
GEMINI = BackendProfile(
    name="gemini",
    title="Gemini API",
    dialect=Dialect.GEMINI,
    base_models=("models/gemini-1.5-flash-001-tuning",),
    hyperparameters=(
        HyperparameterRule("epochs", "Epochs", whole=True, default=5, minimum=1),
        HyperparameterRule("batch_size", "Batch size", whole=True, default=4, minimum=1),
        HyperparameterRule(
            "learning_rate",
            "Learning rate",
            whole=False,
            default=0.001,
            minimum=0.000001,
            excludes="learning_rate_multiplier",
        ),
        HyperparameterRule(
            "learning_rate_multiplier", "Learning rate multiplier", whole=False, excludes="learning_rate"
        ),
    ),
    limits=DatasetLimits(),
    name_limit=40,
    default_epochs=5,
    default_batch_size=4,
    trains_today=False,
    notice="Google has had no base model for tuning on the Gemini API since May 2025",
    can_cancel=False,
)

TRAINING = Dataset("slack:F1", "next_number.jsonl", "ab" * 32, 900, 15, Dialect.GEMINI, 80)


def a_job(profile: BackendProfile = VERTEX, **changes: Any) -> TuningJob:
    """A job that was asked for five minutes ago and began to run a minute later."""
    spec = TuningSpec(profile.name, profile.base_models[0], "next number", Hyperparameters(epochs=3), TRAINING)
    values: dict[str, Any] = {
        "key": "tb-1",
        "place": PLACE,
        "owner": "U1",
        "spec": spec,
        "state": JobState.RUNNING,
        "created_at": NOW - timedelta(minutes=5),
        "started_at": NOW - timedelta(minutes=4),
        "checked_at": NOW,
    }
    return TuningJob(**{**values, **changes})


def done(profile: BackendProfile = VERTEX, **changes: Any) -> TuningJob:
    values: dict[str, Any] = {
        "state": JobState.SUCCEEDED,
        "ended_at": NOW,
        "tuned_model": "projects/p/locations/us-central1/models/1",
        "endpoint": "projects/p/locations/us/endpoints/2",
    }
    return a_job(profile, **{**values, **changes})


words = st.text(max_size=100) | st.sampled_from(
    [
        "<!channel>",
        "<@U0123456>",
        "<!subteam^S1>",
        "<https://evil.example|bank>",
        "@channel @here",
        "&lt;!here&gt;",
        "`" * 5,
        "&" * 200,
        "a" * 400,
        "\n\n\n",
        " ",
        "",
        "👩‍👩‍👧‍👦" * 30,
    ]
)
long_words = words | st.sampled_from(["<" * 3_000, "a" * 5_000, "&amp;" * 2_000, "a b\n\n" * 4_000])
times = st.integers(631_152_000, 3_786_912_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
counts = st.integers(0, 2**40)
floats = st.floats(allow_nan=True, allow_infinity=True)
hyperparameters = st.builds(
    Hyperparameters,
    epochs=st.none() | st.integers(-5, 10**9),
    batch_size=st.none() | st.integers(-5, 10**9),
    learning_rate=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    learning_rate_multiplier=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    adapter_size=st.none() | st.integers(-5, 10**9),
)
datasets = st.builds(
    Dataset, words, words, words, counts, counts, st.sampled_from(Dialect), counts, mapping=st.none()
)
specs = st.builds(TuningSpec, words, words, words, hyperparameters, datasets, st.none() | datasets)
snapshots = st.lists(
    st.builds(Snapshot, counts, floats, st.integers(0, 99), st.none() | times, st.none() | floats), max_size=40
)
failures = st.builds(Failure, st.integers(0, 16), words, words)
stats = st.builds(DataStats, counts, counts, counts, counts, counts, st.lists(words, max_size=5).map(tuple))
people = st.just("U1") | words
jobs = st.builds(
    TuningJob,
    key=st.just("tb-aaaaaaaaaaaaaaaaaaaaaaaaaa"),
    place=st.just(PLACE),
    owner=people,
    spec=specs,
    state=st.sampled_from(JobState),
    created_at=times,
    operation=words,
    google_state=words,
    tuned_model=words,
    endpoint=words,
    total_steps=st.none() | counts,
    completed_steps=st.none() | counts,
    epoch=st.none() | counts,
    started_at=st.none() | times,
    ended_at=st.none() | times,
    checked_at=st.none() | times,
    failure=st.none() | failures,
    data_stats=st.none() | stats,
    problem=words,
    cancelled_by=people,
    deleted_by=st.just("") | people,
)
profiles = st.sampled_from([VERTEX, GEMINI])
mappings = st.builds(FieldMapping, words, words)
locations = st.sampled_from(["", "slack:F0123456789", "gs://bucket/" + "a" * 900]) | words
requests = st.builds(
    StartRequest,
    st.sampled_from(["", "vertex", "gemini"]),
    words,
    words,
    hyperparameters,
    locations,
    locations,
    st.sampled_from([0.0, 0.001, 0.1, 0.5]),
    st.none() | mappings,
)
findings = st.builds(
    Finding,
    st.sampled_from(Severity),
    words,
    words,
    words,
    st.integers(1, 10**7),
    st.lists(st.integers(1, 10**8), max_size=5).map(tuple),
    words,
    words,
    st.none() | counts,
)
reports = st.builds(
    DatasetReport,
    name=words,
    size=counts,
    sha256=words,
    rows=counts,
    examples=counts,
    dialect=st.none() | st.sampled_from(Dialect),
    mapping=st.none() | mappings,
    guessed_mapping=st.none() | mappings,
    keys=st.lists(words, max_size=10).map(tuple),
    findings=st.lists(findings, max_size=12).map(tuple),
    tokens=counts,
)
proposals = st.builds(Proposal, st.just("tb-p"), st.just(PLACE), st.just("U1"), specs, times)
models = st.builds(TunedModel, words, words, words, words, words, words, st.none() | times)

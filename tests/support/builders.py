"""Jobs and estimates to store; `block_samples.py` holds what is drawn, with strategies of Hypothesis."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from bot.domain.datasets import Dataset, Dialect
from bot.domain.jobs import Hyperparameters, JobState, TuningJob, TuningSpec
from bot.domain.place import Place
from bot.domain.requests import Proposal
from bot.domain.spending import TuningEstimate

START = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)
TEAM = "T0ACME"
OTHER_TEAM = "T0RIVAL"

SPEC = TuningSpec(
    backend="vertex",
    base_model="gemini-3.5-flash",
    name="next-number",
    hyperparameters=Hyperparameters(epochs=5, learning_rate_multiplier=1.5, adapter_size=4),
    training=Dataset(
        location="slack:F123",
        name="next_number.jsonl",
        sha256="ab" * 32,
        size=812,
        examples=15,
        dialect=Dialect.GEMINI,
        characters=301,
    ),
)


ESTIMATE = TuningEstimate(
    tokens=1_000,
    error_percent=30,
    token_method="estimated",
    epochs=3,
    recommended=(2, 4),
    suggested=4,
    base_model="gemini-3.5-flash",
    priced_on=date(2026, 11, 27),
    training_price=Decimal("10.10"),
)


def job(
    key: str,
    name: str = "",
    *,
    team: str = TEAM,
    state: JobState = JobState.RUNNING,
    minutes: int = 0,
    card: str = "",
) -> TuningJob:
    """A job called like its key, unless it is given a name, made some minutes after START."""
    return TuningJob(
        key=key,
        place=Place(team, "C0GENERAL"),
        owner="U0ADA",
        spec=replace(SPEC, name=name or key),
        state=state,
        created_at=START + timedelta(minutes=minutes),
        card=card,
    )


def proposal(proposal_id: str, *, team: str = TEAM, name: str = "next-number") -> Proposal:
    return Proposal(proposal_id, Place(team, "C0GENERAL", "17.5"), "U0ADA", replace(SPEC, name=name), START)

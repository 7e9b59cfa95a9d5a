"""One message or modal of each kind, with words of our own, for Slack to judge before a person sees the first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, ModelAnswer, ModelRef
from bot.domain.datasets import Dataset
from bot.domain.jobs import Hyperparameters, JobState, Snapshot, TuningJob, TuningSpec
from bot.domain.place import Place, Requester
from handlers.blocks.chat.answer import build_answer
from handlers.blocks.help import build_help
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.listing import build_job_list
from handlers.blocks.jobs.notices import build_ended
from handlers.blocks.message import Message
from handlers.blocks.replies import build_reply
from handlers.blocks.start.form import FormState, build_form


def sample_messages(
    profiles: Sequence[BackendProfile], place: Place, person: str, now: datetime
) -> dict[str, Message]:
    """Return one message of each kind, by what people call it. `person` is a user's id."""
    profile = profiles[0]
    running = _job(profile, place, person, now)
    ended = _job(profile, place, person, now, JobState.SUCCEEDED)
    curve = [Snapshot(step, 2.0 / step, 1, now) for step in (1, 2, 3)]
    answered = ModelAnswer(ModelRef(profile.name, "endpoints/1", "sample"), Answer("*Two*, as in `1 + 1`."))
    return {
        "the help": build_help(profiles),
        "a job card": build_card(running, profile, curve, now),
        "the card of a job that ended": build_card(ended, profile, curve, now),
        "the end of a job": build_ended(ended, profile),
        "a list of jobs": build_job_list([running, ended], now),
        "an answer": build_answer(answered)[0],
        "a reply": build_reply("Done."),
    }


def sample_view(profiles: Sequence[BackendProfile], place: Place, person: str) -> dict[str, Any]:
    """Return the form."""
    return build_form(FormState(Requester(person, place), profiles))


def _job(
    profile: BackendProfile, place: Place, person: str, now: datetime, state: JobState = JobState.RUNNING
) -> TuningJob:
    training = Dataset("slack:F1", "sample.jsonl", "ab" * 32, 900, 15, profile.dialect, 80)
    base = profile.base_models[0] if profile.base_models else ""
    return TuningJob(
        key="tb-sample",
        place=place,
        owner=person,
        spec=TuningSpec(profile.name, base, "sample", Hyperparameters(epochs=3), training),
        state=state,
        created_at=now - timedelta(minutes=5),
        started_at=now - timedelta(minutes=4),
        checked_at=now,
        ended_at=now if state.ended else None,
        endpoint="projects/p/locations/us/endpoints/1" if state.ended else "",
    )

"""Says why a job waits in the bot, for which tunings it waits, and how many start before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.backend_profile import BackendProfile
from bot.domain.jobs import TuningJob
from handlers.blocks.formatting import count
from handlers.blocks.jobs.wording import NAME, where
from handlers.blocks.message import escape_line

_NAMED: Final = 3  # how many tunings that run are described, each by a sentence


@dataclass(frozen=True, slots=True)
class RunningTuning:
    """A job that Google runs or that is being sent; `named` says whether each reader may know its name."""

    job: TuningJob
    named: bool


def queue_text(profile: BackendProfile, ahead: int, running: Sequence[RunningTuning]) -> str:
    """Return the sentences on a job that waits while these run, as mrkdwn."""
    most = profile.tunings_at_once
    reason = f"{where(profile)} runs {count(most, 'tuning')} of this project at a time, so it" if most else "It"
    before = (
        f"{count(ahead, 'other tuning')} start{'s' if ahead == 1 else ''} before it" if ahead else "It is next"
    )
    # Those that need a person first: they may keep the place without an end.
    held = sorted(running, key=lambda each: each.job.stuck_at is None)[:_NAMED] if most else ()
    sentences = [
        f"{reason} waits here and starts by itself. {before}.",
        *dict.fromkeys(_running(each) for each in held),
        "Nothing is billed while it waits.",
    ]
    return " ".join(sentences)


def _running(running: RunningTuning) -> str:
    job, named = running.job, running.named
    name = f"*{escape_line(job.name, NAME)}*" if named else "another tuning"
    if job.in_doubt:
        advice = f" Delete {name} if it does not." if named else ""
        return f"Nobody knows whether Google runs {name}.{advice}"
    subject = name if named else "Another tuning"
    if job.stuck_at is not None:
        return f"{subject} runs now and seems stuck." + (f" Cancel {name} if it need not go on." if named else "")
    return f"{subject} runs now."

"""The fault menu: what a reader of the page can do to Google, Slack and the bot's process, one act a button.

The words say what happens on the wire; the page shows what the bot does about it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.sandbox.google import GoogleStandIn, Job
from bot.sandbox.google.character_trainer import CharacterTrainer
from bot.sandbox.google.fault_injection import Fault as GoogleFault
from bot.sandbox.google.fault_injection import FaultKind
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.slack.slack_faults import Fault as SlackFault
from bot.sandbox.stage import Stage

_FEW = 5
_SLOW_SECONDS = 2.0
_PAUSE_SECONDS = 5
_TRAINING_SECONDS = 60.0
_OPEN = ("queued", "pending", "running")
# A code of Slack's that passes: https://docs.slack.dev/reference/methods/chat.postMessage
_PASSING_ERROR = "fatal_error"


@dataclass(frozen=True, slots=True)
class FaultAction:
    """One button: its name, what it does in a sentence, and the act, which may return what came of it."""

    name: str
    about: str
    act: Callable[[], object] | Callable[[], Awaitable[object]]


def google_actions(google: GoogleStandIn) -> list[FaultAction]:
    """Return what can go wrong at Google."""
    faults, answers = google.faults, google.answers

    def newest() -> Job | None:
        return next((job for job in reversed(google.jobs.all) if job.phase in _OPEN), None)

    def lose() -> str:
        if (job := newest()) is None:
            return "No tuning is running."
        faults.lose_operation(job.name)
        faults.fail(404, f"{job.name} is not found.", path=job.name.rsplit("/", 1)[1], times=None)
        return f"Google no longer knows {job.display_name or job.name}."

    def break_job() -> str:
        if (job := newest()) is None:
            return "No tuning is running."
        job.fail()
        return f"{job.display_name or job.name} fails with an internal error."

    def train_slowly() -> str:
        if not isinstance(trainer := google.jobs.trainer, CharacterTrainer):
            return "Nothing is trained here."
        trainer.spread_seconds = _TRAINING_SECONDS
        return f"From now on a training takes {_TRAINING_SECONDS:g} seconds longer: watch the card."

    return [
        FaultAction("Train slowly", f"A training takes {_TRAINING_SECONDS:g} seconds longer: watch the card.",
                    train_slowly),
        FaultAction("Fail", f"The next {_FEW} calls to Google are answered with 503.",
                    lambda: faults.fail(503, "The service is currently unavailable.", times=_FEW)),
        FaultAction("Slow down", f"Google takes {_SLOW_SECONDS:g} seconds longer for every call.",
                    lambda: faults.delay(_SLOW_SECONDS, times=None)),
        FaultAction("Lose the tuning", "The newest running tuning is not found any more.", lose),
        FaultAction("Break the tuning", "The newest running tuning fails.", break_job),
        FaultAction("Block an answer", "The next question is blocked for safety.", answers.block),
        FaultAction("Cut an answer", "The next answer reaches its limit and ends early.",
                    lambda: answers.finish("MAX_TOKENS", "This answer is cut off in the middle of")),
    ]  # fmt: skip


def slack_actions(slack: SlackStandIn) -> list[FaultAction]:
    """Return what can go wrong at Slack."""
    faults = slack.faults
    return [
        FaultAction("Rate-limit", f"The next 3 messages or edits answer 429, Retry-After {_PAUSE_SECONDS}.",
                    lambda: faults.rate_limit("chat.*", retry_after=_PAUSE_SECONDS, times=3)),
        FaultAction("Refuse", f"The next {_FEW} messages or edits are refused with {_PASSING_ERROR}.",
                    lambda: faults.fail("chat.*", error=_PASSING_ERROR, times=_FEW)),
        FaultAction("Drop the socket", "The bot's connection is reset.", faults.drop_sockets),
        FaultAction("Ask to reconnect", "Slack sends its disconnect frame.", faults.ask_to_reconnect),
        FaultAction("Deliver twice", "The next command, click or message reaches the bot twice.",
                    faults.duplicate_deliveries),
        FaultAction("Go away", "Slack answers nothing until you make everything normal again.", faults.outage),
    ]  # fmt: skip


def process_actions(sandbox: Sandbox, stage: Stage) -> list[FaultAction]:
    """Return what can be done to the bot's process."""

    async def restart() -> None:
        await stop()
        await stage.start()
        sandbox.stopped = False

    async def kill() -> None:
        sandbox.stopped = True
        await stage.kill()

    async def stop() -> None:
        sandbox.stopped = True
        await stage.stop()

    return [
        FaultAction("Restart", "SIGTERM, then a new process on the same database.", restart),
        FaultAction("Stop", "SIGTERM; the bot stays down until Restart.", stop),
        FaultAction("Kill -9", "SIGKILL; the bot stays down until Restart.", kill),
    ]


def active(sandbox: Sandbox) -> list[str]:
    """Return the faults that are switched on, as sentences for the strip."""
    found = [f"Slack: {_slack_words(rule)}" for rule in sandbox.slack.faults.rules]
    if sandbox.slack.faults.silent:
        found.append("Slack: silent")
    if sandbox.google is not None:
        waiting = sandbox.google.faults.waiting
        found += [f"Google: {_google_words(fault)}{_times(fault.times)}" for fault in waiting]
        trainer = sandbox.google.jobs.trainer
        if isinstance(trainer, CharacterTrainer) and trainer.spread_seconds:
            found.append("Google: trains slowly")
    return found


def _slack_words(rule: SlackFault) -> str:
    what = f"answers {rule.error or rule.status}" if rule.refuses else str(rule.cut or "is slow")
    return f"{'every call' if rule.method == '*' else rule.method} {what}{_times(rule.times)}"


def _google_words(fault: GoogleFault) -> str:
    match fault.kind:
        case FaultKind.FAIL if fault.error is not None:
            return f"answers {fault.error.code}"
        case FaultKind.DELAY:
            return f"takes {fault.seconds:g} s longer"
    return str(fault.kind)


def _times(times: int | None) -> str:
    return f", {times} more" if times is not None else ""


def trainer_words(google: GoogleStandIn) -> str:
    """Return how the sandbox's trainer describes the newest job; empty before the first."""
    training_run = google.jobs.latest.training_run if google.jobs.all else None
    # Only a trainer that really trains has an account to give.
    return str(getattr(training_run, "account", ""))


def make_normal(sandbox: Sandbox) -> str:
    """End all faults; a bot that was stopped stays stopped."""
    sandbox.slack.faults.clear()
    if sandbox.google is not None:
        sandbox.google.faults.clear()
        sandbox.google.answers.clear()
        if isinstance(trainer := sandbox.google.jobs.trainer, CharacterTrainer):
            trainer.spread_seconds = 0.0
    return "Google and Slack behave again."


def bot_state(sandbox: Sandbox) -> tuple[str, str]:
    """Return the bot's state as a word for the style and as a sentence for people."""
    name = sandbox.slack.app.name
    if sandbox.slack.sockets.connections:
        return "up", f"{name} is connected"
    return ("down", f"{name} is stopped") if sandbox.stopped else ("lost", f"{name} is not connected")

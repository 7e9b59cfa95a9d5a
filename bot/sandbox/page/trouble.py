"""What people who evaluate or develop can do to Google, Slack and the bot, each as one named act.

The words say what happens on the wire; what the bot makes of it is seen in the page.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.sandbox.google import GoogleStandIn, Job
from bot.sandbox.google.faults import Fault as GoogleFault
from bot.sandbox.google.faults import Harm
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.slack import SlackStandIn
from bot.sandbox.slack.faults import Fault as SlackFault
from bot.sandbox.stage import Stage

_FEW = 5
_SLOW_SECONDS = 2.0
_PAUSE_SECONDS = 5
_OPEN = ("queued", "pending", "running")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One button: what it says, what it does in a sentence, and the act, which returns what came of it."""

    name: str
    about: str
    act: Callable[[], str] | Callable[[], Awaitable[str]]


def google_troubles(google: GoogleStandIn) -> list[Trouble]:
    """What can go wrong at Google."""

    def fail() -> str:
        google.faults.fail(503, "The service is currently unavailable.", times=_FEW)
        return f"The next {_FEW} calls to Google are answered with 503."

    def slow() -> str:
        google.faults.delay(_SLOW_SECONDS, times=None)
        return f"Google takes {_SLOW_SECONDS:g} seconds longer for every call."

    def lose() -> str:
        job = _newest(google)
        if job is None:
            return "No tuning is under way."
        google.faults.lose_operation(job.name)
        google.faults.fail(404, f"{job.name} is not found.", path=job.name.rsplit("/", 1)[1], times=None)
        return f"Google no longer knows {job.display_name or job.name}."

    def break_job() -> str:
        job = _newest(google)
        if job is None:
            return "No tuning is under way."
        job.fail()
        return f"{job.display_name or job.name} fails with an internal error."

    def block() -> str:
        google.answers.block()
        return "The next question is blocked for safety."

    def cut() -> str:
        google.answers.finish("MAX_TOKENS", "This answer is cut off in the middle of")
        return "The next answer ends early."

    return [
        Trouble("Fail", f"The next {_FEW} calls answer 503", fail),
        Trouble("Slow down", f"Every call takes {_SLOW_SECONDS:g} s longer", slow),
        Trouble("Lose the tuning", "The newest tuning under way is not found any more", lose),
        Trouble("Break the tuning", "The newest tuning under way fails", break_job),
        Trouble("Block an answer", "The next question is blocked for safety", block),
        Trouble("Cut an answer", "The next answer reaches its limit", cut),
    ]


def _newest(google: GoogleStandIn) -> Job | None:
    return next((job for job in reversed(google.jobs.all) if job.phase in _OPEN), None)


def slack_troubles(slack: SlackStandIn) -> list[Trouble]:
    """What can go wrong at Slack."""

    def limit() -> str:
        slack.faults.rate_limit("chat.*", retry_after=_PAUSE_SECONDS, times=3)
        return f"The next 3 messages or edits are refused for {_PAUSE_SECONDS} seconds each."

    def drop() -> str:
        slack.faults.drop_sockets()
        return "The socket was cut."

    def reconnect() -> str:
        slack.faults.ask_to_reconnect()
        return "Slack asked the bot to connect anew."

    def twice() -> str:
        slack.faults.duplicate_deliveries()
        return "The next command, click or message reaches the bot twice."

    def outage() -> str:
        slack.faults.outage()
        return "Slack is gone until you make everything normal again."

    return [
        Trouble("Rate-limit", f"The next 3 messages or edits answer 429, Retry-After {_PAUSE_SECONDS}", limit),
        Trouble("Drop the socket", "The bot's connection is reset", drop),
        Trouble("Ask to reconnect", "Slack sends its disconnect frame", reconnect),
        Trouble("Deliver twice", "The next payload arrives two times", twice),
        Trouble("Go away", "Nothing answers any more", outage),
    ]


def bot_troubles(sandbox: Sandbox, stage: Stage) -> list[Trouble]:
    """What can be done to the bot's process."""

    async def restart() -> str:
        sandbox.stopped = True
        await stage.stop()
        await stage.start()
        sandbox.stopped = False
        return "The bot was stopped as a container is, and started again."

    async def kill() -> str:
        sandbox.stopped = True
        await stage.kill()
        return "The bot's process was killed. Start it again with Restart."

    async def stop() -> str:
        sandbox.stopped = True
        await stage.stop()
        return "The bot was stopped. Start it again with Restart."

    return [
        Trouble("Restart", "SIGTERM, then a new process on the same database", restart),
        Trouble("Stop", "SIGTERM; it stays down", stop),
        Trouble("Kill -9", "SIGKILL; it stays down", kill),
    ]


def active(sandbox: Sandbox) -> list[str]:
    """What is switched on now, in words."""
    found = [f"Slack: {_slack_words(rule)}" for rule in sandbox.slack.faults.rules]
    if sandbox.slack.faults.silent:
        found.append("Slack: silent")
    if sandbox.google is not None:
        found += [
            f"Google: {_google_words(fault)}{_times(fault.times)}" for fault in sandbox.google.faults.waiting
        ]
    return found


def _slack_words(rule: SlackFault) -> str:
    what = f"answers {rule.error or rule.status}" if rule.refuses else str(rule.cut or "is slow")
    return f"{'every call' if rule.method == '*' else rule.method} {what}{_times(rule.times)}"


def _google_words(fault: GoogleFault) -> str:
    match fault.harm:
        case Harm.FAIL if fault.error is not None:
            return f"answers {fault.error.code}"
        case Harm.DELAY:
            return f"takes {fault.seconds:g} s longer"
    return str(fault.harm)


def _times(times: int | None) -> str:
    return f", {times} more" if times is not None else ""


def toy_words(google: GoogleStandIn) -> str:
    """How the toy took the newest job, in its own words; empty before the first."""
    course = google.jobs.latest.course if google.jobs.all else None
    # Only a trainer that really trains has an account to give.
    return str(getattr(course, "account", ""))


def make_normal(sandbox: Sandbox) -> str:
    """End all of it; a bot that was stopped stays so."""
    sandbox.slack.faults.clear()
    if sandbox.google is not None:
        sandbox.google.faults.clear()
        sandbox.google.answers.clear()
    return "Google and Slack behave again."


def bot_state(sandbox: Sandbox) -> tuple[str, str]:
    """How the bot is, as a word for the style and in words for people."""
    name = sandbox.slack.app.name
    if sandbox.slack.sockets.connections:
        return "up", f"{name} is connected"
    return ("down", f"{name} is stopped") if sandbox.stopped else ("lost", f"{name} is not connected")

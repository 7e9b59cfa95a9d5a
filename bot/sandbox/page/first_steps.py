"""The first steps at the side: what to try in turn, with a mark at each that is done."""

from collections.abc import Callable
from typing import Final

from bot.sandbox.page.markup import Keyed, Redraw, tag
from bot.sandbox.page.reader import Reader
from bot.sandbox.page.sandbox import Sandbox

_ASKED: Final = (":generateContent", ":streamGenerateContent")


def _sample_sent(sandbox: Sandbox) -> bool:
    return bool(sandbox.slack.workspace.files) or _started(sandbox)


def _started(sandbox: Sandbox) -> bool:
    return sandbox.google is not None and bool(sandbox.google.jobs.all)


def _trained(sandbox: Sandbox) -> bool:
    return sandbox.google is not None and any(job.phase == "succeeded" for job in sandbox.google.jobs.all)


def _asked(sandbox: Sandbox) -> bool:
    return sandbox.google is not None and any(
        request.path.endswith(_ASKED) and request.status == 200 for request in sandbox.google.requests
    )


STEPS: Final[tuple[tuple[str, Callable[[Sandbox], bool]], ...]] = (
    ("Send the sample, or type /tune and choose it in the form.", _sample_sent),
    ("Read the report and press Start tuning.", _started),
    ("Watch the card until the tuning is done.", _trained),
    ("Press Use in this channel, then write /ask ninety nine.", _asked),
)


class FirstSteps:
    """The list of steps; each window shows the same marks, since people share the bot and its models."""

    def __init__(self, reader: Reader) -> None:
        self._sandbox = reader.sandbox
        self._done = 0
        with tag("section", classes="steps", aria_label="First steps"):
            tag("h2", "First steps", "sidebar-head")
            self._steps = Keyed[tuple[str, bool]](tag("ol", classes="steps-list"), self._draw, name="li")
            tag("p", "Then see what goes wrong, and how it is told: Sandbox controls, below.", "steps-more")

    def refresh(self) -> None:
        """Mark what is done now; what was done once stays done."""
        while self._done < len(STEPS) and STEPS[self._done][1](self._sandbox):
            self._done += 1
        shown = [(words, index < self._done) for index, (words, _) in enumerate(STEPS)]
        self._steps.show([(words, done, (words, done)) for words, done in shown])

    def _draw(self, step: tuple[str, bool]) -> Redraw[tuple[str, bool]]:
        with tag("span", classes="step") as line:
            mark = tag("span", "", "icon material-icons", aria_hidden="true")
            tag("span", step[0])
            said = tag("span", classes="visually-hidden")

        def show(now: tuple[str, bool]) -> None:
            _, done = now
            mark.text = "check_circle" if done else "radio_button_unchecked"
            said.text = " Done." if done else ""
            line.classes(add="step-done" if done else "", remove="" if done else "step-done")

        show(step)
        return show

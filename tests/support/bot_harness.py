"""The real bot, as a process of its own, between the stand-ins of Slack and Google."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from bot.sandbox.google import GoogleStandIn, Job
from bot.sandbox.google.request_log import Received
from bot.sandbox.slack import Channel, Message, Person, SlackStandIn, View
from bot.sandbox.stage import Stage
from tests.support.waiting import DEADLINE_SECONDS, wait_until

NEXT_NUMBER = b"".join(
    b'{"text_input": "%s", "output": "%s"}\n' % pair
    for pair in [
        (b"1", b"2"),
        (b"3", b"4"),
        (b"ninety nine", b"one hundred"),
        (b"seven", b"eight"),
        (b"-98", b"-97"),
    ]
    * 4
)


@dataclass
class BotHarness:
    """One workspace with the bot in a channel where Ada works, and Google behind it."""

    slack: SlackStandIn
    google: GoogleStandIn
    stage: Stage
    ada: Person
    channel: Channel

    async def message(self, *words: str, within: float = DEADLINE_SECONDS, thread: str | None = None) -> Message:
        """The newest message of the bot before Ada's eyes that shows all these words."""
        try:
            return await self.slack.workspace.wait_for(
                lambda: next(iter(self.messages(*words, thread=thread)[::-1]), None), within
            )
        except TimeoutError:
            said = "\n".join(f"- {message.text}" for message in self.messages())
            raise AssertionError(f"nobody said {words}; this was said:\n{said}\n{self.stage.log_end()}") from None

    def messages(self, *words: str, thread: str | None = None) -> list[Message]:
        """All messages of the bot before Ada's eyes that show all these words now."""
        return [
            message
            for message in self.slack.workspace.messages()
            if message.bot_id is not None
            and self.ada.id in self.slack.workspace.channels[message.channel].members
            and message.visible_to in (None, self.ada.id)
            and (thread is None or message.thread_ts == thread)
            and all(word in message.text or word in str(message.blocks) for word in words)
        ]

    async def view(self, *titles: str, within: float = DEADLINE_SECONDS) -> View:
        """The modal that Ada sees, once it has one of these titles."""
        try:
            return await self.slack.workspace.wait_for_view(self.ada.id, lambda view: view.title in titles, within)
        except TimeoutError:
            seen = self.ada.modal
            shown = "no modal" if seen is None else f"“{seen.title}”: {shown_in(seen)}"
            said = "\n".join(f"- {message.text}" for message in self.messages())
            raise AssertionError(f"no modal {titles}, but {shown}\n{said}\n{self.stage.log_end()}") from None

    async def all_fields(self) -> View:
        """The form of `/tune` that Ada sees, with all its fields."""
        form = await self.view("Tune a model")
        await self.ada.click(form, "form_advanced")
        shown = self.slack.workspace.wait_for_view(
            self.ada.id, lambda view: any(each["block_id"] == "base_model" for each in view.blocks)
        )
        return await shown

    async def report(self, *titles: str) -> View:
        """The modal once the check is done."""
        return await self.view(*(titles or ("Ready to start", "Not ready to start", "That did not work")))

    def share(self, content: bytes = NEXT_NUMBER, name: str = "numbers.jsonl") -> str:
        """Share a file in the channel; its permalink, as a person copies it."""
        return self.ada.permalink(self.ada.upload(self.channel, name, content))

    async def type(self, text: str = "") -> None:
        """Type `/tune ...` in the channel."""
        await self.ada.slash_command(self.channel, "/tune", text)

    async def start(self, name: str, words: str = "", content: bytes = NEXT_NUMBER, *, file: str = "") -> Message:
        """Start a tuning in one line and press “Start tuning”; returns its card."""
        await self.type(f'start name="{name}" {words} file={file or self.share(content)}')
        report = await self.report()
        assert report.title == "Ready to start", shown_in(report)
        submission = await self.ada.submit_view(report)
        assert submission.action == "clear", submission
        return await self.card(name)

    async def card(self, name: str) -> Message:
        """The job card of this name, once it is posted."""
        return await self.message(f"Tuning {name} (")

    async def started(self, name: str, words: str = "", content: bytes = NEXT_NUMBER) -> tuple[Message, Job]:
        """A started tuning: its card and Google's own job."""
        card = await self.start(name, words, content)
        return card, await self.job(name)

    async def job(self, name: str) -> Job:
        """Google's own job of this name, once it is there."""

        def find() -> Job | None:
            return next((job for job in self.google.jobs.all if job.display_name == name), None)

        return await wait_until(find, f"a job {name} at Google")

    async def tuned(self, name: str, words: str = "", content: bytes = NEXT_NUMBER) -> Message:
        """A tuning that succeeded; returns its card."""
        card, job = await self.started(name, words, content)
        job.finish()
        # The reply under it follows a second later, since the bot posts once a second in a channel.
        await self.shows(card, "done, ", "Ask it")
        return card

    async def answering(self, name: str, words: str = "", content: bytes = NEXT_NUMBER) -> Message:
        """A tuning that succeeded, and whose model Ada chose for the channel; returns its card."""
        card = await self.tuned(name, words, content)
        await self.type(f'use "{name}"')
        await self.message(f"{name}* answers in this channel now")
        return card

    async def type_and_confirm(self, text: str) -> None:
        """Type `/tune cancel ...` or `/tune delete ...`, and say yes to the question."""
        asked = {message.ts for message in self.messages("confirm_deed")}
        await self.type(text)
        question = await self.slack.workspace.wait_for(
            lambda: next((one for one in self.messages("confirm_deed") if one.ts not in asked), None),
            DEADLINE_SECONDS,
            what="the question",
        )
        await self.ada.click(question, "job_cancel" if text.startswith("cancel") else "job_delete")

    async def shows(self, message: Message, *words: str, within: float = DEADLINE_SECONDS) -> None:
        """Wait until the message was edited to show all these words."""
        try:
            await self.slack.workspace.wait_for(
                lambda: all(word in message.text or word in str(message.blocks) for word in words) or None, within
            )
        except TimeoutError:
            raise AssertionError(f"{words} are not in: {message.text}\n{self.stage.log_end()}") from None

    def asked(self) -> list[Received]:
        """The questions that reached a model at Google, oldest first, once their words were read."""
        sent = self.google.requests.matching(r":(streamG|g)enerate(Content|Text)$")
        return [request for request in sent if request.body is not None]


def shown_in(surface: View | Message) -> str:
    """All words on a modal or in a message's blocks."""

    def texts(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for key, each in value.items():
                if key == "text" and isinstance(each, str):
                    yield each
                elif key != "value":
                    yield from texts(each)
        elif isinstance(value, list):
            for each in value:
                yield from texts(each)

    return "\n".join(texts(surface.blocks))


def buttons(surface: View | Message) -> dict[str, str]:
    """The words on each button, by action id."""
    return {
        element["action_id"]: element["text"]["text"]
        for block in surface.blocks
        for element in [*block.get("elements", []), block.get("accessory", {})]
        if element.get("type") == "button"
    }


OpenBot = Callable[..., AbstractAsyncContextManager[BotHarness]]

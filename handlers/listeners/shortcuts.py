"""The message shortcut: tune on a file that somebody shared."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.domain.place import Place
from bot.domain.requests import StartRequest
from bot.runtime.background_tasks import BackgroundTasks
from handlers.errors import guarded
from handlers.start_flow.check_modal import CheckModal
from handlers.transport.slack_files import SCHEME


class Shortcuts:
    """Each method is one callback id of `register`."""

    def __init__(self, forms: CheckModal, tasks: BackgroundTasks) -> None:
        self._forms = forms
        self._tasks = tasks

    async def tune_file(self, ack: AsyncAck, shortcut: dict[str, Any]) -> None:
        await ack()
        place = Place(
            str(shortcut["team"]["id"]),
            str(shortcut["channel"]["id"]),
            str(shortcut["message"].get("thread_ts") or ""),
        )
        files: list[dict[str, Any]] = shortcut["message"].get("files") or []
        request = StartRequest(file=SCHEME + str(files[0]["id"]) if files else "")
        tell = self._forms.tell_by_trigger(shortcut["trigger_id"])
        self._tasks.spawn(guarded(self._forms.open(shortcut["trigger_id"], place, request), tell), "shortcut")

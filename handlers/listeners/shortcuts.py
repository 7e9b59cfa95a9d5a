"""The message shortcut: tune a model on a file that somebody shared."""

from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.domain.place import Requester
from bot.domain.requests import StartRequest
from bot.runtime.background_tasks import BackgroundTasks
from handlers.errors import report_errors
from handlers.start_flow.check_modal import CheckModal
from handlers.transport.attachments import read_attachments


class Shortcuts:
    """Each method handles one callback id of `register`."""

    def __init__(self, check_modal: CheckModal, tasks: BackgroundTasks) -> None:
        self._check_modal = check_modal
        self._tasks = tasks

    async def tune_file(self, ack: AsyncAck, requester: Requester, shortcut: dict[str, Any]) -> None:
        await ack()
        attached = read_attachments(shortcut["message"].get("files") or [])
        trigger_id = str(shortcut["trigger_id"])
        opening = self._check_modal.open(trigger_id, requester, attached.fill(StartRequest()), attached.others)
        self._tasks.spawn(report_errors(opening, self._check_modal.respond_by_trigger(trigger_id)), "shortcut")

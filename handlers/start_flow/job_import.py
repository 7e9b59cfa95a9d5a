"""Opens the form with the files and the settings of a fine-tuning job at OpenAI.

The files are not copied: the check and the start read them at OpenAI, by their ids.
"""

from typing import Final

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.fine_tuning_job import FineTuningJob
from bot.domain.jobs import Hyperparameters
from bot.domain.names import written_name
from bot.domain.place import Requester
from bot.domain.requests import StartRequest
from bot.errors import BadArgument, BotError, Forbidden
from bot.ports.files import FineTuningJobs
from bot.tuning.proposals import Proposals
from handlers.blocks.datasets.check_views import build_error_view
from handlers.blocks.message import Message
from handlers.blocks.start.import_jobs import (
    build_import_list,
    build_import_offer,
    build_importing_view,
    build_no_key,
)
from handlers.start_flow.check_modal import CheckModal

SHOWN_JOBS: Final = 20
_LONGEST_NAME: Final = 40


class JobImport:
    """Lists and opens the jobs; `source` is None where the operator set no key."""

    def __init__(
        self,
        client: AsyncWebClient,
        source: FineTuningJobs | None,
        proposals: Proposals,
        check_modal: CheckModal,
    ) -> None:
        self._client = client
        self._source = source
        self._proposals = proposals
        self._check_modal = check_modal

    async def answer(self, requester: Requester, job_id: str) -> Message:
        """Return the list of jobs, or one job with its button. Raises BotError.

        The jobs are those of the whole account, which nobody has shared with a channel.
        """
        await self._proposals.check_person(requester)
        if requester.overheard:
            raise Forbidden(
                "All people of this channel would read here what was tuned at OpenAI.",
                "Type /tune import instead.",
            )
        if self._source is None:
            return build_no_key()
        if job_id:
            return build_import_offer(await self._source.job(job_id))
        return build_import_list(await self._source.jobs(SHOWN_JOBS))

    async def open(self, trigger_id: str, requester: Requester, job_id: str) -> None:
        """Open the form, filled in with the job. Raises Forbidden for a person who may not tune here.

        A trigger lasts three seconds and OpenAI may take longer, so a view that waits is opened first.
        """
        await self._proposals.check_person(requester)
        opened = await self._client.views_open(trigger_id=trigger_id, view=build_importing_view(requester))
        view = opened["view"]
        try:
            if self._source is None:
                raise BadArgument("I have no key for OpenAI any more.", "Attach the file with /tune instead.")
            request = request_of(await self._source.job(job_id))
        except BotError as error:
            await self._client.views_update(view_id=view["id"], view=build_error_view(error, requester))
            return
        await self._check_modal.show_again(requester, view, request)


def request_of(job: FineTuningJob) -> StartRequest:
    """Return the job as a request: its files, its name and its passes.

    A batch size and a multiplier of the learning rate mean something else at Google, so they are left out.
    Raises BadArgument for a job without a training file.
    """
    if not job.training_file:
        raise BadArgument(f"{job.id} names no training file.", "Choose another job.")
    return StartRequest(
        name=written_name(job.suffix[:_LONGEST_NAME]),
        hyperparameters=Hyperparameters(epochs=job.epochs),
        file=job.training_file,
        validation=job.validation_file,
    )

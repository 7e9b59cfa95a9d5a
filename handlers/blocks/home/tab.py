"""Builds the Home tab: a person's tunings, the models that they may ask, and what answers where.

Slack shows it to one person alone: docs.slack.dev/surfaces/app-home.
"""

from datetime import datetime
from typing import Any

from bot.chat.home_page import HomePage
from bot.domain.chat import ChannelModel
from bot.domain.jobs import TuningJob
from bot.domain.place import Requester
from handlers.blocks.elements import actions, button, context, header, modal, section
from handlers.blocks.formatting import moment
from handlers.blocks.jobs.wording import NAME, base_model_text, progress_text, state_text, time_text
from handlers.blocks.message import Block, Message, escape_line, mention, shorten
from handlers.blocks.private_metadata import pack_requester

TUNE_ACTION = "home_tune"
ASK_ACTION = "home_ask"
HELP_ACTION = "home_help"
HELP_ID = "help"
_SETTINGS = (
    "*Settings*\n`/tune settings` in a channel shows how models answer there, `/tune use NAME` chooses which one "
    "does, `/tune roles` shows who may do what, `/tune feedback` whether votes on answers are stored."
)


def build_home(requester: Requester, page: HomePage, now: datetime) -> dict[str, Any]:
    """Build the view for views.publish; its private metadata holds whose it is."""
    blocks: list[Block] = [
        header("Tune a model on your file, and ask it", "home_title"),
        actions(
            [button("Tune a model", TUNE_ACTION, "tune", style="primary"), button("Help", HELP_ACTION, "help")],
            "home_actions",
        ),
        section("*My tunings*", "home_own"),
        *(_own(job, now, index) for index, job in enumerate(page.own)),
    ]
    if not page.own:
        blocks.append(context("None yet. Press “Tune a model”, or type `/tune` in a channel.", "home_own_none"))
    blocks.append(section("*Models that you may ask*", "home_models"))
    blocks += [_model(job, index) for index, job in enumerate(page.asked)]
    if not page.asked:
        blocks.append(context("None yet. A model is listed here when its tuning is done.", "home_models_none"))
    answering = [_answering(channel, chosen) for channel, chosen in page.answering]
    where = "\n".join(answering) or "No model was chosen for a channel that you can read."
    blocks += [section("*What answers where*", "home_where"), context(where, "home_channels")]
    blocks.append(context(_SETTINGS, "home_settings"))
    return {"type": "home", "blocks": blocks, "private_metadata": pack_requester(requester)}


def build_help_view(help_message: Message) -> dict[str, Any]:
    """Build the modal that shows the help."""
    return modal(HELP_ID, "Help", list(help_message.blocks))


def _own(job: TuningJob, now: datetime, index: int) -> Block:
    parts = [f"*{escape_line(job.name, NAME)}*", state_text(job)]
    parts += [] if job.state.ended else [progress_text(job)]
    parts += [base_model_text(job.spec.base_model), time_text(job, now)]
    return section(" · ".join(filter(None, parts)), f"home_own_{index}")


def _model(job: TuningJob, index: int) -> Block:
    name = f"*{escape_line(job.name, NAME)}* · tuned {moment(job.created_at)}"
    ask = button("Ask it", ASK_ACTION, job.key, label=f"Ask it: {shorten(job.name, 60)}")
    return section(name, f"home_model_{index}", accessory=ask)


def _answering(channel: str, chosen: ChannelModel) -> str:
    where = "directly here" if channel.startswith("D") else f"in <#{channel}>"
    by = f", chosen by {mention(chosen.user)} {moment(chosen.at)}"
    return f"*{escape_line(chosen.model.name, NAME)}* {where}{by}"

"""The Home tab is one that Slack takes, whatever people call their models."""

import json
from collections.abc import Sequence
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat.home_page import HomePage
from bot.domain.chat import ChannelModel, ModelRef
from bot.domain.jobs import TuningJob
from bot.sandbox.slack.references import live_in_message
from bot.sandbox.slack.rules.surfaces import view_definition
from handlers.blocks.home.tab import build_home
from tests.support import block_samples as samples
from tests.support.block_samples import ADA, NOW, done, words


@given(st.lists(samples.jobs, max_size=8), st.lists(words, max_size=10), samples.times)
@settings(max_examples=20)
def test_slack_takes_every_home_tab(jobs: Sequence[TuningJob], names: Sequence[str], now: datetime) -> None:
    chosen = [("C1", ChannelModel(ModelRef("vertex", "e", name), "U1", NOW)) for name in names]
    view = json.loads(json.dumps(build_home(ADA, HomePage(jobs, jobs, chosen), now)))
    view_definition(view, kind="home")
    live = live_in_message("", view["blocks"])
    assert {each.target for each in live if each.kind in ("everyone", "user", "usergroup")} <= {"U1"}


def test_home_says_what_there_is_and_what_there_is_not() -> None:
    empty = json.dumps(build_home(ADA, HomePage([], [], []), NOW), ensure_ascii=False)
    assert "None yet. Press “Tune a model”" in empty
    assert "No model was chosen for a channel that you can read." in empty
    job = done()
    here = ChannelModel(ModelRef("vertex", "e", job.name), "U1", NOW)
    full = json.dumps(build_home(ADA, HomePage([job], [job], [("D1", here), ("C1", here)]), NOW))
    assert f"*{job.name}* directly here, chosen by <@U1>" in full
    assert f"*{job.name}* in <#C1>" in full
    assert '"home_ask"' in full

"""The questions before a typed command cancels or deletes something."""

from dataclasses import replace

from handlers.blocks.jobs.confirmations import build_cancel_question, build_delete_question
from tests.support.block_samples import a_job


def test_each_question_says_whose_tuning_it_is_since_two_may_have_one_name() -> None:
    mine, other = a_job(owner="U1"), replace(a_job(), key="tb-other", owner="U2")
    for build in (build_cancel_question, build_delete_question):
        first, second = build(mine), build(other)
        assert "Started by <@U1>." in first.text
        assert "Started by <@U2>." in second.text
        assert "tb-other" in str(second.blocks)

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.roles import EVERYONE
from bot.errors import Forbidden, Outdated
from handlers.blocks.jobs.notices import build_shared
from handlers.blocks.jobs.share_form import (
    build_share_form,
    build_shared_news,
    build_shared_reply,
    read_share_form,
)
from tests.support.block_checks import check_message, check_view
from tests.support.block_samples import ADA, done

SHARED = replace(done(), shared_with=("C0LAB", "U0BOB", EVERYONE), shared_by="U0BOB")


def submitted(channels: Any = None, people: Any = None, everyone: Any = None) -> dict[str, Any]:
    view = build_share_form(ADA, done())
    view["state"] = {
        "values": {
            "channels": {"channels": {"selected_conversations": channels}},
            "people": {"people": {"selected_users": people}},
            "everyone": {"everyone": {"selected_options": everyone}},
        }
    }
    return view


def test_the_form_shows_with_whom_the_job_is_shared() -> None:
    check_view(build_share_form(ADA, done()))
    view = build_share_form(ADA, SHARED)
    check_view(view)
    elements = {block["block_id"]: block["element"] for block in view["blocks"] if "element" in block}
    assert elements["channels"]["initial_conversations"] == ["C0LAB"]
    assert elements["people"]["initial_users"] == ["U0BOB"]
    assert elements["everyone"]["initial_options"][0]["value"] == EVERYONE


def test_the_submitted_form_is_read_for_the_person_whose_it_is() -> None:
    form = read_share_form(submitted(["C0LAB"], ["U0BOB"], [{"value": EVERYONE}]), ADA)
    assert (form.requester, form.key, form.targets) == (
        replace(ADA, present=False),
        done().key,
        ("C0LAB", "U0BOB", EVERYONE),
    )
    assert read_share_form(submitted(), ADA).targets == ()
    assert read_share_form(submitted(), ADA).shown == ()
    before = submitted() | {"blocks": build_share_form(ADA, SHARED)["blocks"]}
    assert read_share_form(before, ADA).shown == SHARED.shared_with
    with pytest.raises(Forbidden):
        read_share_form(submitted(), replace(ADA, user="U0EVE"))
    with pytest.raises(Outdated):
        read_share_form(submitted() | {"state": {}}, ADA)
    with pytest.raises(Outdated):
        read_share_form(submitted(channels="C0LAB"), ADA)


def test_what_is_said_of_it_notifies_only_who_is_meant() -> None:
    reply = build_shared_reply(SHARED)
    check_message(reply)
    assert reply.text == f"*{SHARED.name}* is shared with everyone, <#C0LAB>, one person."
    check_message(build_shared_news(SHARED, "U0BOB"), mentions={"U0BOB"})
    told = build_shared(SHARED)
    check_message(told, mentions={"U0BOB", SHARED.owner})
    assert "Undo it with the button Share" in told.text

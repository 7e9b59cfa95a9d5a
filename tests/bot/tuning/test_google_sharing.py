"""Opening a model to a Google account: who may, for which accounts, and what Google then holds."""

import pytest
from google.ai import generativelanguage_v1beta
from google.protobuf import json_format

from bot.domain.place import Requester
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.errors import BadArgument, Forbidden, NoSuchJob
from bot.people.job_access import JobAccess
from bot.people.roles import Roles
from bot.tuning.google_sharing import GoogleSharing
from tests.support.harness import ASKED_BY_ADA, PLACE, TEAM, Harness
from tests.support.workspace_people import FullMembers

APPROVER = Requester("U0APPROVER", PLACE)
ACCOUNT = "bob@example.com"


def sharing(harness: Harness, *domains: str) -> GoogleSharing:
    members = FullMembers()
    roles = Roles(members, harness.stores.roles, [RoleGrant(Role.APPROVER, APPROVER.user)])
    access = JobAccess(harness.jobs, members, roles)
    return GoogleSharing(harness.backends, access, harness.stores.audit_log, domains)


@pytest.mark.parametrize("backend", ["gemini", "palm"])
async def test_the_owner_opens_a_model_to_an_account_and_closes_it_again(harness: Harness, backend: str) -> None:
    job = await harness.tuned("capitals", backend)
    opened = sharing(harness, "example.com")
    for _ in range(2):
        await opened.add(ASKED_BY_ADA, job, ACCOUNT)
    (held,) = harness.google.permissions.held(job.tuned_model)
    assert (held["granteeType"], held["emailAddress"], held["role"]) == ("USER", ACCOUNT, "READER")
    json_format.ParseDict(held, generativelanguage_v1beta.Permission.pb(generativelanguage_v1beta.Permission()))
    await opened.remove(APPROVER, job, ACCOUNT)
    assert harness.google.permissions.held(job.tuned_model) == []
    with pytest.raises(BadArgument, match="no right to “capitals”"):
        await opened.remove(ASKED_BY_ADA, job, ACCOUNT)
    acts = [line.act.action for line in await harness.stores.audit_log.lines(TEAM, 4)]
    assert acts.count("share at Google") == 2


async def test_nobody_opens_a_model_where_nobody_opened_the_domain_or_the_system_has_no_such_right(
    harness: Harness,
) -> None:
    job, other = await harness.tuned("capitals", "gemini"), await harness.tuned("numbers", "vertex")
    for domains in ((), ("example.org",), ("le.com",)):
        with pytest.raises(BadArgument, match="of that domain"):
            await sharing(harness, *domains).add(ASKED_BY_ADA, job, ACCOUNT)
    opened = sharing(harness, "example.com")
    with pytest.raises(BadArgument, match="no rights for one model"):
        await opened.add(ASKED_BY_ADA, other, ACCOUNT)
    with pytest.raises(Forbidden, match="Only the person who started “capitals”"):
        await opened.add(APPROVER, job, ACCOUNT)
    with pytest.raises(NoSuchJob):
        await opened.add(Requester("U0EVE", PLACE.__class__("T2", "C1")), job, ACCOUNT)
    assert harness.google.requests.matching("/permissions", "POST") == []
    assert EVERYONE not in job.shared_with

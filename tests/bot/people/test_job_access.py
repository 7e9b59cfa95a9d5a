"""Who sees a job and what each person may do to it: every kind of person in every place, in one table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from bot.domain.chat import ModelRef, Question
from bot.domain.jobs import JobState, TuningJob
from bot.domain.operations import Origin, TunedModel
from bot.domain.place import Place, Requester
from bot.domain.requests import StartRequest
from bot.domain.roles import EVERYONE, Role, RoleGrant
from bot.errors import BadArgument, Forbidden, NoSuchJob, Outdated
from bot.people.job_access import JobAccess, known_in
from bot.people.roles import OWN_JOB, Deed, Roles
from handlers.assembly import UseCases
from storage.job_rows import job_row
from tests.support.builders import TEAM as STORED_TEAM
from tests.support.builders import job
from tests.support.harness import ADA, FILE, PLACE, TEAM, Harness
from tests.support.workspace_people import EVERYONE_TUNES, FullMembers

BOB = "U2"
OTHER_CHANNEL = "C0OTHER"
CONNECT = "C0CONNECT"
PUBLIC, PRIVATE, DIRECT, ELSEWHERE, WITH_BOT = "C0GENERAL", "C0BOARD", "D0ADA", "C0ELSEWHERE", "D0BOT"


@dataclass(frozen=True)
class Members:
    """A workspace with a public channel, a private one with Bob in it, and a direct message of Ada's."""

    admins: frozenset[str] = frozenset({"U0ADMIN"})
    guests: frozenset[str] = frozenset({"U0GUEST"})
    full: frozenset[str] = frozenset({"U0ADA", "U0BOB", "U0EVE", "U0ADMIN", "U0APPROVER"})

    async def can_read(self, user: str, channel: str) -> bool:
        inside = {PRIVATE: {"U0ADA", "U0BOB"}, DIRECT: {"U0ADA"}}.get(channel, set())
        return user in inside or (await self.is_public(channel) and user in self.full)

    async def is_public(self, channel: str) -> bool:
        return channel in (PUBLIC, ELSEWHERE, CONNECT)

    async def is_full_member(self, user: str) -> bool:
        return user in self.full

    async def is_external(self, channel: str) -> bool:
        return channel == CONNECT

    async def is_member(self, user: str) -> bool:
        return user in self.full | self.guests | {"U0INVITED"}

    async def group_members(self, group: str) -> frozenset[str]:
        return frozenset()

    async def is_admin(self, user: str) -> bool:
        return user in self.admins

    async def answers(self, user: str, places: Iterable[str]) -> bool:
        return True


@dataclass
class Readers(FullMembers):
    """Full members, and who of them reads which channel."""

    of: dict[str, set[str]] = field(default_factory=dict)

    async def can_read(self, user: str, channel: str) -> bool:
        return user in self.of.get(channel, set())


def in_workspace(harness: Harness, readers: Readers, roles: Sequence[RoleGrant] = EVERYONE_TUNES) -> UseCases:
    """The use cases of a workspace with these readers and roles."""
    return harness.process(members=readers, named_roles=roles)


def access_of(harness: Harness) -> JobAccess:
    """Who may do what in this workspace, where a guest is a tuner and somebody an approver."""
    named = (RoleGrant(Role.TUNER, "U0INVITED"), RoleGrant(Role.APPROVER, "U0APPROVER"))
    members = Members()
    return JobAccess(harness.jobs, members, Roles(members, harness.stores.roles, named))


# Where the job was made, who comes, where from; then what the person sees, may ask, may use there, may cancel.
NOTHING = ""
TABLE = [
    (PUBLIC, "U0ADA", PUBLIC, "see ask use decide"),
    (PUBLIC, "U0ADA", ELSEWHERE, "see ask use decide"),
    (PUBLIC, "U0BOB", PUBLIC, "see ask use"),
    (PUBLIC, "U0BOB", ELSEWHERE, "see ask"),
    (PUBLIC, "U0BOB", WITH_BOT, "see ask"),
    (PUBLIC, "U0BOB", CONNECT, "see"),
    (PUBLIC, "U0ADA", CONNECT, "see ask use decide"),
    (CONNECT, "U0BOB", CONNECT, "see ask use"),
    (CONNECT, "U0BOB", ELSEWHERE, "see ask"),
    (CONNECT, "U0STRANGER", CONNECT, NOTHING),
    (PUBLIC, "U0ADMIN", ELSEWHERE, "see ask use decide"),
    (PUBLIC, "U0GUEST", ELSEWHERE, NOTHING),
    (PUBLIC, "U0GUEST", PUBLIC, NOTHING),
    (PRIVATE, "U0ADA", PRIVATE, "see ask use decide"),
    (PRIVATE, "U0ADA", ELSEWHERE, "see ask use decide"),
    (PRIVATE, "U0BOB", PRIVATE, "see ask use"),
    (PRIVATE, "U0BOB", ELSEWHERE, "see"),
    (PRIVATE, "U0BOB", WITH_BOT, "see ask"),
    (PRIVATE, "U0BOB", "", "see"),
    (PRIVATE, "U0EVE", ELSEWHERE, NOTHING),
    (PRIVATE, "U0EVE", WITH_BOT, NOTHING),
    (PRIVATE, "U0EVE", "", NOTHING),
    (PRIVATE, "U0ADMIN", ELSEWHERE, NOTHING),
    (PRIVATE, "U0ADMIN", PRIVATE, "see ask use decide"),
    (PRIVATE, "U0GUEST", PUBLIC, NOTHING),
    (PRIVATE, "U0GUEST", PRIVATE, NOTHING),
    (PRIVATE, "U0INVITED", PUBLIC, NOTHING),
    (PRIVATE, "U0INVITED", PRIVATE, "see ask use"),
    (PUBLIC, "U0APPROVER", ELSEWHERE, "see ask use decide"),
    (PRIVATE, "U0APPROVER", PUBLIC, NOTHING),
    (DIRECT, "U0ADA", PUBLIC, "see ask use decide"),
    (DIRECT, "U0BOB", PUBLIC, NOTHING),
    (DIRECT, "U0ADMIN", PUBLIC, NOTHING),
]


@pytest.mark.parametrize(("made", "user", "channel", "expected"), TABLE)
async def test_each_person_sees_and_does_what_the_table_says(
    harness: Harness, made: str, user: str, channel: str, expected: str
) -> None:
    access = access_of(harness)
    one = replace(job("tb-1", state=JobState.SUCCEEDED), place=Place(STORED_TEAM, made))
    assert await harness.jobs.submit(one, [])
    who = Requester(user, Place(STORED_TEAM, channel))
    may = {
        "see": await access.may_see(who, one),
        "ask": await access.may_ask(who, one),
        "use": await access.may_use(who, one),
        "decide": await access.may_decide(who, one, Deed.DELETE),
    }
    assert " ".join(name for name, yes in may.items() if yes) == expected

    sees = [each.key for each in await access.listed(who, 10)]
    assert sees == (["tb-1"] if may["see"] else [])
    assert await access.count(who) == len(sees)
    assert bool(await access.find(who, "tb-1")) is may["see"]
    assert bool(await access.started(who, one.created_at, one.created_at.replace(year=2030))) is may["see"]
    for deed in (Deed.CANCEL, Deed.DELETE):
        if not may["see"]:
            with pytest.raises(NoSuchJob):
                await access.check_deed(who, one, deed)
        elif not may["decide"]:
            with pytest.raises(Forbidden, match="Only the person who started"):
                await access.check_deed(who, one, deed)
        else:
            await access.check_deed(who, one, deed)
    stranger = Requester(user, Place("T0OTHER", channel))
    assert not await access.may_see(stranger, one)


async def test_a_hidden_job_is_answered_like_an_unknown_name(harness: Harness) -> None:
    access = access_of(harness)
    hidden = replace(job("tb-1", "salaries", state=JobState.SUCCEEDED), place=Place(STORED_TEAM, PRIVATE))
    await harness.jobs.submit(hidden, [])
    eve = Requester("U0EVE", Place(STORED_TEAM, PUBLIC))
    said = []
    for name in ("salaries", "salarie"):
        with pytest.raises(NoSuchJob) as refused:
            await access.named(eve, name)
        said.append(str(refused.value).replace(repr(name), "NAME"))
    assert said[0] == said[1]
    assert "Nothing was tuned here yet" in said[0]
    with pytest.raises(NoSuchJob, match="no longer exists"):
        await access.get(eve, "tb-1")


async def test_an_older_job_that_one_sees_is_found_behind_a_hidden_one_of_its_name(harness: Harness) -> None:
    access = access_of(harness)
    await harness.jobs.submit(job("tb-1", "twice", state=JobState.FAILED), [])
    hidden = replace(job("tb-2", "twice", state=JobState.FAILED, minutes=1), place=Place(STORED_TEAM, PRIVATE))
    await harness.jobs.submit(hidden, [])
    found = await access.named(Requester("U0EVE", Place(STORED_TEAM, PUBLIC)), "twice")
    assert found.key == "tb-1"


async def proposed(harness: Harness) -> str:
    """The id of a report that Ada asked for."""
    checked = await harness.proposals.check(PLACE, ADA, StartRequest("vertex", name="hers", file=FILE))
    assert checked.proposal is not None
    return checked.proposal.id


async def test_the_person_who_presses_start_is_the_one_who_started_it(harness: Harness) -> None:
    started = await harness.tuning.accept(TEAM, await proposed(harness), BOB, PLACE.channel)
    assert started is not None
    stored = await harness.newest(started)
    assert (stored.owner, stored.prepared_by, stored.file_reader) == (BOB, ADA, ADA)
    rows = await harness.database.run(lambda db: list(db.query("SELECT user, action, subject FROM audit")))
    assert rows == [{"user": BOB, "action": "start", "subject": started.key}]


async def test_ones_own_report_was_prepared_by_nobody_else(harness: Harness) -> None:
    started = await harness.tuning.accept(TEAM, await proposed(harness), ADA)
    assert started is not None
    assert (started.owner, started.prepared_by, started.file_reader) == (ADA, "", ADA)


@pytest.mark.parametrize("channel", [OTHER_CHANNEL, ""])
async def test_a_report_of_another_channel_is_started_by_its_owner_alone(harness: Harness, channel: str) -> None:
    report = await proposed(harness)
    with pytest.raises(Forbidden, match="Nothing was started"):
        await harness.tuning.accept(TEAM, report, BOB, channel)
    with pytest.raises(Outdated):
        await harness.tuning.accept("T0OTHER", report, ADA, channel)
    assert await harness.tuning.accept(TEAM, report, ADA, channel) is not None


@pytest.mark.parametrize("moves", [False, True], ids=["tuned again", "moved"])
async def test_the_base_of_a_report_is_checked_again_for_the_person_who_presses_start(
    harness: Harness, moves: bool
) -> None:
    readers = Readers()
    use = in_workspace(harness, readers)
    base = await harness.tuned("first")
    elsewhere = Place(TEAM, OTHER_CHANNEL)
    if moves:
        with pytest.raises(NoSuchJob):
            await use.proposals.check(elsewhere, BOB, replace(use.proposals.moved(base), name="stolen"))

    async def report(place: Place, owner: str, name: str) -> str:
        request = StartRequest("vertex", base_model=base.tuned_model, name=name, file=FILE)
        if moves:
            request = replace(use.proposals.moved(base), name=name)
        checked = await use.proposals.check(place, owner, request)
        assert checked.proposal is not None
        return checked.proposal.id

    adas = await report(elsewhere, ADA, "second")
    with pytest.raises(NoSuchJob, match="Nothing was started"):
        await use.jobs.accept(TEAM, adas, BOB, OTHER_CHANNEL)
    readers.of[PLACE.channel] = {BOB}
    bobs = await report(PLACE, BOB, "third")
    readers.of.clear()
    with pytest.raises(NoSuchJob, match="Nothing was started"):
        await use.jobs.accept(TEAM, bobs, BOB)  # In a view, after he left the channel of the model.
    assert await use.jobs.accept(TEAM, bobs, BOB, PLACE.channel) is not None
    assert await use.jobs.accept(TEAM, adas, ADA) is not None

    late = await report(PLACE, ADA, "fourth")
    await use.jobs.delete(TEAM, base.key, ADA)
    with pytest.raises(NoSuchJob, match="no longer exists"):
        await use.jobs.accept(TEAM, late, ADA, PLACE.channel)


async def test_a_person_tunes_by_a_role_of_a_channel_only_while_they_are_in_it(harness: Harness) -> None:
    """Between the form and the report, between the report and Start, and at a second yes, which a view gives."""
    readers = Readers({PLACE.channel: {BOB}})
    use = in_workspace(harness, readers, [RoleGrant(Role.TUNER, PLACE.channel)])
    checked = await use.proposals.check(PLACE, BOB, StartRequest("vertex", file=FILE))
    assert checked.proposal is not None
    readers.of.clear()
    with pytest.raises(Forbidden, match="may tune a model"):
        await use.proposals.check(PLACE, BOB, StartRequest("vertex", file=FILE))
    for channel, confirmed in (("", False), (PLACE.channel, True)):
        with pytest.raises(Forbidden, match="may tune a model"):
            await use.jobs.accept(TEAM, checked.proposal.id, BOB, channel, confirmed=confirmed)
    assert await use.jobs.accept(TEAM, checked.proposal.id, BOB, PLACE.channel) is not None


async def test_a_second_yes_under_anothers_report_counts_only_from_who_still_reads_its_channel(
    harness: Harness,
) -> None:
    readers = Readers()
    use = in_workspace(harness, readers)
    report = await proposed(harness)
    with pytest.raises(Forbidden, match="a channel that you cannot read"):
        await use.jobs.accept(TEAM, report, BOB, PLACE.channel, confirmed=True)
    readers.of[PLACE.channel] = {BOB}
    assert await use.jobs.accept(TEAM, report, BOB, PLACE.channel, confirmed=True) is not None


async def test_a_name_may_be_posted_only_where_each_reader_may_know_it() -> None:
    """Also not where another company has come in since it was shared."""
    members = Members()
    tuned = replace(job("j1"), shared_with=(OTHER_CHANNEL, CONNECT, BOB))
    made = tuned.place
    assert await known_in(made, tuned, members)
    assert await known_in(replace(made, channel=OTHER_CHANNEL), tuned, members)
    for channel in (ELSEWHERE, CONNECT, BOB):
        assert not await known_in(replace(made, channel=channel), tuned, members)
    assert not await known_in(replace(made, team="T0OTHER"), tuned, members)
    tuned_there = replace(tuned, place=replace(made, channel=CONNECT))
    assert await known_in(tuned_there.place, tuned_there, members)


async def test_an_owner_who_became_a_guest_or_left_the_company_only_stops_what_costs(harness: Harness) -> None:
    """The tuning stays theirs to see and to cancel; they neither delete nor share it, nor use it elsewhere."""
    access = access_of(harness)
    for user, present in (("U0GUEST", True), ("U0GONE", False)):
        mine = replace(job(f"tb-{user}", state=JobState.RUNNING), owner=user, place=Place(STORED_TEAM, PRIVATE))
        who = Requester(user, Place(STORED_TEAM, ELSEWHERE), present)
        may = {deed for deed in OWN_JOB if await access.may_decide(who, mine, deed)}
        assert may == {Deed.CANCEL}


MADE = "projects/1/locations/us-central1/models/7@1"
STRANGE = TunedModel("vertex", MADE, "projects/1/locations/us/endpoints/7", "salaries")


@pytest.mark.parametrize(
    ("team", "channel", "user", "here", "seen"),
    [
        (TEAM, PRIVATE, "U0ADA", PRIVATE, True),
        (TEAM, PRIVATE, "U0BOB", PRIVATE, True),
        (TEAM, PRIVATE, "U0GUEST", PRIVATE, False),
        (TEAM, PRIVATE, "U0ADA", ELSEWHERE, False),  # Its answers would leave the channel.
        (TEAM, PRIVATE, "U0ADA", WITH_BOT, True),
        (TEAM, PRIVATE, "U0BOB", WITH_BOT, True),
        (TEAM, PRIVATE, "U0EVE", WITH_BOT, False),
        (TEAM, PRIVATE, "U0ADMIN", ELSEWHERE, False),
        ("T0OTHER", PRIVATE, "U0ADA", PRIVATE, False),
    ],
)
async def test_a_model_of_which_the_database_knows_no_job_belongs_to_the_channel_of_its_labels(
    harness: Harness, team: str, channel: str, user: str, here: str, seen: bool
) -> None:
    """Another Tunebot made it on the same project, or this one before its database was lost."""
    access = access_of(harness)
    model = replace(STRANGE, origin=Origin("0123456789abcdef", team, channel, "U0ADA"))
    who = Requester(user, Place(TEAM, here))
    assert list(await access.visible_models(who, [model, STRANGE])) == ([model] if seen else []) + [STRANGE]


@pytest.mark.parametrize(("user", "seen"), [("U0ADA", True), ("U0BOB", True), ("U0EVE", False)])
async def test_a_form_opened_in_a_channel_shows_its_unknown_models_only_to_who_still_reads_it(
    harness: Harness, user: str, seen: bool
) -> None:
    model = replace(STRANGE, origin=Origin("0123456789abcdef", TEAM, PRIVATE, "U0ADA"))
    who = Requester(user, Place(TEAM, PRIVATE), present=False)
    assert await access_of(harness).may_see_unknown(who, model) is seen


async def test_a_private_model_of_another_tunebot_is_neither_asked_nor_tuned_again_by_its_name(
    harness: Harness,
) -> None:
    made = await harness.tuned("salaries")
    await harness.forget_jobs()
    elsewhere = Requester(BOB, Place(TEAM, OTHER_CHANNEL))
    for name in ("salaries", made.tuned_model, made.endpoint):
        with pytest.raises(NoSuchJob, match="I know no model named"):
            await harness.chat.named.find(elsewhere, name)
        with pytest.raises(NoSuchJob):
            await harness.chat.use(elsewhere, name)
    request = StartRequest("vertex", base_model=made.tuned_model, name="stolen", file=FILE)
    with pytest.raises(BadArgument, match="has no tuned model"):
        await harness.proposals.check(elsewhere.place, BOB, request)
    assert (await harness.chat.named.find(Requester(ADA, PLACE), "salaries")).endpoint == made.endpoint
    assert (await harness.proposals.check(PLACE, ADA, request)).proposal is not None


@pytest.mark.parametrize(
    ("made", "shared", "here", "seen"),
    [
        (PRIVATE, (), PRIVATE, True),
        (PRIVATE, (), PUBLIC, False),
        (PUBLIC, (), ELSEWHERE, False),
        (PRIVATE, (ELSEWHERE,), ELSEWHERE, True),
        (PRIVATE, (EVERYONE, "U0ADA"), ELSEWHERE, False),  # A guest may read there, too.
        (PRIVATE, (CONNECT,), CONNECT, False),
        (CONNECT, (), CONNECT, True),
    ],
)
async def test_what_others_overhear_is_of_their_own_channel_also_for_the_owner(
    harness: Harness, made: str, shared: tuple[str, ...], here: str, seen: bool
) -> None:
    access = access_of(harness)
    tuning = await harness.tuned("salaries")
    where = replace(tuning.place, channel=made)
    await harness.database.write(
        lambda db: db.table("jobs").update(
            tuning.key, job_row(replace(tuning, place=where, owner="U0ADA", shared_with=shared))
        )
    )
    job = await harness.newest(tuning)
    alone = Requester("U0ADA", Place(TEAM, here))
    assert await access.may_see(alone, job)
    who = replace(alone, overheard=True)
    assert await access.may_see(who, job) is seen
    assert [each.key for each in await access.listed(who, 10)] == ([job.key] if seen else [])
    assert await access.count(who) == int(seen)
    if seen:
        assert (await access.named(who, "salaries")).key == job.key
    else:
        with pytest.raises(NoSuchJob, match="in this channel") as caught:
            await access.named(who, "salarie")
        assert "salaries" not in str(caught.value)


async def test_a_name_that_only_a_hidden_job_has_is_like_a_free_one(harness: Harness) -> None:
    """If it were refused, anybody could find out which names there are."""
    eve, board = ADA, "C0BOARD"
    bot = in_workspace(harness, Readers(of={board: {BOB}, PLACE.channel: {eve, BOB}}))

    async def start(channel: str, user: str, name: str) -> TuningJob:
        request = StartRequest("vertex", name=name, file=FILE)
        checked = await bot.proposals.check(Place(TEAM, channel), user, request)
        assert checked.proposal is not None
        started = await bot.jobs.accept(TEAM, checked.proposal.id, user)
        assert started is not None
        return started

    async def meant(user: str, channel: str) -> str:
        return (await bot.access.named(Requester(user, Place(TEAM, channel)), "layoffs")).key

    theirs = await start(board, BOB, "layoffs")
    assert (await start(board, BOB, "")).name == (await start(PLACE.channel, eve, "")).name
    ours = await start(PLACE.channel, eve, "Layoffs")
    assert await meant(eve, PLACE.channel) == ours.key
    # Bob sees both: in a channel he means the one of the channel, elsewhere his own.
    assert await meant(BOB, PLACE.channel) == ours.key
    assert await meant(BOB, board) == await meant(BOB, "D0BOB") == theirs.key
    for user, channel in ((BOB, board), (BOB, PLACE.channel), (eve, PLACE.channel)):
        with pytest.raises(BadArgument, match="already a model named"):
            await start(channel, user, "layoffs")


async def test_a_job_that_still_holds_its_name_comes_before_a_failed_one_of_the_channel(harness: Harness) -> None:
    access = access_of(harness)
    shared = replace(job("tb-1", "support", state=JobState.SUCCEEDED), shared_with=(EVERYONE,), owner=BOB)
    await harness.jobs.submit(replace(shared, place=Place(STORED_TEAM, PRIVATE)), [])
    failed = replace(job("tb-2", "support", state=JobState.FAILED, minutes=1), place=Place(STORED_TEAM, PUBLIC))
    await harness.jobs.submit(failed, [], hidden={"tb-1"})
    found = await access.named(Requester("U0EVE", Place(STORED_TEAM, PUBLIC)), "support")
    assert found.key == "tb-1"


async def test_where_a_model_may_not_answer_nobody_is_told_how_far_its_tuning_is(harness: Harness) -> None:
    """The refusal of a question is read by the whole channel, and may say no more than the person typed."""
    use = in_workspace(harness, Readers({"C0BOARD": {ADA, BOB}, PLACE.channel: {ADA, BOB}}))
    for key, state in (("tb-1", JobState.RUNNING), ("tb-2", JobState.FAILED)):
        made = replace(job(key, key, state=state), place=Place(TEAM, "C0BOARD"), owner=ADA)
        await harness.jobs.submit(made, [])
        for act in (use.chat.named.find, use.chat.use):
            with pytest.raises(Forbidden, match=r"in a private place|use it in another channel"):
                await act(Requester(BOB, PLACE), key)
            with pytest.raises(NoSuchJob, match=f"{key}.*tuning|tuning .*{key}"):
                await act(Requester(BOB, Place(TEAM, "C0BOARD")), key)


async def test_a_question_of_a_form_is_asked_only_for_who_still_reads_its_channel(harness: Harness) -> None:
    """Also of the model that was chosen for the channel, which everybody there may ask."""
    readers = Readers({PLACE.channel: {ADA, BOB}})
    use = in_workspace(harness, readers)
    tuned = await harness.answering("salaries")
    model = ModelRef(tuned.backend, tuned.endpoint, tuned.name)
    typed, of_form = (Question(f"{key}:1", PLACE, BOB, "how much?", model=model) for key in ("message", "view"))
    await use.chat.check_ask(of_form.asker, model)
    readers.of.clear()
    with pytest.raises(Forbidden, match="a channel that you cannot read any more"):
        await use.chat.check_ask(of_form.asker, model)
    # Slack delivers a message only from a person who is in the channel.
    await use.chat.check_ask(typed.asker, model)

"""Whatever people, models and Google write: Slack takes the picture, and nobody is pinged by it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.datasets import DatasetReport, Finding, Severity
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import Answer, Finish, ModelAnswer, ModelRef
from bot.domain.datasets import Dialect, FieldMapping
from bot.domain.jobs import DataStats, Failure, Hyperparameters, Snapshot, TuningJob, TuningSpec
from bot.domain.operations import TunedModel
from bot.domain.requests import Proposal, StartRequest
from bot.errors import BadArgument, BotError
from bot.ports.files import FileInfo
from handlers.blocks.chat.answer import build_answer, build_asked_answer
from handlers.blocks.chat.ask_form import build_ask_form
from handlers.blocks.datasets.check_views import build_checking_view, build_error_view
from handlers.blocks.datasets.finding_list import build_details_view
from handlers.blocks.datasets.report import build_report_message, build_report_view
from handlers.blocks.help import build_help
from handlers.blocks.jobs.card import build_card
from handlers.blocks.jobs.listing import build_job_list, build_model_list
from handlers.blocks.jobs.notices import build_ended
from handlers.blocks.replies import build_error, build_reply, build_unexpected_error
from handlers.blocks.start.form import FormState, build_form
from handlers.blocks.start.prompt import build_prompt
from handlers.transport.attachments import Attachments
from tests.support import block_samples as samples
from tests.support.block_checks import check_message, check_view
from tests.support.block_samples import ADA, PLACE, long_words, words

OURS = {"U1"}


@given(samples.jobs, samples.profiles, samples.snapshots, samples.times, st.booleans())
def test_slack_takes_every_card(
    job: TuningJob, profile: BackendProfile, snapshots: Sequence[Snapshot], now: datetime, native: bool
) -> None:
    check_message(build_card(job, profile, snapshots, now, native_chart=native), mentions=OURS)


@given(samples.jobs.filter(lambda job: job.state.ended), samples.profiles)
def test_slack_takes_every_reply_at_the_end(job: TuningJob, profile: BackendProfile) -> None:
    check_message(build_ended(job, profile), mentions=OURS)


@given(samples.requests, st.lists(st.builds(FileInfo, words, words, samples.counts), max_size=8), st.booleans())
def test_slack_takes_every_start_form(request_: StartRequest, recent: list[FileInfo], validation: bool) -> None:
    check_view(build_form(FormState(ADA, [samples.VERTEX, samples.GEMINI], request_, recent, (), validation)))


@given(st.lists(samples.models, max_size=8))
def test_slack_takes_a_form_with_any_tuned_models(tuned: list[TunedModel]) -> None:
    check_view(build_form(FormState(ADA, [samples.VERTEX], tuned=tuned)))


@given(
    samples.reports,
    samples.profiles,
    st.none() | samples.proposals,
    st.none() | samples.reports,
    st.none() | samples.requests,
)
@settings(max_examples=30)
def test_slack_takes_every_report(
    report: DatasetReport,
    profile: BackendProfile,
    proposal: Proposal | None,
    validation: DatasetReport | None,
    request_: StartRequest | None,
) -> None:
    check_view(build_report_view(report, profile, ADA, proposal, validation=validation, request=request_))
    check_view(build_details_view([report] if validation is None else [report, validation]))
    check_message(build_report_message(report, profile, proposal, validation=validation))


@given(long_words, long_words, st.none() | samples.requests)
def test_slack_takes_every_error(message: str, hint: str, request_: StartRequest | None) -> None:
    check_message(build_error(BotError(message, hint)))
    check_view(build_error_view(BotError(message, hint), ADA, request_))
    check_view(build_checking_view(message))
    check_message(build_unexpected_error("abc123"))


@given(st.lists(samples.jobs, max_size=4).map(lambda few: few * 10), samples.times)
@settings(max_examples=30)
def test_slack_takes_every_list_of_jobs(jobs: list[TuningJob], now: datetime) -> None:
    check_message(build_job_list(jobs, now))


@given(
    st.lists(samples.models, max_size=4).map(lambda few: few * 10),
    st.lists(samples.jobs, max_size=2),
    st.lists(words, max_size=8),
)
@settings(max_examples=30)
def test_slack_takes_every_list_of_models(
    models: list[TunedModel], jobs: list[TuningJob], problems: list[str]
) -> None:
    check_message(build_model_list(models, jobs, problems))


answers = st.builds(
    Answer,
    long_words | st.text(max_size=200).map(lambda text: text * 200),
    st.sampled_from(Finish),
    words,
)


@given(words, long_words, answers, st.booleans(), st.booleans())
def test_slack_takes_every_answer(name: str, question: str, answer: Answer, dropped: bool, cut: bool) -> None:
    answered = ModelAnswer(ModelRef("vertex", "endpoints/1", name), answer, dropped, cut)
    for message in build_asked_answer("U1", question, answered):
        check_message(message, mentions=OURS)
    for message in build_answer(answered):
        check_message(message)


@given(words, words, words)
def test_slack_takes_every_question_form(backend: str, endpoint: str, name: str) -> None:
    try:
        view = build_ask_form(ADA, ModelRef(backend, endpoint, name))
    except BadArgument:
        assert len(endpoint) + len(backend) + len(name) > 2_000
        return
    check_view(view)


@given(samples.requests, words)
def test_slack_takes_every_prompt_or_it_is_refused_in_words(request_: StartRequest, file_name: str) -> None:
    with suppress(BadArgument):
        check_message(build_prompt(request_, Attachments("slack:F1", file_name)))


@given(st.lists(samples.profiles, max_size=4))
def test_slack_takes_every_help(profiles: list[BackendProfile]) -> None:
    check_message(build_help(profiles))


def test_the_longest_lists_fit() -> None:
    long = "&" * 500
    model = TunedModel(long, long, long, long, long, long, samples.NOW)
    check_message(build_model_list([model] * 40, [], [long] * 9))
    job = samples.a_job(google_state=long, total_steps=10**12, completed_steps=10**11, epoch=10**6)
    job = replace(job, spec=replace(job.spec, name=long, base_model=long))
    check_message(build_job_list([job] * 40, samples.NOW))
    assert len(build_job_list([job] * 40, samples.NOW).blocks) == 16


def test_the_longest_report_fits() -> None:
    long = "<" * 500
    finding = Finding(Severity.ERROR, long, long, long, 10**9, (10**9,) * 5, long, long)
    report = DatasetReport(long, 1, long, 10**9, 10**8, keys=(long,) * 20, findings=(finding,) * 40, tokens=10**12)
    spec = TuningSpec("vertex", long, long, Hyperparameters(), samples.TRAINING)
    proposal = Proposal("tb-p", PLACE, "U1", spec, samples.NOW)
    for dialect in (None, Dialect.MAPPED):
        each = replace(report, dialect=dialect, guessed_mapping=FieldMapping(long, long))
        check_message(build_report_message(each, samples.GEMINI, proposal, validation=each))
        check_view(build_report_view(each, samples.GEMINI, ADA, proposal, validation=each))


def test_the_longest_card_fits() -> None:
    long = ">" * 900
    job = samples.done(
        samples.GEMINI,
        google_state=long,
        problem=long,
        failure=Failure(3, long, long),
        data_stats=DataStats(10**9, 10**9, 10**9, 10**9, 10**9, (long,) * 9),
    )
    data = replace(samples.TRAINING, name=long)
    job = replace(job, spec=TuningSpec("gemini", long, long, Hyperparameters(1, 2, 3.0, 4.0, 5), data, data))
    curve = [Snapshot(10**15 + step, 1e308 * (-1) ** step, 0, None, -1e308) for step in range(300)]
    for native in (True, False):
        check_message(build_card(job, samples.GEMINI, curve, samples.NOW, native_chart=native), mentions=OURS)
    check_message(build_ended(job, samples.GEMINI), mentions=OURS)


@given(words)
def test_slack_takes_whatever_is_said(text: str) -> None:
    check_message(build_reply(text or "Done.", by="U1"), mentions=OURS)

"""Builds the answer to `/tune spend`: a month's sums, by person and base model, and the months before it."""

from collections.abc import Sequence
from datetime import date

from bot.domain.spending import about_text, sum_of
from bot.spending.month_report import MonthReport, Total
from handlers.blocks.elements import context, section
from handlers.blocks.formatting import count
from handlers.blocks.jobs.wording import base_model_text
from handlers.blocks.message import Block, Message, compose, mention

_SHOWN = 15
_CERTAINTY = (
    "Sums of tunings by the month of their start, in UTC. Where Google has said how many tokens it trained on, "
    "they count; else the estimate does. Prices are those of the table at each start; Google's bill may differ. "
    "A question costs what its tokens cost by the table when it was answered."
)


def build_spend(report: MonthReport, *, with_people: bool = True) -> Message:
    """Build the message; `with_people` mentions people, so it is for a message that only one person sees."""
    title = f"*{_month(report.month)}*: {_total(report.total)}"
    parts = [section(title, "spend_total")]
    texts = [title]
    for text, block_id in ((_compared(report.total), "spend_compared"), (_questions(report), "spend_questions")):
        if text:
            parts.append(section(text, block_id))
            texts.append(text)
    people = [(mention(user), total) for user, total in report.by_person.items()] if with_people else []
    groups = (
        ("By person", "spend_people", people),
        (
            "By base model",
            "spend_models",
            [(base_model_text(name), each) for name, each in report.by_model.items()],
        ),
        ("Months before", "spend_months", [(_month(month), total) for month, total in report.earlier.items()]),
    )
    for label, block_id, lines in groups:
        if lines:
            text = _list(label, lines)
            parts.append(section(text, block_id))
            texts.append(text)
    blocks: list[Block] = [*parts, context(_CERTAINTY, "spend_certainty")]
    return compose("\n".join([*texts, _CERTAINTY]), blocks)


def _compared(total: Total) -> str:
    """Return how the estimates compare with what Google counted; empty before Google counted anything."""
    if not total.counted or not total.expected:
        return ""
    expected, counted = about_text(total.expected), about_text(total.counted)
    return f"Where Google has counted the tokens: {expected} was estimated, {counted} it became."


def _questions(report: MonthReport) -> str:
    """Return what the questions of the month cost; empty where there were none."""
    number = sum(each.questions for each in report.questions)
    if not number:
        return ""
    unknown = sum(each.unknown for each in report.questions)
    sent = sum(each.input_tokens for each in report.questions)
    written = sum(each.output_tokens for each in report.questions)
    cost = about_text(sum_of(*(each.usd for each in report.questions)))
    counted = f"{cost} for {count(number - unknown, 'question')}" if number > unknown else ""
    rest = f"{count(unknown, 'question')} of unknown price not counted" if unknown else ""
    tokens = f"{count(sent, 'token')} sent and {written:,} written"
    return f"*Questions*: {'; '.join(filter(None, [counted, rest]))} ({tokens})."


def _list(label: str, lines: Sequence[tuple[str, Total]]) -> str:
    shown = [f"• {name}: {_total(total)}" for name, total in lines[:_SHOWN]]
    more = [f"And {len(lines) - _SHOWN:,} more."] if len(lines) > _SHOWN else []
    return "\n".join([f"*{label}*", *shown, *more])


def _total(total: Total) -> str:
    if not total.tunings:
        return "no tunings."
    text = f"{about_text(total.amount)} for {count(total.tunings, 'tuning')}"
    details = []
    if total.estimated:
        details.append(f"{about_text(total.estimated)} of it only estimated")
    if total.unknown:
        details.append(f"{count(total.unknown, 'tuning')} of unknown cost not counted")
    return f"{text} ({'; '.join(details)})." if details else f"{text}."


def _month(month: date) -> str:
    return f"{month:%B %Y}"

"""Renders an estimate as plain sentences and a small table, the same on the command line and in Slack.

No sentence calls a price certain: each says “about”, and the last one says how old the prices are.
"""

from datetime import date
from decimal import Decimal
from typing import Final

from bot.domain.spending import TuningEstimate, about_text, exact_text, usd_text
from bot.spending.estimates import is_dearer

# Google's own choice for 166 rows, as its users reported in 2026.
_SEEN_CHOICE: Final = "it has chosen 40 for a file of 166 rows"
_SHOWN_PASSES: Final = (1, 2, 3, 4, 6, 10)


def day_text(day: date) -> str:
    """`27 November 2026`."""
    return f"{day.day} {day:%B %Y}"


def cost_sentence(estimate: TuningEstimate) -> str:
    """Return what the start may cost, in one sentence."""
    cost, highest = estimate.cost(estimate.passes), estimate.highest_cost(estimate.passes)
    passes = _passes(estimate.passes)
    if cost is None or highest is None:
        what = f"the training price of {estimate.base_model}" if estimate.base_model else "its training price"
        tokens = f"About {estimate.tokens * estimate.passes:,} training tokens for {passes}"
        return f"{tokens}; I do not know {what}, so I cannot say what that costs."
    chosen = "" if estimate.epochs else " if Google chooses as recommended"
    most = "" if usd_text(highest) == usd_text(cost) else f", perhaps up to {usd_text(highest)}"
    return f"Training may cost {about_text(cost)} for {passes}{chosen}{most}."


def token_sentence(estimate: TuningEstimate) -> str:
    """Return how many tokens one pass has and how certain that is."""
    return (
        f"About {estimate.tokens:,} tokens in one pass over the rows that are trained on, "
        f"give or take {estimate.error_percent}%, which is a guess ({estimate.token_method})."
    )


def passes_sentence(estimate: TuningEstimate) -> str:
    """Return which passes are recommended, and who chooses them."""
    fewest, most = estimate.recommended
    task = f" for {estimate.task}" if estimate.task else ""
    begin = f"for this many rows begin with {estimate.suggested}"
    advice = f"Recommended{task}: {fewest} to {most} passes (epochs); {begin}."
    if estimate.epochs is None:
        return f"{advice} You set no epochs, so Google chooses the number of passes: {_SEEN_CHOICE}."
    return advice


def asking_sentence(estimate: TuningEstimate) -> str:
    """Return what questions to the tuned model will cost."""
    times = estimate.serving_multiplier
    if times is None:
        return "I do not know what questions to the tuned model cost."
    if times == 1:
        text = "Questions to the tuned model cost about as much as questions to its base model"
    else:
        text = f"Questions to the tuned model cost about {exact_text(times)} times as much as to its base model"
    asked, answered = estimate.base_input_price, estimate.base_output_price
    if asked is None or answered is None:
        return f"{text}, whose price I do not know."
    prices = f"{_million(asked * times)} of questions and {_million(answered * times)} of answers"
    return f"{text}: about {prices}."


def dearer_sentence(read: TuningEstimate, today: TuningEstimate) -> str:
    """Return what became dearer since a person read the one estimate; empty if nothing did."""
    found = []
    if is_dearer(read.training_price, today.training_price):
        found.append(cost_sentence(today))
    asking = ((each.base_input_price, each.base_output_price, each.serving_multiplier) for each in (read, today))
    before, now = ([_times(asked, times), _times(answered, times)] for asked, answered, times in asking)
    if any(map(is_dearer, before, now)):
        found.append(asking_sentence(today))
    if not found:
        return ""
    return " ".join(["The table of prices has changed since you read them.", *found])


def _times(price: Decimal | None, times: Decimal | None) -> Decimal | None:
    return None if price is None or times is None else price * times


def moved_sentence(base_model: str) -> str:
    """Return what is known of a start that moves a tuned model to this base model."""
    return (
        f"Google is asked to move a tuned model to {base_model} by its own method, rebaseTunedModel, with this "
        "file. Google does not say what that costs, nor from which base models it is possible: the price is that "
        "of training on the same file. The old model stays as it is."
    )


def certainty_sentence(estimate: TuningEstimate) -> str:
    """Return how old the prices are."""
    return f"These are estimates by a table of {day_text(estimate.priced_on)}; Google's price may differ."


def retirement_sentence(estimate: TuningEstimate) -> str:
    """Return until when the tuned model will answer; empty if no date is known."""
    if estimate.retires is None:
        return ""
    later = " or later" if estimate.retires_or_later else ""
    base = estimate.base_model.removeprefix("models/")
    return f"Google retires {base} on {day_text(estimate.retires)}{later}; the tuned model answers until then."


def passes_table(estimate: TuningEstimate) -> str:
    """Return what each number of passes would cost, a line each, in columns of a fixed-width font."""
    numbers = sorted({*_SHOWN_PASSES, estimate.suggested, *([estimate.epochs] if estimate.epochs else [])})
    rows = [("passes", "tokens", "about", "")]
    for passes in numbers:
        cost = estimate.cost(passes)
        marks = [
            *(["recommended"] if passes == estimate.suggested else []),
            *(["your choice"] if passes == estimate.epochs else []),
        ]
        price = "unknown" if cost is None else usd_text(cost).replace("less than ", "<")
        rows.append((f"{passes:,}", f"{estimate.tokens * passes:,}", price, ", ".join(marks)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ("  ".join([*map(str.rjust, row[:3], widths), row[3]]).rstrip() for row in rows)
    return "\n".join(lines)


def estimate_text(estimate: TuningEstimate, confirmation: str = "") -> str:
    """Return the whole estimate for the command line; `confirmation` is why a start needs a second yes."""
    lines = [
        cost_sentence(estimate),
        token_sentence(estimate),
        passes_sentence(estimate),
        *("  " + line for line in passes_table(estimate).splitlines()),
        asking_sentence(estimate),
        *filter(None, [retirement_sentence(estimate)]),
        certainty_sentence(estimate),
    ]
    if confirmation:
        lines.append(f"Tunebot asks for a second yes before it starts this. {confirmation}")
    return "\n".join(lines)


def _passes(number: int) -> str:
    return "1 pass" if number == 1 else f"{number:,} passes"


def _million(amount: Decimal) -> str:
    return f"{usd_text(amount)} for a million tokens"

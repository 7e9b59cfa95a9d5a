"""Estimates what a tuning costs before it starts, and decides which starts need a second, explicit yes.

The number of tokens comes from the check of the file, the prices from a dated table. Nothing here is certain, and
nothing here asks Google.
"""

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Final

from bot.datasets import DatasetReport
from bot.datasets.findings.task_kinds import RECOMMENDED, Recommendation
from bot.domain.approval import ApprovalRules
from bot.domain.backend_profile import BackendProfile
from bot.domain.spending import ConfirmationRules, TuningEstimate, about_text, usd_text
from bot.spending.price_table import PriceTable

# Google's table has one range for every task, so it also counts where the task is not known.
_ANY_TASK: Final = Recommendation(500)
_MANY_ROWS: Final = 10  # times as many rows as Google recommends


def estimate(
    report: DatasetReport,
    trained_examples: int,
    epochs: int | None,
    profile: BackendProfile,
    priced_model: str,
    prices: PriceTable,
) -> TuningEstimate:
    """Return the estimate for a file of which `trained_examples` rows are trained on.

    Where neither the person nor the backend sets the epochs, Google chooses. `priced_model` is the base model
    whose price counts, empty if it is not known.
    """
    row = prices.row(priced_model)
    recommendation = recommendation_for(report)
    return TuningEstimate(
        tokens=-(-report.tokens * trained_examples // report.examples) if report.examples else 0,
        error_percent=report.token_error,
        token_method=report.token_method,
        epochs=epochs or profile.default_epochs or None,
        recommended=recommendation.epochs,
        suggested=suggested_epochs(trained_examples, recommendation),
        base_model=priced_model,
        priced_on=prices.as_of,
        training_price=row.training,
        serving_multiplier=row.serving_multiplier,
        base_input_price=row.input,
        base_output_price=row.output,
        task=report.task.value if report.task else "",
        retires=row.retires,
        retires_or_later=row.or_later,
    )


def repriced(known: TuningEstimate, prices: PriceTable) -> TuningEstimate:
    """Return the same estimate by today's table; unchanged where its base model is not known."""
    if not known.base_model:
        return known
    row = prices.row(known.base_model)
    return replace(
        known,
        priced_on=prices.as_of,
        training_price=row.training,
        serving_multiplier=row.serving_multiplier,
        base_input_price=row.input,
        base_output_price=row.output,
        retires=row.retires,
        retires_or_later=row.or_later,
    )


def prices_of(known: TuningEstimate) -> str:
    """Return the prices of an estimate as a text that a view can carry, for `priced_as`."""
    return "/".join("?" if price is None else str(price) for price in _prices(known))


def priced_as(known: TuningEstimate, prices: str) -> TuningEstimate:
    """Return the estimate with the prices of `prices_of`; unchanged for a text that holds none."""
    try:
        read = [None if price == "?" else Decimal(price) for price in prices.split("/")]
        training, times, asked, answered = read
    except (InvalidOperation, ValueError):
        return known
    return replace(
        known,
        training_price=training,
        serving_multiplier=times,
        base_input_price=asked,
        base_output_price=answered,
    )


def _prices(known: TuningEstimate) -> tuple[Decimal | None, ...]:
    return known.training_price, known.serving_multiplier, known.base_input_price, known.base_output_price


def is_dearer(read: Decimal | None, today: Decimal | None) -> bool:
    """Return whether a price that somebody read has risen or is not known any more."""
    return read is not None and (today is None or today > read)


def suggested_epochs(examples: int, recommendation: Recommendation) -> int:
    """Return the passes to begin with, inside the recommended range.

    Few rows give few steps in each pass, so they get the most passes, and very many rows the fewest.
    """
    fewest, most = recommendation.epochs
    if examples < recommendation.examples:
        return most
    return fewest if examples >= _MANY_ROWS * recommendation.examples else (fewest + most) // 2


def reason_to_confirm(known: TuningEstimate | None, chosen_epochs: int | None, rules: ConfirmationRules) -> str:
    """Return why a start needs a second yes, as plain sentences that name the amount; empty if it needs none.

    `known` is None for a start that was checked before there were estimates.
    """
    most = known.recommended[1] if known else _ANY_TASK.epochs[1]
    epochs = known.epochs if known else chosen_epochs
    reasons = []
    if epochs is not None and epochs > rules.epoch_factor * most:
        reasons.append(
            f"{epochs:,} passes over the file are more than {rules.epoch_factor} times the recommended {most}."
        )
    cost = known.cost(known.passes) if known else None
    highest = known.highest_cost(known.passes) if known else None
    if cost is not None and highest is not None and highest > rules.usd:
        amounts = f"{about_text(cost)}, and up to {usd_text(highest)}"
        reasons.append(f"It may cost {amounts}: that is over {usd_text(rules.usd)}.")
    elif reasons and cost is not None:
        reasons.append(f"It may cost {about_text(cost)}.")
    elif reasons:
        reasons.append("Its price is unknown.")
    return " ".join(reasons)


def reason_to_approve(known: TuningEstimate | None, rules: ApprovalRules, *, alone: bool) -> str:
    """Return why a start needs an approval, as plain sentences; empty if it needs none.

    `alone` says that the person may start without one. A price that is not known is not below any limit.
    """
    reasons = [] if alone else ["The person who asks may not start a tuning alone."]
    if rules.usd is not None:
        cost = known.cost(known.passes) if known else None
        highest = known.highest_cost(known.passes) if known else None
        if cost is None or highest is None:
            reasons.append(f"Its price is unknown, and starts over {usd_text(rules.usd)} need an approval.")
        elif highest > rules.usd:
            most = "" if usd_text(highest) == usd_text(cost) else f", and up to {usd_text(highest)}"
            reasons.append(f"It may cost {about_text(cost)}{most}: that is over {usd_text(rules.usd)}.")
    return " ".join(reasons)


def recommendation_for(report: DatasetReport) -> Recommendation:
    """Return what is recommended for the task of a file, or for any task where it is not clear."""
    return RECOMMENDED[report.task] if report.task else _ANY_TASK

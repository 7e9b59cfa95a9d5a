"""What a tuning costs: exact amounts in US dollars, and the estimate that was shown before the start.

Amounts are `Decimal`, and exact: only the texts that show them to people round them.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact
from typing import Final

MILLION_EXPONENT: Final = 6
# Traps `Inexact`, so that an amount that does not fit raises instead of being rounded.
_EXACT: Final = Context(prec=200, traps=[Inexact])
_CENT: Final = Decimal("0.01")
_LARGE: Final = Context(prec=200, rounding=ROUND_HALF_UP)


def cost_of(tokens: int, usd_per_million: Decimal) -> Decimal:
    """Return the exact price of so many tokens, in US dollars."""
    return _EXACT.scaleb(_EXACT.multiply(Decimal(tokens), usd_per_million), -MILLION_EXPONENT)


def sum_of(*amounts: Decimal) -> Decimal:
    """Return the exact sum."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def rounded(amount: Decimal) -> Decimal:
    """Return the amount in whole cents; half a cent is rounded away from zero."""
    return amount.quantize(_CENT, context=_LARGE)


def usd_text(amount: Decimal) -> str:
    """Return `$1,234.50`; `less than $0.01` for an amount that is not zero and that cents cannot show."""
    if 0 < amount < _CENT:
        return "less than $0.01"
    return f"${rounded(amount):,f}"


def about_text(amount: Decimal) -> str:
    """Return `about $1.50` or `less than $0.01`, for an estimate."""
    text = usd_text(amount)
    return text if text.startswith("less") else f"about {text}"


def exact_text(amount: Decimal) -> str:
    """Return all digits of the amount, without an exponent and without zeros at the end: `0.00123`, `10`."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class TokenUse:
    """How many tokens Google says that it charges for one answer: of what was sent, and of what was written."""

    input: int
    output: int


@dataclass(frozen=True, slots=True)
class QuestionCost:
    """What one answer cost. `use` is None where Google did not say it, `usd` where the price is not known."""

    base_model: str
    use: TokenUse | None
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class QuestionSum:
    """What the answered questions of one person in one channel to models of one base cost in a month.

    `unknown` counts those whose price is not known and not in `usd`.
    """

    month: date
    team: str
    channel: str
    user: str
    base_model: str
    questions: int
    unknown: int
    input_tokens: int
    output_tokens: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class TuningEstimate:
    """What a tuning was estimated to cost when its file was checked; it is stored with the job.

    `tokens` are those of one pass over the rows that are trained on. The true number may be lower or higher by
    `error_percent`. `epochs` is None if Google chooses. `recommended` are the fewest and the most passes that are
    recommended for the `task`, `suggested` is the number among them for this size of file. `base_model` is the
    model whose price counts, also where a tuned model is tuned again; empty if it is not known. The prices are
    those of the table of `priced_on`, None where it has none: `training_price` in US dollars for a million tokens,
    `serving_multiplier` times the base model's price for questions to the tuned model. `retires` is when Google
    turns the base model off, by the same table; `retires_or_later` says that it is the earliest date.
    """

    tokens: int
    error_percent: int
    token_method: str
    epochs: int | None
    recommended: tuple[int, int]
    suggested: int
    base_model: str
    priced_on: date
    training_price: Decimal | None = None
    serving_multiplier: Decimal | None = None
    base_input_price: Decimal | None = None
    base_output_price: Decimal | None = None
    task: str = ""
    retires: date | None = None
    retires_or_later: bool = False

    @property
    def passes(self) -> int:
        """The chosen number of passes, the suggested one where Google chooses."""
        return self.epochs or self.suggested

    def cost(self, passes: int) -> Decimal | None:
        """Return the exact cost of so many passes; None if the price is unknown."""
        return None if self.training_price is None else cost_of(self.tokens * passes, self.training_price)

    def highest_cost(self, passes: int) -> Decimal | None:
        """Return the cost if the number of tokens is too low by the whole error; None if the price is unknown."""
        if self.training_price is None:
            return None
        return cost_of(self.tokens * passes * (100 + self.error_percent), self.training_price.scaleb(-2, _EXACT))


@dataclass(frozen=True, slots=True)
class ConfirmationRules:
    """Above which values a start needs a second, explicit yes.

    `epoch_factor` times the most recommended passes, or `usd`, which the highest estimated cost may not pass.
    """

    epoch_factor: int = 5
    usd: Decimal = Decimal(50)

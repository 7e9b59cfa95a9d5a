"""Reads the dated table of prices and retirements: the one in this package, or an operator's file in its place.

An unknown price is None, never zero. The numbers of the file become `Decimal` without a float in between.
"""

import re
import tomllib
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from bot.errors import SettingsError

UNKNOWN: Final = "unknown"
_PRICES: Final = ("training", "serving_multiplier", "input", "output")
_KEYS: Final = {*_PRICES, "retires", "or_later", "tunable"}
_HIGHEST: Final = Decimal(1_000_000)
_PLACES: Final = 12
_VERSION: Final = re.compile(r"-\d{3}$")


@dataclass(frozen=True, slots=True)
class BaseModelPrice:
    """The table's row of one base model; the prices are in US dollars for a million tokens, None if unknown.

    `retires` is None if no date is known; `or_later` says that it is the earliest date.
    """

    training: Decimal | None = None
    serving_multiplier: Decimal | None = None
    input: Decimal | None = None
    output: Decimal | None = None
    retires: date | None = None
    or_later: bool = False
    tunable: bool = True

    @property
    def tuning_closes(self) -> date | None:
        """The date from which Google starts no tuning on it: one month before it retires."""
        return None if self.retires is None else month_before(self.retires)


NOT_LISTED: Final = BaseModelPrice()


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The rows by the id of their base model, and the date on which they were true."""

    as_of: date
    models: Mapping[str, BaseModelPrice]

    def row(self, base_model: str) -> BaseModelPrice:
        """Return the row of a base model; a row without any price or date if the table does not list it."""
        name = base_model.removeprefix("models/")
        return self.models.get(name) or self.models.get(_VERSION.sub("", name)) or NOT_LISTED

    def successors(self, offered: Sequence[str], on: date) -> list[str]:
        """Return the offered base models that can be tuned on this day.

        The last to retire comes first, one without a known date last.
        """
        closing = {name: self.row(name).tuning_closes for name in offered if self.row(name).tunable}
        open_ones = [name for name, closes in closing.items() if closes is None or closes > on]
        return sorted(open_ones, key=lambda name: closing[name] or date.min, reverse=True)

    def successor(self, offered: Sequence[str], base_model: str, now: datetime) -> str:
        """Return the base model to tune on in place of another, which it outlasts; empty if none is offered."""
        own = base_model.removeprefix("models/")
        ends = self.row(base_model).retires

        def outlasts(name: str) -> bool:
            retires = self.row(name).retires
            return name != own and (ends is None or retires is None or retires > ends)

        return next(filter(outlasts, self.successors(offered, now.astimezone(UTC).date())), "")


def built_in_text() -> str:
    """Return the text of the table in this package."""
    return files("bot.spending").joinpath("prices.toml").read_text(encoding="utf-8")


def read_price_table(path: str = "") -> PriceTable:
    """Read the operator's file, or the table in this package for an empty path. Blocks. Raises SettingsError."""
    if not path:
        return parse_price_table(built_in_text(), "the built-in table of prices")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise SettingsError(
            f"The table of prices {path} cannot be read: {reason}.",
            "TUNEBOT_PRICES names it. Unset it, or mend it.",
        ) from error
    return parse_price_table(text, path)


def parse_price_table(text: str, name: str) -> PriceTable:
    """Parse the text of a table. Raises SettingsError that lists every problem; `name` is the file's."""
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The table of prices {name} is no TOML: {error}.", _COPY) from error
    problems: list[str] = [f"{key!r} is not a key of the table" for key in found if key not in ("as_of", "models")]
    as_of = found.get("as_of")
    if not _is_date(as_of):
        problems.append("as_of must be the date on which the prices were true, such as 2026-11-27")
    models = found.get("models")
    if not isinstance(models, dict) or not models:
        problems.append("it lists no models")
        models = {}
    rows = {model: _row(model, values, problems) for model, values in models.items()}
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise SettingsError(f"The table of prices {name} cannot be used:\n{lines}\n", _COPY)
    assert isinstance(as_of, date)
    return PriceTable(as_of, rows)


_COPY: Final = "Begin with the built-in table: tunebot prices > my-prices.toml"


def _row(model: str, values: Any, problems: list[str]) -> BaseModelPrice:
    if not isinstance(values, dict):
        problems.append(f"{model} must be a table of its prices")
        return NOT_LISTED
    problems += [
        f"{model}: {key!r} is not a key; the keys are {', '.join(sorted(_KEYS))}" for key in values.keys() - _KEYS
    ]
    retires = values.get("retires")
    if retires is not None and not _is_date(retires):
        problems.append(f"{model}: retires must be a date, such as 2027-05-19")
        retires = None
    flags: dict[str, bool] = {}
    for key, default in (("or_later", False), ("tunable", True)):
        value = values.get(key, default)
        if not isinstance(value, bool):
            problems.append(f"{model}: {key} must be true or false")
        flags[key] = value is True
    price = {key: _price(model, key, values.get(key, UNKNOWN), problems) for key in _PRICES}
    return BaseModelPrice(
        price["training"],
        price["serving_multiplier"],
        price["input"],
        price["output"],
        retires,
        flags["or_later"],
        flags["tunable"],
    )


def _price(model: str, key: str, value: Any, problems: list[str]) -> Decimal | None:
    if value == UNKNOWN:
        return None
    amount = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(amount, Decimal) or not amount.is_finite() or not 0 <= amount <= _HIGHEST:
        problems.append(f'{model}: {key} must be a number from 0 to {_HIGHEST:,}, or "{UNKNOWN}"')
        return None
    if -int(amount.as_tuple().exponent) > _PLACES:
        problems.append(f"{model}: {key} has more than {_PLACES} decimal places")
        return None
    return amount


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def month_before(day: date) -> date:
    """Return the same day of the month before, or that month's last day where it is shorter."""
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return date(year, month, min(day.day, monthrange(year, month)[1]))

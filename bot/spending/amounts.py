"""Shows exact amounts of US dollars as people read them. Only this module rounds an amount."""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

_CENT: Final = Decimal("0.01")
_LARGE: Final = Context(prec=200, rounding=ROUND_HALF_UP)


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

"""Says in one sentence why a model no longer answers, where Google does not find it or says that it is retired.

It claims only what is known: Google's answer, the dates of the table of prices, and where Google no longer trains.
What is guessed from Google's words is said as a guess.
"""

from bot.backends.google.error_hints import says_retired
from bot.domain.backend_profile import BackendProfile
from bot.domain.chat import ModelRef
from bot.errors import GoogleError, InvalidRequest, NotFoundAtGoogle
from bot.ports.clock import Clock
from bot.spending.estimate_text import day_text
from bot.spending.price_table import PriceTable
from bot.spending.retirement import Retirement, retirement_of, utc_day


class GoneModels:
    """Explains the errors with which Google answers questions to models that it no longer serves."""

    def __init__(self, prices: PriceTable, clock: Clock) -> None:
        self._prices = prices
        self._clock = clock

    def explained(
        self, error: GoogleError, model: ModelRef, base_model: str, profile: BackendProfile, *, is_base: bool
    ) -> GoogleError:
        """Return the error with what is known of the model's end; the same one where it is about something else.

        `base_model` is empty where nobody knows it; where `is_base`, the model is this base model itself.
        """
        retired = isinstance(error, InvalidRequest) and says_retired(error.message)
        if not retired and not isinstance(error, NotFoundAtGoogle):
            return error
        found = retirement_of(base_model, self._prices)
        ended = found is not None and found.retires <= utc_day(self._clock)
        if found is not None and ended:
            message = _ended(model.name, found, is_base=is_base)
        elif retired:
            message = f"It seems that Google no longer serves “{model.name}”. {error.message}"
        else:
            message = f"Google does not find the model “{model.name}”. {error.message}"
        hint = error.hint
        if ended or not profile.trains_today:
            hint = self._next(base_model, profile, is_base=is_base)
        elif retired:
            hint = f"If it is so: {self._next(base_model, profile, is_base=is_base)}"
        return type(error)(
            message,
            hint,
            status=error.status,
            http_status=error.http_status,
            from_google=error.from_google,
        )

    def _next(self, base_model: str, profile: BackendProfile, *, is_base: bool) -> str:
        """Return what to do in place of asking a model that will not come back."""
        if is_base:
            return "Compare it with another tuned model: /ask compare=NAME your question"
        if not profile.trains_today:
            return f"{profile.notice} /tune opens the form with the same file."
        successor = self._prices.successor(profile.base_models, base_model, self._clock.now())
        if not successor:
            return "I know no base model on which its file can be tuned now. See /tune models for others to ask."
        return f"Tune its file again on {successor}: “Tune again” under its card opens the form."


def _ended(name: str, found: Retirement, *, is_base: bool) -> str:
    """Return the sentence for a base model whose date has come."""
    base = f"the base model {found.base_model}" if is_base else f"“{name}”, and its base model {found.base_model}"
    table = f"(by a table of {day_text(found.as_of)})"
    if found.or_later:
        when = f"may be retired: its date is {day_text(found.retires)} or later {table}"
    else:
        when = f"retired on {day_text(found.retires)} {table}"
    return f"Google no longer answers with {base}{', which' if is_base else ''} {when}."

"""How a model is to answer: the settings of Google's generate methods, and which of them a model takes.

A setting that is None or empty leaves the choice to Google. What each system and each base model takes is in
`bot/backends/profiles.py`. No I/O.
"""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final

from bot.errors import BadArgument

LONGEST_STOP: Final = 100
LONGEST_SYSTEM_INSTRUCTION: Final = 20_000
SAMPLING: Final = frozenset({"temperature", "top_p", "top_k"})


class Safety(StrEnum):
    """From which likelihood of harm on Google holds an answer back, the same for each kind of harm."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    NONE = "none"  # nothing is held back


class Thinking(StrEnum):
    """How a base model is asked to think as little as it can."""

    UNKNOWN = ""  # it does not think, or nobody knows how it is asked
    BUDGET = "budget"
    LEVEL = "level"


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """What a channel or a question sets; the defaults leave everything to Google.

    `system_instruction` None is the one with which the model was tuned, an empty text is none at all.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_output_tokens: int | None = None
    candidate_count: int | None = None
    stop_sequences: tuple[str, ...] = ()
    safety: Safety | None = None
    system_instruction: str | None = None

    def given(self) -> dict[str, Any]:
        """Return what was set, by field name, in the order of the fields."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in values if value is not None and value != ()}

    def over(self, others: "GenerationSettings") -> "GenerationSettings":
        """Return these settings, and the other ones where these leave the choice."""
        return replace(others, **self.given())

    def without(self, names: frozenset[str]) -> "GenerationSettings":
        """Return the settings with these fields left to Google."""
        return GenerationSettings(**{name: value for name, value in self.given().items() if name not in names})


NO_SETTINGS: Final = GenerationSettings()


@dataclass(frozen=True, slots=True)
class NumberRule:
    """The numbers that a system accepts for one field, and what an empty field means."""

    name: str
    label: str
    whole: bool
    minimum: float
    maximum: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class BaseModelTraits:
    """What holds for the base models whose ids begin with `prefix`, and for the models tuned on them.

    `ignores` are settings that Google ignores or refuses there. `thinking_budget` counts for Thinking.BUDGET.
    """

    prefix: str
    ignores: frozenset[str] = frozenset()
    thinking: Thinking = Thinking.UNKNOWN
    thinking_budget: int = 0


UNKNOWN_BASE: Final = BaseModelTraits("")


@dataclass(frozen=True, slots=True)
class GenerationProfile:
    """Which settings one Google system takes. The first traits whose prefix fits a base model are its own.

    `keeps_defaults` says that a tuned model has values of its own for what a question leaves out.
    """

    numbers: tuple[NumberRule, ...] = ()
    most_stop_sequences: int = 0
    safety_categories: tuple[str, ...] = ()
    takes_system_instruction: bool = False
    bases: tuple[BaseModelTraits, ...] = ()
    keeps_defaults: bool = False

    def traits(self, base_model: str) -> BaseModelTraits:
        """Return what is known of a base model, given by its id or by its resource name at Google."""
        name = base_model.rpartition("/")[2]
        return next((each for each in self.bases if name.startswith(each.prefix)), UNKNOWN_BASE)

    def takes(self, name: str) -> bool:
        """Return whether the system has this field at all."""
        match name:
            case "stop_sequences":
                return self.most_stop_sequences > 0
            case "safety":
                return bool(self.safety_categories)
            case "system_instruction":
                return self.takes_system_instruction
            case _:
                return any(rule.name == name for rule in self.numbers)

    def taken(self, settings: GenerationSettings, base_model: str) -> GenerationSettings:
        """Return the settings without those that the system or the base model does not take."""
        ignored = self.traits(base_model).ignores
        return settings.without(
            frozenset(name for name in settings.given() if not self.takes(name) or name in ignored)
        )

    def check(self, settings: GenerationSettings, title: str, base_model: str = "") -> None:
        """Raise BadArgument for the first setting that a model of this system, `title`, does not take."""
        ignored = self.traits(base_model).ignores
        for name, value in settings.given().items():
            label = label_of(name)
            if not self.takes(name):
                # An empty text asks for no system instruction, which is what such a system does.
                if value == "":
                    continue
                called = f"The {title}" if title.endswith(" API") else title
                raise BadArgument(f"{called} takes no {label}.", "Leave it out.", field=name)
            if name in ignored:
                raise BadArgument(
                    f"Models that are tuned on {base_model.rpartition('/')[2]} ignore the {label}.",
                    "Leave it out.",
                    field=name,
                )
        for rule in self.numbers:
            _check_number(rule, getattr(settings, rule.name))
        self._check_texts(settings)

    def _check_texts(self, settings: GenerationSettings) -> None:
        stops = settings.stop_sequences
        if len(stops) > self.most_stop_sequences > 0:
            raise BadArgument(
                f"There are {len(stops)} stop sequences; at most {self.most_stop_sequences} are taken.",
                "Leave some out.",
                field="stop_sequences",
            )
        longest = max((len(stop) for stop in stops), default=1)
        if longest > LONGEST_STOP or not all(stops):
            raise BadArgument(
                f"A stop sequence has {longest if all(stops) else 0} characters; 1 to {LONGEST_STOP} are taken.",
                "Shorten it.",
                field="stop_sequences",
            )
        if len(settings.system_instruction or "") > LONGEST_SYSTEM_INSTRUCTION:
            raise BadArgument(
                f"The system instruction has {len(settings.system_instruction or ''):,} characters; at most "
                f"{LONGEST_SYSTEM_INSTRUCTION:,} are taken.",
                "Shorten it.",
                field="system_instruction",
            )


def label_of(name: str) -> str:
    """Return the words for a field of GenerationSettings: `top_p` is `top-p`."""
    return {"top_p": "top-p", "top_k": "top-k", "safety": "safety setting"}.get(name, name.replace("_", " "))


def _check_number(rule: NumberRule, value: float | None) -> None:
    if value is None or (rule.minimum <= value <= rule.maximum and (not rule.whole or value == int(value))):
        return
    kind = "a whole number " if rule.whole else ""
    raise BadArgument(
        f"The {label_of(rule.name)} is {kind}from {rule.minimum:g} to {_shown(rule.maximum)}, not {value:g}.",
        "Change it, or leave it out.",
        field=rule.name,
    )


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:g}"

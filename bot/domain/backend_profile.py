"""What one Google system can do. Forms, cards and checks read this instead of the system's name.

The values are in `bot/backends/profiles.py`; this module holds their shape. No I/O and no backend names.
"""

from dataclasses import dataclass, field

from bot.domain.datasets import Dialect
from bot.domain.generation_settings import GenerationProfile
from bot.domain.jobs import Hyperparameters, total_steps


@dataclass(frozen=True, slots=True)
class DatasetLimits:
    """The limits of a training file, and Google's advice. Characters are Unicode code points; 0 means no limit.

    `gs_folders` are the Cloud Storage addresses of which rows may name files, each with a slash at its end; None
    for any, where the person who runs the bot checks a file.
    """

    min_examples: int = 1
    max_examples: int = 0
    recommended_examples: int = 0
    input_characters: int = 0
    output_characters: int = 0
    tokens_per_example: int = 0
    file_bytes: int = 0
    inline_bytes: int = 0  # where the examples travel inside the create request itself
    validation_examples: int = 0
    validation_share: float = 0.0  # of the training examples, binding when those are over 1,000
    takes_system: bool = True
    takes_many_turns: bool = True
    takes_tools: bool = False  # also pictures and other files
    max_examples_with_files: int = 0
    gs_folders: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class HyperparameterRule:
    """What a backend accepts for one field of Hyperparameters. If `default` is None, Google chooses; see `note`.

    With `choices` only these are accepted, otherwise `minimum <= value <= maximum` as far as those are set.
    `excludes` is the name of the field that cannot be set together with this one.
    """

    name: str
    label: str
    whole: bool
    default: int | float | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[int, ...] = ()
    excludes: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class BackendProfile:
    """What one Google system can do. Handlers and block builders read this, never the backend's name.

    `notice` is a plain sentence shown in the form and in help, e.g. that Google no longer trains there.
    `input_tokens` is how much of a thread a question may send along, its own text included.
    `tunings_at_once` is how many tunings of a project run at the same time, 0 for no limit.
    `moves_tuned_models` says that it has a method of its own to move a tuned model to another base model.
    `tuned_once` are the base models whose tuned models cannot be tuned again.
    `default_batch_size` 0 means that Google chooses the batch and the number of steps is not known beforehand.
    `generation` says which settings of an answer its models take. `console_url` is the page of a job in Google's
    console, with {project}, {location} and {job} in it.
    """

    name: str
    title: str
    dialect: Dialect
    base_models: tuple[str, ...]
    hyperparameters: tuple[HyperparameterRule, ...]
    limits: DatasetLimits
    name_limit: int
    default_epochs: int = 0
    default_batch_size: int = 0
    trains_today: bool = True
    notice: str = ""
    can_cancel: bool = True
    shows_losses: bool = True
    takes_history: bool = True
    input_tokens: int = 8_192
    takes_validation: bool = False
    takes_tuned_base: bool = True
    moves_tuned_models: bool = False
    shares_with_accounts: bool = False
    generation: GenerationProfile = field(default_factory=GenerationProfile)
    console_url: str = ""
    tunings_at_once: int = 0
    tuned_once: tuple[str, ...] = ()

    def console_page(self, operation: str) -> str:
        """Return the address of a job's page in Google's console, empty where it has none.

        `operation` is `projects/P/locations/L/.../ID`.
        """
        parts = operation.split("/")
        known = len(parts) == 6 and all(part.replace("-", "").isalnum() for part in parts)
        if not self.console_url or not known or parts[::2] != ["projects", "locations", "tuningJobs"]:
            return ""
        return self.console_url.format(project=parts[1], location=parts[3], job=parts[5])

    def rule(self, name: str) -> HyperparameterRule | None:
        return next((rule for rule in self.hyperparameters if rule.name == name), None)

    def steps(self, examples: int, chosen: Hyperparameters) -> int | None:
        """Return the steps of a start; None if Google chooses the epochs or the batch size."""
        epochs = chosen.epochs or self.default_epochs
        batch = chosen.batch_size or self.default_batch_size
        return total_steps(examples, epochs, batch) if epochs and batch else None

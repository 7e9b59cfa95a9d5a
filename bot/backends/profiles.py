"""Says what each Google system can do, as values: limits, hyperparameters, base models, whether it trains today.

The comments name the source of each profile. There is no code here that acts.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.domain.backend_profile import BackendProfile, DatasetLimits, HyperparameterRule
from bot.domain.datasets import Dialect

_MEGABYTE: Final = 1_000_000

# Hyperparameters are those of google/cloud/aiplatform/v1/tuning_job.proto; base models and limits those of
# https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning.
VERTEX: Final = BackendProfile(
    name="vertex",
    title="Vertex AI",
    dialect=Dialect.VERTEX,
    base_models=("gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite"),
    hyperparameters=(
        HyperparameterRule(
            "epochs", "Epochs", whole=True, minimum=1, note="Google chooses by the number of rows."
        ),
        HyperparameterRule(
            "learning_rate_multiplier",
            "Learning rate multiplier",
            whole=False,
            default=1.0,
            minimum=0.0001,
            note="Times the rate that Google recommends.",
        ),
        HyperparameterRule(
            "adapter_size",
            "Adapter size",
            whole=True,
            choices=(1, 2, 4, 8, 16),
            note="Google takes the base model's own.",
        ),
    ),
    limits=DatasetLimits(
        max_examples=10_000_000,
        recommended_examples=100,
        tokens_per_example=131_072,
        file_bytes=1_000 * _MEGABYTE,
        validation_examples=5_000,
        validation_share=0.3,
    ),
    name_limit=128,
    takes_validation=True,
    # The longest example that a model is tuned on: what is longer, a tuned model has never seen.
    input_tokens=131_072,
)

# Hyperparameters and their defaults are those of google/ai/generativelanguage/v1beta/tuned_model.proto, which also
# limits the name; limits of the data are those of https://ai.google.dev/gemini-api/docs/model-tuning.
GEMINI: Final = BackendProfile(
    name="gemini",
    title="Gemini API",
    dialect=Dialect.GEMINI,
    base_models=("gemini-1.5-flash-001-tuning", "gemini-1.0-pro-001"),
    hyperparameters=(
        HyperparameterRule("epochs", "Epochs", whole=True, default=5, minimum=1),
        HyperparameterRule(
            "batch_size", "Batch size", whole=True, minimum=1, note="Google takes 4 or 16, by the number of rows."
        ),
        HyperparameterRule(
            "learning_rate",
            "Learning rate",
            whole=False,
            minimum=0.0000001,
            excludes="learning_rate_multiplier",
            note="Google takes 0.001 or 0.0002, by the number of rows.",
        ),
        HyperparameterRule(
            "learning_rate_multiplier",
            "Learning rate multiplier",
            whole=False,
            default=1.0,
            minimum=0.0001,
            excludes="learning_rate",
            note="Times the rate that Google would take.",
        ),
    ),
    limits=DatasetLimits(
        recommended_examples=20,
        input_characters=40_000,
        output_characters=5_000,
        inline_bytes=4 * _MEGABYTE,
        takes_system=False,
        takes_many_turns=False,
    ),
    name_limit=40,
    default_epochs=5,
    input_tokens=10_000,  # 40,000 characters
    trains_today=False,
    notice=(
        "Since May 2025 the Gemini API has no base model left to tune, so Google rejects every start there. "
        "Tune with Vertex AI instead."
    ),
)

# Hyperparameters and their defaults are those of google/ai/generativelanguage/v1beta3/tuned_model.proto, which
# also limits the name; limits of the data are those of https://developers.generativeai.google/docs/model_tuning_guidance.
PALM: Final = BackendProfile(
    name="palm",
    title="PaLM API",
    dialect=Dialect.GEMINI,
    base_models=("text-bison-001",),
    hyperparameters=(
        HyperparameterRule("epochs", "Epochs", whole=True, default=10, minimum=1),
        HyperparameterRule(
            "batch_size", "Batch size", whole=True, minimum=1, note="Google takes 16 or 64, by the number of rows."
        ),
        HyperparameterRule(
            "learning_rate",
            "Learning rate",
            whole=False,
            minimum=0.0000001,
            note="Google takes 0.0002 or 0.002, by the number of rows.",
        ),
    ),
    limits=DatasetLimits(
        recommended_examples=20,
        inline_bytes=4 * _MEGABYTE,
        takes_system=False,
        takes_many_turns=False,
    ),
    name_limit=40,
    default_epochs=10,
    trains_today=False,
    notice="Google has shut the PaLM API down: it no longer trains or answers. Tune with Vertex AI instead.",
    takes_history=False,
)


def with_base_models(profile: BackendProfile, ids: Sequence[str]) -> BackendProfile:
    """Return the profile with these base models to offer, or unchanged if there are none."""
    return replace(profile, base_models=tuple(ids)) if ids else profile

"""Says what each Google system can do, as values: limits, hyperparameters, base models, whether it trains today.

The comments name the source of each profile. There is no code here that acts.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.domain.backend_profile import BackendProfile, DatasetLimits, HyperparameterRule
from bot.domain.datasets import Dialect
from bot.domain.generation_settings import SAMPLING, BaseModelTraits, GenerationProfile, NumberRule, Thinking
from bot.domain.gs_addresses import folders

_MEGABYTE: Final = 1_000_000

_TOP_P: Final = NumberRule("top_p", "Top-p", whole=False, minimum=0, maximum=1)
_TOP_K: Final = NumberRule("top_k", "Top-k", whole=True, minimum=1, maximum=1_000)
_CATEGORIES: Final = (
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
)

# Limits are those of GenerationConfig in google/cloud/aiplatform/v1/content.proto and of
# https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference. Which base models ignore the
# sampling values, and how each thinks least: the models' pages there, of October 2026. A tuned model takes what
# its base takes, and Google advises the least thinking for it.
_VERTEX_GENERATION: Final = GenerationProfile(
    numbers=(
        NumberRule("temperature", "Temperature", whole=False, minimum=0, maximum=2),
        _TOP_P,
        _TOP_K,
        NumberRule("max_output_tokens", "Most tokens of an answer", whole=True, minimum=1, maximum=65_535),
    ),
    most_stop_sequences=5,
    safety_categories=_CATEGORIES,
    takes_system_instruction=True,
    bases=(
        BaseModelTraits("gemini-3.5-flash-lite", SAMPLING, Thinking.LEVEL),
        BaseModelTraits("gemini-3.6-", SAMPLING, Thinking.LEVEL),
        BaseModelTraits("gemini-3.7-", SAMPLING, Thinking.LEVEL),
        BaseModelTraits("gemini-3.8-", SAMPLING, Thinking.LEVEL),
        BaseModelTraits("gemini-3", thinking=Thinking.LEVEL),
        BaseModelTraits("gemini-2.5-pro", thinking=Thinking.BUDGET, thinking_budget=128),
        BaseModelTraits("gemini-2.5-", thinking=Thinking.BUDGET),
    ),
)

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
        takes_tools=True,
        max_examples_with_files=300_000,
    ),
    name_limit=128,
    takes_validation=True,
    # genai_tuning_service.proto there, `RebaseTunedModel`; Google does not say from which base models to which.
    moves_tuned_models=True,
    # The longest example that a model is tuned on: what is longer, a tuned model has never seen.
    input_tokens=131_072,
    generation=_VERTEX_GENERATION,
    # As google-cloud-aiplatform builds it: vertexai/tuning/_tuning.py, `_dashboard_uri`.
    console_url="https://console.cloud.google.com/vertex-ai/generative/language/locations/{location}/tuning/tuningJob/"
    "{job}?project={project}",
    # The quota `global_concurrent_tuning_jobs` of a new project.
    tunings_at_once=1,
)

# Hyperparameters and their defaults are those of google/ai/generativelanguage/v1beta/tuned_model.proto, which also
# limits the name; limits of the data are those of https://ai.google.dev/gemini-api/docs/model-tuning.
GEMINI: Final = BackendProfile(
    name="gemini",
    title="Gemini API",
    shares_with_accounts=True,
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
    # tuned_model.proto of v1beta: tunedModelSource; Google answers 400 for this one.
    tuned_once=("gemini-1.5-flash-001-tuning",),
    trains_today=False,
    notice=(
        "Since May 2025 the Gemini API has no base model left to tune, so Google rejects every start there. "
        "Tune with Vertex AI instead."
    ),
    # GenerationConfig of google/ai/generativelanguage/v1beta/generative_service.proto. Tuned models take no system
    # instruction, and answer once: https://ai.google.dev/gemini-api/docs/model-tuning#limitations.
    generation=GenerationProfile(
        numbers=(
            NumberRule("temperature", "Temperature", whole=False, minimum=0, maximum=2),
            _TOP_P,
            _TOP_K,
            NumberRule("max_output_tokens", "Most tokens of an answer", whole=True, minimum=1, maximum=8_192),
        ),
        most_stop_sequences=5,
        safety_categories=_CATEGORIES,
        keeps_defaults=True,
    ),
)

# Hyperparameters and their defaults are those of google/ai/generativelanguage/v1beta3/tuned_model.proto, which
# also limits the name; limits of the data are those of https://developers.generativeai.google/docs/model_tuning_guidance.
PALM: Final = BackendProfile(
    name="palm",
    title="PaLM API",
    shares_with_accounts=True,
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
    # GenerateTextRequest of google/ai/generativelanguage/v1beta3/text_service.proto, and its safety.proto.
    generation=GenerationProfile(
        numbers=(
            NumberRule("temperature", "Temperature", whole=False, minimum=0, maximum=1),
            _TOP_P,
            _TOP_K,
            NumberRule("max_output_tokens", "Most tokens of an answer", whole=True, minimum=1, maximum=1_024),
            NumberRule(
                "candidate_count",
                "Answers to one question",
                whole=True,
                minimum=1,
                maximum=8,
                note="All of them are shown.",
            ),
        ),
        most_stop_sequences=5,
        safety_categories=(
            "HARM_CATEGORY_DEROGATORY",
            "HARM_CATEGORY_TOXICITY",
            "HARM_CATEGORY_VIOLENCE",
            "HARM_CATEGORY_SEXUAL",
            "HARM_CATEGORY_MEDICAL",
            "HARM_CATEGORY_DANGEROUS",
        ),
        keeps_defaults=True,
    ),
)


def with_base_models(profile: BackendProfile, ids: Sequence[str]) -> BackendProfile:
    """Return the profile with these base models to offer, or unchanged if there are none."""
    return replace(profile, base_models=tuple(ids)) if ids else profile


def with_gs_prefixes(profile: BackendProfile, prefixes: Sequence[str]) -> BackendProfile:
    """Return the profile whose rows may name files in Cloud Storage under these addresses alone."""
    return replace(profile, limits=replace(profile.limits, gs_folders=folders(prefixes)))


def with_tunings_at_once(profile: BackendProfile, number: int | None) -> BackendProfile:
    """Return the profile with this number of tunings at the same time, or unchanged for None."""
    return profile if number is None else replace(profile, tunings_at_once=number)

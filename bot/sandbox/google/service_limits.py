"""What the stand-in refuses and how much it does at once: Google's numbers, each open to a test's change."""

from dataclasses import dataclass, field

MEBIBYTE = 1024 * 1024


@dataclass(slots=True)
class Limits:
    """Google's limits; change an attribute of a running stand-in and the next request obeys it.

    `gemini_trains` and `palm_trains` are true here because the sandbox shows the whole flow; at Google both
    generations stopped training (May 2025 and earlier). `concurrent_vertex_jobs` is Google's usual quota:
    further jobs wait in JOB_STATE_QUEUED.
    """

    palm_base_models: tuple[str, ...] = ("models/text-bison-001", "models/text-bison-tuning-test")
    gemini_base_models: tuple[str, ...] = (
        "models/gemini-1.5-flash-001-tuning",
        "models/gemini-1.0-pro-001",
    )
    vertex_base_models: tuple[str, ...] = (
        "gemini-3.5-flash",
        "gemini-3.5-flash-lite",
        "gemini-3.1-flash-lite",
    )
    vertex_locations: tuple[str, ...] = ("us-central1", "europe-west4")
    vertex_adapter_sizes: tuple[str, ...] = (
        "ADAPTER_SIZE_ONE",
        "ADAPTER_SIZE_TWO",
        "ADAPTER_SIZE_FOUR",
        "ADAPTER_SIZE_EIGHT",
        "ADAPTER_SIZE_SIXTEEN",
    )
    palm_trains: bool = True
    gemini_trains: bool = True
    concurrent_vertex_jobs: int = 1
    # How long the operation that moves a model to another base is not done, and whether its job has the labels of
    # the request: Google documents neither.
    vertex_rebase_seconds: float = 0.0
    vertex_rebase_keeps_labels: bool = True
    # A model tuned in the first location is served from the second.
    serving_locations: dict[str, str] = field(default_factory=lambda: {"us-central1": "us", "europe-west4": "eu"})
    generative_body_bytes: int = 4 * MEBIBYTE
    body_bytes: int = 32 * MEBIBYTE
    input_characters: int = 40_000
    output_characters: int = 5_000
    generative_display_name: int = 40
    vertex_display_name: int = 128
    vertex_example_tokens: int = 131_072
    vertex_examples: int = 10_000_000
    vertex_validation_examples: int = 5_000
    vertex_dataset_bytes: int = 1_000_000_000
    max_epochs: int = 100
    vertex_checkpoints: int = 10
    # Steps of a Vertex job are counted with this batch size, which Google doesn't publish.
    vertex_batch_size: int = 8
    # Snapshots shown of one tuning run; a longer run is thinned evenly and keeps its last step.
    snapshots: int = 500
    # Examples kept in memory for the answers, and the characters they may hold together.
    kept_examples: int = 20_000
    kept_characters: int = 16_000_000

"""What people may name in Cloud Storage."""

import pytest

from bot.domain.gs_addresses import folders, is_open


@pytest.mark.parametrize(
    ("prefixes", "address", "opened"),
    [
        ((), "gs://a/b", False),
        (("gs://a",), "gs://a/b", True),
        (("gs://a",), "gs://ab/c", False),
        (("gs://a/x/",), "gs://a/x/y", True),
        (("gs://a/x",), "gs://a/xy", False),
        (("gs://a",), "gs://a/tunebot/y", False),
        (("gs://a",), "gs://a/x/tunebot/y", True),
        (("gs://a",), "gs://a/x/tunebot-20261121T120000Z.db", False),
        ((), "https://storage.googleapis.com/a/tunebot/tb-1/training.jsonl", False),
        ((), "https://storage.cloud.google.com/a/tunebot%2Ftb-1/training.jsonl", False),
        ((), "https://a.storage.googleapis.com/tunebot/tb-1/training.jsonl", False),
        ((), "HTTPS://STORAGE.googleapis.com/a/tunebot/x?alt=media", False),
        ((), "https://storage.googleapis.com/a/x/tunebot-20261121T120000Z.db?x=1", False),
        ((), "https://storage.googleapis.com/storage/v1/b/a/o/tunebot%2Ftb-1%2Frows.jsonl?alt=media", False),
        ((), "https://storage.googleapis.com/public/cat.png", True),
    ],
)
def test_only_what_is_open_and_no_copy_of_the_bots_is(
    prefixes: tuple[str, ...], address: str, opened: bool
) -> None:
    assert is_open(address, folders(prefixes)) is opened

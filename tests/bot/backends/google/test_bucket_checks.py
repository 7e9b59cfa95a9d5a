"""A bucket serves a location of Vertex AI where its files are read without leaving that location."""

import pytest

from bot.backends.google.bucket_checks import serves


@pytest.mark.parametrize(
    ("bucket", "location"),
    [
        ("US-CENTRAL1", "us-central1"),
        ("US", "us-central1"),
        ("EU", "europe-west4"),
        ("ASIA", "asia-southeast1"),
        ("NAM4", "us-central1"),
        ("EUR4", "europe-west4"),
        ("US", "us"),
        ("US-EAST1", "us"),
        ("NAM4", "us"),
        ("EUR8", "eu"),
        ("EUROPE-WEST1", "global"),
        ("", "us-central1"),
        ("MARS9", "us-central1"),
        ("MARS9", "us"),
    ],
)
def test_bucket_serves_its_own_location_and_those_inside_it(bucket: str, location: str) -> None:
    assert serves(bucket, (), location)


@pytest.mark.parametrize(
    ("bucket", "location"),
    [
        ("US-EAST1", "us-central1"),
        ("EU", "us-central1"),
        ("US", "europe-west4"),
        ("EUR4", "europe-west1"),
        ("NAM4", "us-west1"),
        ("EU", "us"),
        ("EUROPE-WEST4", "us"),
        ("US-CENTRAL1", "eu"),
    ],
)
def test_bucket_elsewhere_does_not_serve(bucket: str, location: str) -> None:
    assert not serves(bucket, (), location)


def test_regions_that_a_customer_chose_count_instead_of_the_whole_multi_region() -> None:
    chosen = ("US-CENTRAL1", "US-WEST1")
    assert serves("US", chosen, "us-west1")
    assert serves("US", chosen, "us")
    assert not serves("US", chosen, "us-east4")

"""Knows which locations of Cloud Storage lie in a location of Vertex AI.

Source: https://cloud.google.com/storage/docs/locations.
"""

from collections.abc import Collection, Mapping
from typing import Final

# Each multi-region with the beginning of its regions' names. `us` and `eu` are also locations of Vertex AI.
_MULTI_REGIONS: Final = {"us": "us-", "eu": "europe-", "asia": "asia-"}
_DUAL_REGIONS: Final[Mapping[str, Collection[str]]] = {
    "nam4": ("us-central1", "us-east1"),
    "eur4": ("europe-north1", "europe-west4"),
    "eur5": ("europe-west1", "europe-west2"),
    "eur7": ("europe-west2", "europe-west3"),
    "eur8": ("europe-west3", "europe-west6"),
    "asia1": ("asia-northeast1", "asia-northeast2"),
}


def serves(bucket: str, regions: Collection[str], location: str) -> bool:
    """Return whether a bucket's files can be read in a location of Vertex AI without leaving it.

    `bucket` is the bucket's location in any case, e.g. `US-CENTRAL1`, `EU` or `NAM4`; `regions` are those of a
    dual-region that a customer chose. A location that is not known here serves: Google decides.
    """
    bucket, location = bucket.lower(), location.lower()
    if not bucket or location == "global" or bucket == location:
        return True
    if bucket in _MULTI_REGIONS and location not in _MULTI_REGIONS and not regions:
        return location.startswith(_MULTI_REGIONS[bucket])
    inside = {name.lower() for name in regions} or _DUAL_REGIONS.get(bucket, (bucket,))
    # A kind of location that came after this was written has no dash in its name, which every region has.
    known = bucket in _MULTI_REGIONS or all("-" in name for name in inside)
    if not known:
        return True
    if location in _MULTI_REGIONS:
        return any(name.startswith(_MULTI_REGIONS[location]) for name in inside)
    return location in inside

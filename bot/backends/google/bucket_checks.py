"""Checks a bucket of Cloud Storage: that it exists, what the bot may do with it, and where it is.

Source: https://cloud.google.com/storage/docs/locations.
"""

import logging
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import quote

import httpx

from bot.backends.google.http import GoogleHttp
from bot.backends.google.json_fields import Json, record, text
from bot.errors import GoogleError, InvalidRequest, NotFoundAtGoogle, PermissionDenied

logger = logging.getLogger(__name__)

_BUCKET_FIELDS: Final = "location,customPlacementConfig"
_PERMISSIONS: Final = ("storage.objects.create", "storage.objects.delete")
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


class BucketChecks:
    """Reads what Google says of a bucket; `base` is the address of Cloud Storage."""

    def __init__(self, http: GoogleHttp, base: str) -> None:
        self._http = http
        self._base = base

    def url(self, bucket: str) -> str:
        """Return the address of a bucket in the JSON API."""
        return f"{self._base}/storage/v1/b/{quote(bucket, safe='')}"

    async def check(self, bucket: str, location: str) -> None:
        """Check that the bucket exists, that the bot may write and delete there, and where it is.

        `location` is where the files are read. Where Google does not show the bucket's own location or the
        permissions, e.g. an emulator, these count as right. Raises NotFoundAtGoogle, PermissionDenied,
        InvalidRequest for another location, GoogleError.
        """
        await self._check_permissions(bucket)
        try:
            found = await self._http.read(self.url(bucket), {"fields": _BUCKET_FIELDS})
        except PermissionDenied as error:
            # The roles that are enough for files do not show the bucket: storage.buckets.get is not in them.
            logger.debug("the location of %s is not shown: %s", bucket, error)
            return
        except NotFoundAtGoogle as error:
            raise no_bucket(bucket, error) from error
        regions = {text(name) for name in record(found.get("customPlacementConfig")).get("dataLocations") or ()}
        if not serves(text(found.get("location")), regions, location):
            where = text(found.get("location")).lower()
            raise InvalidRequest(
                f"The bucket {bucket!r} is in {where}, but Google tunes in {location}.",
                f"Ask an administrator to set TUNEBOT_BUCKET to a bucket in {location}, or to set "
                "GOOGLE_CLOUD_LOCATION to the bucket's location if Google tunes there.",
            )

    async def project_number(self, bucket: str) -> str:
        """Return the number of the bucket's project, empty if Google does not say it. Raises GoogleError."""
        found = await self._http.read(self.url(bucket), {"fields": "projectNumber"})
        return text(found.get("projectNumber"))

    async def policy(self, bucket: str) -> Json:
        """Return who may do what with the bucket, an IAM policy. Raises GoogleError."""
        return await self._http.read(f"{self.url(bucket)}/iam")

    async def _check_permissions(self, bucket: str) -> None:
        """Check the bot's permissions, for which it needs no permission itself. Raises as `check`.

        Source: https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions.
        """
        query = "&".join(f"permissions={name}" for name in _PERMISSIONS)
        try:
            found = await self._http.read(f"{self.url(bucket)}/iam/testPermissions?{query}")
        except NotFoundAtGoogle as error:
            raise no_bucket(bucket, error) from error
        except InvalidRequest as error:
            logger.info("the permissions on %s cannot be tested: %s", bucket, error)
            return
        granted = found.get("permissions") or ()
        missing = [name for name in _PERMISSIONS if name not in granted]
        if missing:
            raise PermissionDenied(
                f"The bot may not store files in the bucket {bucket!r}: it lacks {' and '.join(missing)}.",
                "Ask an administrator to give the bot's Google account Storage Object Admin on the bucket.",
                http_status=httpx.codes.FORBIDDEN,
            )


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


def no_bucket(bucket: str, error: GoogleError) -> NotFoundAtGoogle:
    """Return the error for a bucket that Google does not show."""
    return NotFoundAtGoogle(
        f"There is no bucket {bucket!r} that the bot can see.",
        "Ask an administrator to create it, or to set TUNEBOT_BUCKET to one that exists.",
        status=error.status,
        http_status=error.http_status,
    )

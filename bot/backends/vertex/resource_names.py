"""Vertex AI's resource names: taking them apart, and the host that serves each.

A model tuned in one location may be served from another, so every address follows from the resource's own name.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.errors import BadArgument

_NAME: Final = re.compile(r"projects/([a-z0-9.:-]+)/locations/([a-z0-9-]+)/([A-Za-z0-9_.@/-]+)")
# Multi-regions have hosts of a form of their own.
_MULTI_REGIONS: Final = ("us", "eu")


@dataclass(frozen=True, slots=True)
class VertexName:
    """`projects/P/locations/L/REST`, safe to put into a URL."""

    project: str
    location: str
    rest: str

    @classmethod
    def parse(cls, name: str) -> "VertexName":
        """Raises BadArgument for anything that is no resource name."""
        found = _NAME.fullmatch(name)
        if found is None or ".." in name or "//" in name:
            raise BadArgument(f"{name!r} is no Vertex AI resource.", "See the models with /tune models.")
        return cls(*found.groups())

    @property
    def version(self) -> str:
        """The version of a model, `2` in `models/7@2`; empty where the name holds none."""
        return self.rest.partition("@")[2]

    @property
    def unversioned(self) -> str:
        return str(self).partition("@")[0]

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/{self.rest}"


@dataclass(frozen=True, slots=True)
class VertexHosts:
    """Where requests go; `override` replaces every host of the system."""

    override: str = ""

    def base(self, location: str) -> str:
        """The base of a location, with the API's version and without a slash at its end."""
        if self.override:
            return f"{self.override.rstrip('/')}/v1"
        if location == "global":
            return "https://aiplatform.googleapis.com/v1"
        if location in _MULTI_REGIONS:
            return f"https://aiplatform.{location}.rep.googleapis.com/v1"
        return f"https://{location}-aiplatform.googleapis.com/v1"

    def url(self, name: str, verb: str = "") -> str:
        """The address of a resource. Raises BadArgument."""
        parsed = VertexName.parse(name)
        return f"{self.base(parsed.location)}/{parsed}{verb}"

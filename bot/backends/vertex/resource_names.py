"""Parses Vertex AI's resource names and builds the URL of each resource.

A model that was tuned in one location may be served in another, so each URL follows from the resource's own name.
Source: https://cloud.google.com/vertex-ai/docs/reference/rest#service-endpoint.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.errors import BadArgument

_NAME: Final = re.compile(r"projects/([a-z0-9.:-]+)/locations/([a-z0-9-]+)/([A-Za-z0-9_.@/-]+)")
# The hosts of multi-regions have another form: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations.
_MULTI_REGIONS: Final = ("us", "eu")
_CONTINENTS: Final = {"us": "us", "europe": "eu"}
# The base models that single regions serve; those since Gemini 3 answer in `us`, `eu` and `global` only.
_SERVED_IN_REGIONS: Final = re.compile(r"gemini-[12](?:\.|-)|text-|chat-")


@dataclass(frozen=True, slots=True)
class VertexName:
    """`projects/P/locations/L/REST`, safe to put into a URL."""

    project: str
    location: str
    rest: str

    @classmethod
    def parse(cls, name: str) -> "VertexName":
        """Parse a name. Raises BadArgument for anything that is not a resource name."""
        found = _NAME.fullmatch(name)
        if found is None or ".." in name or "//" in name:
            raise BadArgument(f"{name!r} is not a Vertex AI resource.", "See the models with /tune models.")
        return cls(*found.groups())

    @property
    def version(self) -> str:
        """The version of a model, `2` in `models/7@2`; empty where the name has none."""
        return self.rest.partition("@")[2]

    @property
    def unversioned(self) -> str:
        return str(self).partition("@")[0]

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/{self.rest}"


def published_model(base_model: str, tuned: VertexName) -> str:
    """Return the resource name of a base model of Google's, served where `tuned` is, or as near as it can be."""
    name, location = base_model.rpartition("/")[2], tuned.location
    if location not in _MULTI_REGIONS and _SERVED_IN_REGIONS.match(name) is None:
        location = _CONTINENTS.get(location.partition("-")[0], "global")
    return str(VertexName(tuned.project, location, f"publishers/google/models/{name}"))


@dataclass(frozen=True, slots=True)
class VertexHosts:
    """Builds URLs; `override` replaces every host of Vertex AI."""

    override: str = ""

    def base(self, location: str, version: str = "v1") -> str:
        """Return the base URL of a location, with the API's version and without a slash at its end."""
        if self.override:
            return f"{self.override.rstrip('/')}/{version}"
        if location == "global":
            return f"https://aiplatform.googleapis.com/{version}"
        if location in _MULTI_REGIONS:
            return f"https://aiplatform.{location}.rep.googleapis.com/{version}"
        return f"https://{location}-aiplatform.googleapis.com/{version}"

    def url(self, name: str, method: str = "", *, version: str = "v1") -> str:
        """Return the URL of a resource, with a custom method such as `:cancel`. Raises BadArgument."""
        parsed = VertexName.parse(name)
        return f"{self.base(parsed.location, version)}/{parsed}{method}"

"""Names each request to Google by its API and method, for metrics: a fixed list, without any private name.

The names are those of Google's discovery documents, shortened to the resource and the verb.
"""

import re
from typing import Final

VERTEX: Final = "aiplatform"
GENERATIVE: Final = "generativelanguage"
STORAGE: Final = "storage"
OTHER: Final = "other"

_IN_PLACE: Final = r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+"
# The first pattern that matches the HTTP method and the path counts.
_CALLS: Final = tuple(
    (re.compile(pattern), api, name)
    for pattern, api, name in (
        (rf"POST {_IN_PLACE}/tuningJobs", VERTEX, "tuningJobs.create"),
        (rf"GET {_IN_PLACE}/tuningJobs", VERTEX, "tuningJobs.list"),
        (rf"GET {_IN_PLACE}/tuningJobs/[^/:]+", VERTEX, "tuningJobs.get"),
        (rf"POST {_IN_PLACE}/tuningJobs/[^/:]+:cancel", VERTEX, "tuningJobs.cancel"),
        (rf"POST {_IN_PLACE}/tuningJobs:rebaseTunedModel", VERTEX, "tuningJobs.rebaseTunedModel"),
        (rf"GET {_IN_PLACE}/tuningJobs/[^/:]+/operations/[^/:]+", VERTEX, "operations.get"),
        (rf"POST {_IN_PLACE}/.+:generateContent", VERTEX, "generateContent"),
        (rf"POST {_IN_PLACE}/.+:streamGenerateContent", VERTEX, "streamGenerateContent"),
        (rf"POST {_IN_PLACE}/.+:countTokens", VERTEX, "countTokens"),
        (rf"GET {_IN_PLACE}/models", VERTEX, "models.list"),
        (rf"GET {_IN_PLACE}/models/.+", VERTEX, "models.get"),
        (rf"DELETE {_IN_PLACE}/models/.+", VERTEX, "models.delete"),
        (rf"GET {_IN_PLACE}/endpoints(?:/[^/:]+)?", VERTEX, "endpoints.get"),
        (rf"POST {_IN_PLACE}/endpoints/[^/:]+:undeployModel", VERTEX, "endpoints.undeployModel"),
        (rf"DELETE {_IN_PLACE}/endpoints/[^/:]+", VERTEX, "endpoints.delete"),
        (rf"GET {_IN_PLACE}/(?:metadataStores|tensorboards)/.+", VERTEX, "losses.read"),
        (r"POST /v1\w*/tunedModels", GENERATIVE, "tunedModels.create"),
        (r"GET /v1\w*/tunedModels", GENERATIVE, "tunedModels.list"),
        (r"GET /v1\w*/tunedModels/[^/:]+", GENERATIVE, "tunedModels.get"),
        (r"DELETE /v1\w*/tunedModels/[^/:]+", GENERATIVE, "tunedModels.delete"),
        (r"GET /v1\w*/tunedModels/.+/operations.*", GENERATIVE, "operations.get"),
        (r"POST /v1\w*/tunedModels/.+:cancel", GENERATIVE, "operations.cancel"),
        (r"POST /v1\w*/.+:(?:generateContent|generateText)", GENERATIVE, "generateContent"),
        (r"POST /v1\w*/.+:streamGenerateContent", GENERATIVE, "streamGenerateContent"),
        (r"POST /v1\w*/.+:count\w+", GENERATIVE, "countTokens"),
        (r"(?:POST|PUT) /upload/storage/v1/.+", STORAGE, "objects.insert"),
        (r"GET /storage/v1/b/[^/]+/o", STORAGE, "objects.list"),
        (r"GET (?:/download)?/storage/v1/b/[^/]+/o/.+", STORAGE, "objects.get"),
        (r"DELETE /storage/v1/b/[^/]+/o/.+", STORAGE, "objects.delete"),
        (r"GET /storage/v1/b/.+", STORAGE, "buckets.get"),
    )
)
CALLS: Final = (*dict.fromkeys((api, name) for _, api, name in _CALLS), (OTHER, OTHER))


def call_name(method: str, path: str) -> tuple[str, str]:
    """Return the API and the method of a request, one of CALLS; `other` for both where none is known."""
    line = f"{method} {path}"
    return next(((api, name) for pattern, api, name in _CALLS if pattern.fullmatch(line)), (OTHER, OTHER))

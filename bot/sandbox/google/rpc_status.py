"""Google's errors as it words and shapes them, so that a client meets here what it meets there.

A failed HTTP call carries the HTTP code; a failed operation or job carries the gRPC code (`GRPC_CODES`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

# HTTP code -> (google.rpc.Code name, its number).
GRPC_CODES: Mapping[int, tuple[str, int]] = {
    400: ("INVALID_ARGUMENT", 3),
    401: ("UNAUTHENTICATED", 16),
    403: ("PERMISSION_DENIED", 7),
    404: ("NOT_FOUND", 5),
    409: ("ALREADY_EXISTS", 6),
    412: ("FAILED_PRECONDITION", 9),
    413: ("INVALID_ARGUMENT", 3),
    429: ("RESOURCE_EXHAUSTED", 8),
    499: ("CANCELLED", 1),
    500: ("INTERNAL", 13),
    501: ("UNIMPLEMENTED", 12),
    502: ("UNAVAILABLE", 14),
    503: ("UNAVAILABLE", 14),
    504: ("DEADLINE_EXCEEDED", 4),
}
USUAL_MESSAGES: Mapping[int, str] = {
    400: "Request contains an invalid argument.",
    401: (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project."
    ),
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    409: "Requested entity already exists",
    429: "Resource has been exhausted (e.g. check quota).",
    500: "Internal error encountered.",
    501: "Operation is not implemented, or supported, or enabled.",
    502: "Bad Gateway",
    503: "The service is currently unavailable.",
    504: "Deadline expired before operation could complete.",
}
# The `reason` words of Cloud Storage, which has an error shape of its own.
STORAGE_REASONS: Mapping[int, str] = {
    400: "invalid",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    500: "backendError",
    503: "backendError",
}
# The stand-in's own answer for each kind of detail starts with this type address.
TYPE = "type.googleapis.com/google.rpc."


class GoogleError(Exception):
    """A google.rpc.Status answered with an HTTP code.

    `status` overrides the name that follows from the code: FAILED_PRECONDITION is answered with 400.
    """

    def __init__(
        self,
        code: int,
        message: str | None = None,
        *,
        status: str | None = None,
        details: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.message = message or USUAL_MESSAGES.get(code, "Unknown error.")
        self.status = status or GRPC_CODES.get(code, ("UNKNOWN", 2))[0]
        self.details = [dict(detail) for detail in details]
        self.headers = dict(headers or {})
        super().__init__(f"{code} {self.message}")

    def body(self) -> dict[str, Any]:
        """The JSON of the error for every Google API except Cloud Storage."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def storage_body(self) -> dict[str, Any]:
        """The JSON of the error as Cloud Storage shapes it."""
        reason = STORAGE_REASONS.get(self.code, "backendError")
        one: dict[str, Any] = {"message": self.message, "domain": "global", "reason": reason}
        if self.code == 401:
            one |= {"locationType": "header", "location": "Authorization"}
        return {"error": {"code": self.code, "message": self.message, "errors": [one]}}


def invalid(message: str, *fields: str) -> GoogleError:
    """A 400 INVALID_ARGUMENT whose BadRequest detail names the fields at fault."""
    violations = [{"field": field, "description": message} for field in fields]
    details = [{"@type": f"{TYPE}BadRequest", "fieldViolations": violations}] if violations else []
    return GoogleError(400, message, details=details)


def failed_precondition(message: str) -> GoogleError:
    """A 400 FAILED_PRECONDITION: the request is well formed, the resource is in the wrong state."""
    return GoogleError(400, message, status="FAILED_PRECONDITION")


def not_found(message: str | None = None) -> GoogleError:
    """A 404 NOT_FOUND."""
    return GoogleError(404, message)


def error_info(reason: str, domain: str = "googleapis.com", **metadata: str) -> dict[str, Any]:
    """An ErrorInfo detail: the machine-readable reason of an error."""
    return {"@type": f"{TYPE}ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata}


def retry_info(seconds: float) -> dict[str, Any]:
    """A RetryInfo detail: how long Google asks to wait."""
    return {"@type": f"{TYPE}RetryInfo", "retryDelay": f"{seconds:g}s"}

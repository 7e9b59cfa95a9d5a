"""Says whether a request failed because this machine does not trust a certificate: trying again does not help."""

import ssl
from typing import Final

UNTRUSTED_HINT: Final = (
    "Where a proxy opens TLS connections, set SSL_CERT_FILE to a file with its certificate beside the usual ones. "
    "Else check this machine's clock and the package ca-certificates."
)


def is_untrusted(error: BaseException) -> bool:
    """Return whether a request failed because the other side's certificate is not trusted here."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        if isinstance(following, ssl.SSLCertVerificationError):
            return True
        seen.add(id(following))
        # aiohttp has the error of the ssl module as an attribute, and httpx as the cause.
        inner = getattr(following, "certificate_error", None)
        following = inner or following.__cause__ or following.__context__
    return False

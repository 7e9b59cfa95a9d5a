"""What is told of a certificate that is not trusted, and of what only looks like one."""

import ssl

import httpx
import pytest

from bot.backends.google.google_errors import network_error
from bot.domain.certificates import UNTRUSTED_HINT, is_untrusted


def refused() -> httpx.ConnectError:
    """The error of httpx for a certificate that is not trusted; the ssl module's is behind another one."""
    between = OSError("handshake")
    between.__context__ = ssl.SSLCertVerificationError(1, "self-signed certificate")
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.__cause__ = between
    return error


def test_a_certificate_that_is_not_trusted_is_found_behind_the_errors_of_libraries() -> None:
    assert is_untrusted(refused())
    found = network_error(refused())
    assert found.message == "This machine does not trust the certificate that answers for Google."
    assert found.hint == UNTRUSTED_HINT
    assert is_untrusted(found)


@pytest.mark.parametrize("error", [httpx.ConnectError("away"), ssl.SSLError(1, "bad handshake"), OSError()])
def test_other_faults_are_not_called_so(error: Exception) -> None:
    assert not is_untrusted(error)


def test_errors_that_name_each_other_end_the_search() -> None:
    one, two = OSError("one"), OSError("two")
    one.__cause__, two.__cause__ = two, one
    assert not is_untrusted(one)

"""Only a body that Slack signed just now is Slack's."""

import hmac
from hashlib import sha256

import pytest

from handlers.transport.signatures import LONGEST_AGE, Signatures

SECRET, NOW, BODY = "a signing secret", 1_795_000_000.0, b"command=%2Ftune&text=list"


def signed(body: bytes = BODY, stamp: str = f"{NOW:.0f}", secret: str = SECRET) -> dict[str, str]:
    signature = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signature}"}


def signatures(later: float = 0.0) -> Signatures:
    return Signatures(SECRET, lambda: NOW + later)


def test_what_slack_signed_is_valid_for_five_minutes() -> None:
    assert signatures().valid(signed(), BODY)
    assert signatures(LONGEST_AGE).valid(signed(), BODY)
    assert not signatures(LONGEST_AGE + 1).valid(signed(), BODY)
    assert not signatures(-LONGEST_AGE - 1).valid(signed(), BODY)


def test_example_of_slacks_own_page_is_valid() -> None:
    # Source: docs.slack.dev/authentication/verifying-requests-from-slack.
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    assert Signatures("8f742231b10e8888abcd99yyyzzz85a5", lambda: 1531420618.0).valid(headers, body)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (signed(), BODY + b" "),
        (signed(secret="another secret"), BODY),
        ({}, BODY),
        ({"X-Slack-Signature": signed()["X-Slack-Signature"]}, BODY),
        ({**signed(), "X-Slack-Signature": ""}, BODY),
        ({**signed(), "X-Slack-Signature": signed()["X-Slack-Signature"].upper()}, BODY),
        ({**signed(), "X-Slack-Signature": "v0=" + "é" * 64}, BODY),
        ({**signed(), "X-Slack-Request-Timestamp": "now"}, BODY),
        ({**signed(), "X-Slack-Request-Timestamp": "١٧٩٥٠٠٠٠٠٠"}, BODY),
        ({**signed(), "X-Slack-Request-Timestamp": "9" * 5_000}, BODY),
    ],
)
def test_anything_else_is_not_valid(headers: dict[str, str], body: bytes) -> None:
    assert not signatures().valid(headers, body)


def test_headers_that_cannot_be_valid_are_known_before_the_body_is_read() -> None:
    assert signatures().may_be_valid(signed())
    assert not signatures(LONGEST_AGE + 1).may_be_valid(signed())
    assert not signatures().may_be_valid({})

"""Raw HTTP answers read as what Google sends: JSON objects, waits, and errors for what is neither.

No I/O; http.py and gcs.py share it.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import msgspec

from bot.backends.google.json_fields import Json, number
from bot.errors import GoogleUnavailable

_TRY_LATER: Final = "This usually passes. Try again in a few minutes."


def decoded(content: bytes, status: int = 200) -> Json:
    """The JSON object of an answer; empty is an empty object. Raises GoogleUnavailable for anything else."""
    if not content.strip():
        return {}
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise not_json(status) from error
    if not isinstance(body, dict):
        raise not_json(status)
    return body


def retry_after(response: httpx.Response) -> float | None:
    """Seconds out of a Retry-After header, which holds seconds or a date."""
    value = response.headers.get("retry-after", "")
    seconds = number(value)
    if seconds is None and value:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - datetime.now(UTC)).total_seconds()
    return None if seconds is None else max(0.0, seconds)


def unreachable(error: httpx.RequestError) -> GoogleUnavailable:
    """The error for a request that got no answer."""
    match error:
        case httpx.ConnectTimeout() | httpx.ConnectError() | httpx.UnsupportedProtocol():
            return GoogleUnavailable("Google cannot be reached.", _TRY_LATER)
        case httpx.TimeoutException():
            return GoogleUnavailable("Google did not answer in time.", _TRY_LATER)
        case _:
            return GoogleUnavailable("The connection to Google broke.", _TRY_LATER)


def not_json(status: int) -> GoogleUnavailable:
    """The error for an answer that is not Google's JSON."""
    return GoogleUnavailable(
        f"Something other than Google's API answered ({status}).",
        "A proxy or a wrong address may stand in between. Try again; if it stays, ask an administrator to check "
        "TUNEBOT_VERTEX_URL, TUNEBOT_GENAI_URL and the network.",
        http_status=status,
    )

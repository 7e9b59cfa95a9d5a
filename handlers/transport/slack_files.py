"""Reads files that people shared in Slack, for the people who can see them there.

The bot sees more than each person: every file of every channel that it is in. A person gets a file only if the
answer of files.info says that they see it too (docs.slack.dev/reference/methods/files.info). The bot's scopes do
not show who is in another channel, so a person shares such a file in the channel where they use the bot.

The bot's token is sent with every download, so only Slack's hosts are called and no redirect is followed. Slack
answers a missing scope with a login page and status 200, so the content decides and not the status.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import httpx
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.datasets import stored_header
from bot.domain.place import Place
from bot.errors import FileTooLarge, FileUnavailable
from bot.ports.files import FileInfo
from handlers.slack_errors import CALL_ERRORS, NETWORK_ERRORS, file_error, file_not_found, no_file_scope
from handlers.transport.attachments import DATASET_NAMES, SCHEME, file_ids
from handlers.transport.slack_people import SlackUsers

logger = logging.getLogger(__name__)

CHUNK_BYTES: Final = 256 * 1024
_SLACK_HOST = re.compile(r"(?:[a-z0-9-]+\.)*(?:slack\.com|slack-files\.com|slack-edge\.com)", re.IGNORECASE)
_HTML_START = re.compile(rb"\s*<(?:!doctype\s+html|html)", re.IGNORECASE)
# With these statuses, and with those of a server that fails, Slack may give the file later.
_PASSING: Final = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS})


class SlackFiles:
    """The FileReader for locations like `slack:F0123ABC`, and `slack:F0123ABC+F0456DEF` for rows with pictures."""

    def __init__(
        self,
        client: AsyncWebClient,
        users: SlackUsers,
        http: httpx.AsyncClient,
        token: str,
        own_base: str = "",
    ) -> None:
        """`own_base` is the address of another Slack, from whose host and port files may be fetched too."""
        self._client = client
        self._users = users
        self._http = http
        self._token = token
        self._own = _origin(httpx.URL(own_base)) if own_base else None
        # Slack shares an uploaded file some time after the upload; until then files.info names no channel.
        self._posted: dict[str, str] = {}

    async def describe(self, place: Place, user: str, location: str) -> FileInfo:
        found = [await self._info(place, user, each) for each in file_ids(location)]
        headers = sum(len(_header(each)) for each in found) if len(found) > 1 else 0
        size = sum(int(each.get("size") or 0) for each in found)
        return FileInfo(location, str(found[0].get("name") or "file"), headers + size)

    async def read(self, place: Place, user: str, location: str) -> AsyncGenerator[bytes, None]:
        """See FileReader. Rows with their pictures are yielded as a zip of them all that packs nothing."""
        ids = file_ids(location)
        for each in ids:
            found = await self._info(place, user, each)
            if len(ids) > 1:
                yield _header(found)
            async with aclosing(self._read_one(found)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _read_one(self, found: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        name = str(found.get("name") or "file")
        url = str(found.get("url_private_download") or found.get("url_private") or "")
        address = self._address(url, name)
        expected = int(found.get("size") or 0)
        received = 0
        try:
            async with self._http.stream(
                "GET", address, headers={"Authorization": f"Bearer {self._token}"}, follow_redirects=False
            ) as response:
                # A page of HTML that is as long as the file is the file, and no page on which to sign in.
                is_file = response.headers.get("content-length") == str(expected)
                _check_answer(response, name, is_file=is_file)
                async for chunk in response.aiter_bytes(CHUNK_BYTES):
                    if not received and not is_file and _HTML_START.match(chunk):
                        raise no_file_scope(name)
                    received += len(chunk)
                    if received > expected:
                        raise FileTooLarge(
                            f"Slack says that {name} has {expected:,} bytes, but sends more.",
                            "Share the file again.",
                        )
                    yield chunk
        except httpx.HTTPError as error:
            raise FileUnavailable(
                f"The download of {name} from Slack broke off ({type(error).__name__}).",
                "Try again in a moment.",
                passing=True,
            ) from error
        if received < expected:
            raise FileUnavailable(
                f"Slack sent {received:,} of the {expected:,} bytes of {name}.",
                "Try again in a moment.",
                passing=True,
            )

    async def recent(self, channel: str, limit: int = 20) -> Sequence[FileInfo]:
        """Return the newest files of the channel whose names look like datasets."""
        answer = await self._client.files_list(channel=channel, count=100)
        files: list[dict[str, Any]] = answer.get("files") or []
        return [
            FileInfo(SCHEME + str(found["id"]), str(found.get("name") or "file"), int(found.get("size") or 0))
            for found in files
            if str(found.get("name") or "").lower().endswith(DATASET_NAMES)
        ][:limit]

    async def shared_in(self, place: Place, user: str, location: str) -> str:
        """Return the `ts` of the message that shares the file in the place's channel, or an empty text."""
        if not location.startswith(SCHEME):
            return ""
        shares = _shares(await self._info(place, user, file_ids(location)[0]))
        messages = [message for kind in shares.values() for message in kind.get(place.channel, ())]
        return str(messages[0].get("thread_ts") or messages[0]["ts"]) if messages else ""

    async def upload(self, files: Sequence[tuple[Path, str]], place: Place) -> Sequence[str]:
        """Upload local files in chunks, each under a name, post them in the place's thread, and return their ids.

        An empty file is left out. Raises FileUnavailable.
        Source: docs.slack.dev/reference/methods/files.completeUploadExternal.
        """
        ids: list[str] = []
        for path, name in files:
            size = (await asyncio.to_thread(path.stat)).st_size
            if not size:
                continue
            upload_slot = await self._client.files_getUploadURLExternal(filename=name, length=size)
            address = self._address(str(upload_slot["upload_url"]), name)
            try:
                sent = await self._http.post(address, content=_chunks(path), headers={"Content-Length": str(size)})
            except httpx.HTTPError as error:
                raise FileUnavailable(
                    f"The upload of {name} to Slack broke off ({type(error).__name__}).", "Try again in a moment."
                ) from error
            if sent.status_code != httpx.codes.OK:
                raise FileUnavailable(f"Slack did not take {name}: {sent.status_code}.", "Try again in a moment.")
            ids.append(str(upload_slot["file_id"]))
            self._posted[ids[-1]] = place.channel
        if not ids:
            return ids
        await self._client.files_completeUploadExternal(
            files=[{"id": file_id} for file_id in ids], channel_id=place.channel, thread_ts=place.thread or None
        )
        return ids

    async def _info(self, place: Place, user: str, file_id: str) -> dict[str, Any]:
        """Return the answer of files.info for a person who sees the file. Raises FileUnavailable.

        An event may hold only the file's id, in channels shared with other companies.
        """
        try:
            answer = await self._client.files_info(file=file_id)
        except SlackApiError as error:
            raise file_error(file_id, error) from error
        except NETWORK_ERRORS as error:
            raise FileUnavailable(
                f"Slack did not say whether I may read the file {file_id} ({type(error).__name__}).",
                "Try again in a moment.",
                passing=True,
            ) from error
        found: dict[str, Any] | None = answer.get("file")
        if not found:
            raise FileUnavailable(
                f"Slack answered without saying anything about the file {file_id}.",
                "Try again in a moment.",
                passing=True,
            )
        if _shown_in(found, place, user) or self._posted.get(file_id) == place.channel:
            return found
        if await self._shared_directly(found, user):
            return found
        if _is_public(found, place) and await self._sees_public_channels(place, user):
            return found
        raise file_not_found(file_id)

    async def _shared_directly(self, found: dict[str, Any], user: str) -> bool:
        """Return whether the file is in the person's direct messages with the bot, where it sends them files."""
        direct = {*(found.get("ims") or ()), self._posted.get(str(found.get("id")), "")} - {""}
        if not user or not any(channel.startswith("D") for channel in direct):
            return False
        try:
            answer = await self._client.conversations_open(users=user)
        except CALL_ERRORS as error:
            logger.info("whether a file was sent to a person is not known: %s", error)
            return False
        return str((answer.get("channel") or {}).get("id")) in direct

    async def _sees_public_channels(self, place: Place, user: str) -> bool:
        """Return whether the person is a full member: a guest sees only the channels that they are in."""
        person = await self._users.find(user) if user else None
        return person is not None and place.team in person.teams and not person.is_guest

    def _address(self, url: str, name: str) -> httpx.URL:
        """Return the URL as httpx parses it: no other parser may decide where the token is sent."""
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL:
            address = httpx.URL()
        slack = address.scheme == "https" and address.port is None and _SLACK_HOST.fullmatch(address.host)
        if address.userinfo or not (slack or _origin(address) == self._own):
            raise FileUnavailable(
                f"{name} is not stored at Slack itself, and I fetch files from no other host.",
                "Upload the file to this channel.",
            )
        return address


def _header(found: dict[str, Any]) -> bytes:
    return stored_header(str(found.get("name") or "file"), int(found.get("size") or 0))


def _origin(address: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port; the default port of a scheme is None in httpx."""
    return address.scheme, address.host, address.port


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    # Opening a local file does not block; reading it may, so it runs in a thread.
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk


def _check_answer(response: httpx.Response, name: str, *, is_file: bool) -> None:
    # First, because a server that fails also shows a page of HTML.
    if response.status_code in _PASSING or response.is_server_error:
        raise FileUnavailable(
            f"Slack answered {response.status_code} for {name}.", "Try again in a moment.", passing=True
        )
    if response.is_redirect or ("text/html" in response.headers.get("content-type", "") and not is_file):
        raise no_file_scope(name)
    if response.status_code != httpx.codes.OK:
        raise FileUnavailable(
            f"Slack answered {response.status_code} for {name}.", "Share the file again, then start again."
        )


def _shown_in(found: dict[str, Any], place: Place, user: str) -> bool:
    """Return whether files.info says that the person uploaded the file, or that it was shared in their channel.

    Slack may cut `shares` short for a file that was shared often, and may leave out the lists of channels; either
    of them is enough.
    """
    if user and found.get("user") == user:
        return True
    listed = {each for name in ("channels", "groups", "ims") for each in found.get(name) or ()}
    shared = {each for kind in _shares(found).values() for each in kind}
    return bool(place.channel) and place.channel in listed | shared


def _is_public(found: dict[str, Any], place: Place) -> bool:
    """Return whether the file is public in this workspace, and not only in another one that it came from."""
    return found.get("is_public") is True and found.get("user_team") == place.team


def _shares(found: dict[str, Any]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    return found.get("shares") or {}

"""``files.*``: finding files, the three steps of an upload, and the addresses where a file's bytes go in and out.

Source: https://docs.slack.dev/reference/methods/files.getUploadURLExternal/
"""

import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from aiohttp import web

from bot.sandbox.slack.call import Call
from bot.sandbox.slack.methods.chat_methods import bot_message, thread
from bot.sandbox.slack.records import Channel, File, Json, WebCall
from bot.sandbox.slack.refusals import SlackError
from bot.sandbox.slack.rules.surfaces import message_blocks
from bot.sandbox.slack.slack_app import SlackApp
from bot.sandbox.slack.slack_faults import RequestFaults, reset
from bot.sandbox.slack.workspace import SlackWorkspace


@dataclass(slots=True)
class Upload:
    """A file that is announced; `content` is None until its bytes arrived."""

    file_id: str
    name: str
    length: int
    alt_text: str | None
    content: bytes | None = None


@dataclass(slots=True)
class Uploads:
    """The uploads that are not complete, by the ticket in their URL."""

    by_ticket: dict[str, Upload] = field(default_factory=dict)

    def get_url(self, call: Call) -> Json:
        """Announce a file and learn where to send its bytes."""
        name, length = call.text("filename"), call.number("length", 0)
        if not name:
            raise SlackError("missing_argument")
        if length <= 0:
            raise SlackError("invalid_arguments")
        ticket = secrets.token_urlsafe(16)
        upload = Upload(call.workspace.new_id("F"), name, length, call.text("alt_txt") or None)
        self.by_ticket[ticket] = upload
        url = f"{call.objects.origin}/upload/v1/{ticket}"
        return {"ok": True, "upload_url": url, "file_id": upload.file_id}

    def complete(self, call: Call) -> Json:
        """Turn uploaded bytes into files, and share them where asked."""
        asked: Any = call.data("files")
        if not isinstance(asked, list) or not asked:
            raise SlackError("invalid_arguments", messages=["[ERROR] missing required field: files"])
        channels = _channels(call)
        waiting = {upload.file_id: ticket for ticket, upload in self.by_ticket.items()}
        for entry in asked:
            if entry.get("id") not in waiting:
                raise SlackError("file_not_found")
            upload = self.by_ticket[waiting[entry["id"]]]
            if upload.content is None or len(upload.content) != upload.length:
                raise SlackError("file_update_failed" if upload.content else "file_not_found")
        files = []
        for entry in asked:
            upload = self.by_ticket.pop(waiting[entry["id"]])
            file = call.workspace.add_file(
                call.app.bot_user_id, upload.name, upload.content or b"",
                title=str(entry.get("title") or upload.name), file_id=upload.file_id,
            )  # fmt: skip
            file.alt_text = upload.alt_text
            files.append(file)
        for channel in channels:
            _share(call, channel, files)
        return {"ok": True, "files": [call.objects.file(file) for file in files]}


def _channels(call: Call) -> list[Channel]:
    names = call.text("channels") or call.text("channel_id")
    channels = []
    for name in filter(None, names.split(",")):
        channel = call.workspace.find_channel(name)
        if channel is None:
            raise SlackError("channel_not_found")
        if call.app.bot_user_id not in channel.members:
            raise SlackError("not_in_channel")
        channels.append(channel)
    return channels


def _share(call: Call, channel: Channel, files: list[File]) -> None:
    blocks = call.data("blocks")
    kept = message_blocks(blocks, call.workspace) if blocks else []
    message = bot_message(call, channel, call.text("initial_comment"), kept)
    message.thread_ts = thread(call, channel)
    message.files = [file.id for file in files]
    for file in files:
        file.shares.append((channel.id, message.ts))
    call.workspace.add_message(message)
    call.events.message_posted(message)


def info(call: Call) -> Json:
    """Describe one file that the app may see."""
    file = _visible_file(call)
    return {"ok": True, "file": call.objects.file(file), "comments": [], "response_metadata": {"next_cursor": ""}}


def list_files(call: Call) -> Json:
    """List files, newest first, by channel, user and time, in numbered pages."""
    channel, user = call.text("channel"), call.text("user")
    oldest, latest = float(call.text("ts_from", "0") or 0), float(call.text("ts_to") or "inf")
    if channel and call.workspace.find_channel(channel) is None:
        raise SlackError("channel_not_found")
    if user and user not in call.workspace.users:
        raise SlackError("user_not_found")
    found = [
        file
        for file in reversed(call.workspace.files.values())
        if _seen_by_app(call, file)
        and (not channel or any(where == channel for where, _ in file.shares))
        and (not user or file.user == user)
        and oldest <= file.created <= latest
    ]
    count, page = call.number("count", 100), call.number("page", 1)
    shown = [call.objects.file(file) for file in found[(page - 1) * count : page * count]]
    paging = {"count": count, "total": len(found), "page": page, "pages": -(-len(found) // count) or 1}
    return {"ok": True, "files": shown, "paging": paging}


def _visible_file(call: Call) -> File:
    file = call.workspace.files.get(call.text("file"))
    if file is None or not _seen_by_app(call, file):
        raise SlackError("file_not_found")
    if file.deleted:
        raise SlackError("file_deleted")
    return file


def _seen_by_app(call: Call, file: File) -> bool:
    """Tell whether the app uploaded the file, was given it in a form, or is where it was shared."""
    if file.user == call.app.bot_user_id or not file.shares:
        return True
    members = (call.workspace.channels[channel].members for channel, _ in file.shares)
    return any(call.app.bot_user_id in each for each in members)


LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Login | Slack</title></head>"
    "<body><h1>Sign in to your workspace</h1></body></html>"
)


class FileServer:
    """Serves uploads and downloads, and the login page to a token that may not read."""

    def __init__(
        self, workspace: SlackWorkspace, app: SlackApp, uploads: Uploads, request_faults: RequestFaults
    ) -> None:
        self._workspace = workspace
        self._app = app
        self._uploads = uploads
        self._request_faults = request_faults

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take the bytes of an announced file."""
        ticket = request.match_info["ticket"]
        record = WebCall("files.upload", {"ticket": ticket[:4]}, self._workspace.now())

        async def take() -> web.Response:
            upload = self._uploads.by_ticket.get(ticket)
            if upload is None:
                return web.Response(status=404, text="unknown upload")
            if request.content_type.startswith("multipart/"):
                form = await request.post()
                fields = [part for part in form.values() if isinstance(part, web.FileField)]
                upload.content = b"".join(part.file.read() for part in fields)
            else:
                upload.content = await request.read()
            record.performed = True
            return web.Response(text=f"OK - {len(upload.content)}")

        return await self._request_faults.carry_out(record, request, take)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Give a file's bytes to a token that may read it, and the login page to any other."""
        file_id = request.match_info["team_and_file"].rpartition("-")[2]
        record = WebCall("files.download", {"file": file_id}, self._workspace.now())
        file = self._workspace.files.get(file_id)

        async def give() -> web.Response:
            if request.headers.get("Authorization") != f"Bearer {self._app.bot_token}" or (
                "files:read" not in self._app.scopes
            ):
                return self._login(request)
            if file is None or file.deleted:
                return web.Response(status=404, text="file not found")
            record.performed = True
            headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
            return web.Response(body=file.content, content_type=file.mimetype, headers=headers)

        half = None if file is None else partial(self._half, request, file.content)
        return await self._request_faults.carry_out(record, request, give, half)

    async def login(self, request: web.Request) -> web.Response:
        """Show the login page."""
        return web.Response(text=LOGIN_PAGE, content_type="text/html")

    def _login(self, request: web.Request) -> web.Response:
        if self._request_faults.faults.login_redirects:
            return web.Response(status=302, headers={"Location": f"{request.url.origin()}/login"})
        return web.Response(text=LOGIN_PAGE, content_type="text/html")

    async def _half(self, request: web.Request, content: bytes) -> web.StreamResponse:
        """Send half of the announced bytes, then cut the connection."""
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        reset(request)
        return response

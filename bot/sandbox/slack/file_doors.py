"""The addresses beside the Web API where a file's bytes go in and out."""

from urllib.parse import quote

from aiohttp import web

from bot.sandbox.slack.connection import Trouble, reset
from bot.sandbox.slack.faults import Cut
from bot.sandbox.slack.methods.files import Uploads
from bot.sandbox.slack.records import WebCall
from bot.sandbox.slack.slack_app import SlackApp
from bot.sandbox.slack.workspace import SlackWorkspace

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Login | Slack</title></head>"
    "<body><h1>Sign in to your workspace</h1></body></html>"
)


class FileDoors:
    """Serves uploads, downloads and the login page that stands in the way of the uninvited."""

    def __init__(self, workspace: SlackWorkspace, app: SlackApp, uploads: Uploads, trouble: Trouble) -> None:
        self._workspace = workspace
        self._app = app
        self._uploads = uploads
        self._trouble = trouble

    async def upload(self, request: web.Request) -> web.Response:
        """Take the bytes of an announced file."""
        record = self._log("files.upload", {"ticket": request.match_info["ticket"][:4]})
        fault = self._trouble.faults.take("files.upload")
        refused = await self._trouble.before(fault, request)
        if refused is not None:
            return refused
        upload = self._uploads.by_ticket.get(request.match_info["ticket"])
        if upload is None:
            return self._done(record, web.Response(status=404, text="unknown upload"))
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            fields = [part for part in form.values() if isinstance(part, web.FileField)]
            upload.content = b"".join(part.file.read() for part in fields)
        else:
            upload.content = await request.read()
        record.performed = True
        if fault is not None and fault.cut is Cut.LOSE_ANSWER:
            return reset(request)
        return self._done(record, web.Response(text=f"OK - {len(upload.content)}"))

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Give a file's bytes to a token that may read it, and the login page to any other."""
        file_id = request.match_info["team_and_file"].rpartition("-")[2]
        record = self._log("files.download", {"file": file_id})
        fault = self._trouble.faults.take("files.download")
        refused = await self._trouble.before(fault, request)
        if refused is not None:
            return refused
        if request.headers.get("Authorization") != f"Bearer {self._app.bot_token}" or (
            "files:read" not in self._app.scopes
        ):
            return self._done(record, self._login(request))
        file = self._workspace.files.get(file_id)
        if file is None or file.deleted:
            return self._done(record, web.Response(status=404, text="file not found"))
        record.performed = True
        if fault is not None and fault.cut is Cut.LOSE_ANSWER:
            return await self._half(request, file.content)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
        response = web.Response(body=file.content, content_type=file.mimetype, headers=headers)
        return self._done(record, response)

    async def login(self, request: web.Request) -> web.Response:
        """Show the login page."""
        return web.Response(text=LOGIN_PAGE, content_type="text/html")

    def _login(self, request: web.Request) -> web.Response:
        if self._trouble.faults.login_redirects:
            return web.Response(status=302, headers={"Location": f"{request.url.origin()}/login"})
        return web.Response(text=LOGIN_PAGE, content_type="text/html")

    async def _half(self, request: web.Request, content: bytes) -> web.StreamResponse:
        """Send half of the announced bytes, then cut the connection."""
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        reset(request)
        return response

    def _log(self, door: str, args: dict[str, str]) -> WebCall:
        record = WebCall(door, dict(args), self._workspace.now())
        self._workspace.calls.append(record)
        return record

    def _done(self, record: WebCall, response: web.Response) -> web.Response:
        record.status = response.status
        record.response = {"ok": record.performed}
        self._workspace.changed()
        return response

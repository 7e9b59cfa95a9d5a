"""Writes the workspace's things as the JSON that Slack's API and events show."""

from urllib.parse import quote

from bot.sandbox.slack.records import Channel, ChannelKind, File, Json, Message, User, View
from bot.sandbox.slack.slack_app import SlackApp
from bot.sandbox.slack.workspace import SlackWorkspace


class ApiObjects:
    """Renders records for one workspace and one app; `origin` is the server's ``http://host:port``."""

    def __init__(self, workspace: SlackWorkspace, app: SlackApp) -> None:
        self.workspace = workspace
        self.app = app
        self.origin = ""

    def user(self, user: User) -> Json:
        """Return a user as ``users.info`` shows it."""
        team = self.team_of(user)
        return {
            "id": user.id, "team_id": team, "name": user.name, "deleted": user.deleted,
            "real_name": user.real_name, "tz": user.timezone, "is_bot": user.is_bot, "is_app_user": False,
            "is_restricted": user.is_restricted or user.is_ultra_restricted,
            "is_ultra_restricted": user.is_ultra_restricted, "is_stranger": bool(user.team_id),
            "is_admin": user.is_admin or user.is_owner, "is_owner": user.is_owner, "is_primary_owner": False,
            "profile": {"real_name": user.real_name, "display_name": user.name, "team": team},
        }  # fmt: skip

    def team_of(self, user: User | None) -> str:
        """Return the id of the workspace that a user belongs to."""
        return (user.team_id if user is not None else "") or self.workspace.team_id

    def channel(self, channel: Channel) -> Json:
        """Return a conversation as ``conversations.info`` shows it."""
        is_im = channel.kind is ChannelKind.IM
        shown: Json = {
            "id": channel.id, "created": channel.created, "is_archived": channel.is_archived, "is_im": is_im,
            "is_channel": channel.kind is ChannelKind.CHANNEL, "is_group": channel.kind is ChannelKind.GROUP,
            "is_mpim": False, "is_private": channel.kind is not ChannelKind.CHANNEL,
            "is_member": self.app.bot_user_id in channel.members, "is_ext_shared": channel.is_ext_shared,
            "is_shared": channel.is_ext_shared,
            "context_team_id": self.workspace.team_id,
        }  # fmt: skip
        if is_im:
            shown["user"] = next(iter(channel.members - {self.app.bot_user_id}), self.app.bot_user_id)
        else:
            shown |= {
                "name": channel.name,
                "name_normalized": channel.name,
                "num_members": len(channel.members),
                "topic": {"value": "", "creator": "", "last_set": 0},
                "purpose": {"value": "", "creator": "", "last_set": 0},
            }
        return shown

    def message(self, message: Message, *, with_metadata: bool = False) -> Json:
        """Return a message as history and events show it."""
        shown: Json = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
        if message.subtype:
            shown["subtype"] = message.subtype
        author = self.workspace.users.get(message.user)
        shown["team"] = self.team_of(author)
        if author is not None and author.team_id:
            shown |= {"user_team": author.team_id, "source_team": author.team_id}
        if message.bot_id:
            bot = self.bot(author)
            shown |= {"bot_id": message.bot_id, "app_id": bot["app_id"], "bot_profile": bot}
        if message.subtype == "bot_message":
            # An app of the old kind has no user: https://docs.slack.dev/reference/events/message/bot_message
            del shown["user"]
            shown["username"] = author.real_name if author is not None else ""
        if message.blocks:
            shown["blocks"] = message.blocks
        if message.files:
            shown["files"] = [self._attached(self.workspace.files[file]) for file in message.files]
            shown["upload"] = False
        if message.metadata and with_metadata:
            shown["metadata"] = message.metadata
        if message.edits:
            shown["edited"] = {"user": message.user, "ts": f"{message.revisions[-1].replaced_at:.6f}"}
        if message.reactions:
            shown["reactions"] = [
                {"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()
            ]
        return shown | self._thread(message)

    def _thread(self, message: Message) -> Json:
        if message.thread_ts is None:
            replies = [
                reply
                for reply in self.workspace.channels[message.channel].replies.get(message.ts, ())
                if not reply.deleted and reply.visible_to is None
            ]
            if not replies:
                return {}
            users = list(dict.fromkeys(reply.user for reply in replies))
            return {
                "thread_ts": message.ts, "reply_count": len(replies), "reply_users": users,
                "reply_users_count": len(users), "latest_reply": replies[-1].ts,
            }  # fmt: skip
        parent = self.workspace.channels[message.channel].message(message.thread_ts)
        return {"thread_ts": message.thread_ts} | ({"parent_user_id": parent.user} if parent else {})

    def _attached(self, file: File) -> Json:
        """Return a file as messages carry it; in shared channels that is no more than its id."""
        if self.workspace.files_are_stubs:
            return {"id": file.id, "mode": "file_access", "file_access": "check_file_info"}
        return self.file(file)

    def bot(self, user: User | None = None) -> Json:
        """Return a bot as ``bots.info`` shows it: the app's own, or that of another app's user."""
        other = user if user is not None and user.bot_id else None
        bot_id, app_id, user_id, name = (
            (other.bot_id, f"A{other.bot_id[1:]}", other.id, other.real_name) if other is not None
            else (self.app.bot_id, self.app.app_id, self.app.bot_user_id, self.app.name)
        )  # fmt: skip
        return {
            "id": bot_id, "app_id": app_id, "user_id": user_id, "name": name, "deleted": False, "updated": 0,
            "team_id": self.team_of(other), "icons": {},
        }  # fmt: skip

    def file(self, file: File) -> Json:
        """Return a file object; the type is empty while Slack still looks at the bytes."""
        ready = self.workspace.now() >= file.ready_at
        path = f"{self.origin}/files-pri/{self.workspace.team_id}-{file.id}"
        name = quote(file.name, safe="")
        shown: Json = {
            "id": file.id, "created": file.created, "timestamp": file.created, "name": file.name,
            "title": file.title, "mimetype": file.mimetype if ready else "",
            "filetype": file.filetype if ready else "", "pretty_type": file.filetype.title(), "user": file.user,
            "user_team": self.workspace.team_id, "editable": False, "size": file.size, "mode": "hosted",
            "is_external": False, "external_type": "", "is_public": self._public(file), "public_url_shared": False,
            "display_as_bot": False, "username": "", "url_private": f"{path}/{name}",
            "url_private_download": f"{path}/download/{name}", "permalink": self.file_permalink(file),
            "is_starred": False, "has_rich_preview": False, "file_access": "visible",
            "channels": self._shared_in(file, ChannelKind.CHANNEL),
            "groups": self._shared_in(file, ChannelKind.GROUP), "ims": self._shared_in(file, ChannelKind.IM),
            "shares": self._shares(file),
        }  # fmt: skip
        if file.alt_text:
            shown["alt_txt"] = file.alt_text
        return shown

    def file_permalink(self, file: File) -> str:
        """Return the address that people copy from Slack; it does not serve the bytes."""
        return f"{self.origin}/files/{file.user}/{file.id}/{quote(file.name, safe='')}"

    def permalink(self, message: Message) -> str:
        """Return the address of a message."""
        link = f"{self.origin}/archives/{message.channel}/p{message.ts.replace('.', '')}"
        if message.thread_ts and message.thread_ts != message.ts:
            link += f"?thread_ts={message.thread_ts}&cid={message.channel}"
        return link

    def _public(self, file: File) -> bool:
        return bool(self._shared_in(file, ChannelKind.CHANNEL))

    def _shares_of(self, file: File) -> list[tuple[str, str]]:
        """Return where a file is shared; what the app uploads is so only once Slack has looked at it."""
        waits = file.user == self.app.bot_user_id and self.workspace.now() < file.ready_at
        return [] if waits else file.shares

    def _shared_in(self, file: File, kind: ChannelKind) -> list[str]:
        channels = (self.workspace.channels[channel] for channel, _ in self._shares_of(file))
        return list(dict.fromkeys(channel.id for channel in channels if channel.kind is kind))

    def _shares(self, file: File) -> Json:
        shares: Json = {}
        for channel_id, ts in self._shares_of(file):
            channel = self.workspace.channels[channel_id]
            visibility = "public" if channel.kind is ChannelKind.CHANNEL else "private"
            entry = {"ts": ts, "channel_name": channel.name, "team_id": self.workspace.team_id}
            shares.setdefault(visibility, {}).setdefault(channel_id, []).append(entry)
        return shares

    def view(self, view: View) -> Json:
        """Return a view as Slack answers and sends it, `state` not included."""
        shown: Json = {
            "id": view.id, "team_id": self.workspace.team_id, "hash": view.hash, "app_id": self.app.app_id,
            "bot_id": self.app.bot_id, "app_installed_team_id": self.workspace.team_id,
            "root_view_id": view.root_view_id, "previous_view_id": view.previous_view_id,
            "private_metadata": "", "callback_id": "", "external_id": "", "clear_on_close": False,
            "notify_on_close": False, "title": None, "submit": None, "close": None,
        }  # fmt: skip
        return shown | view.definition

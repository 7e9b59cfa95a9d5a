"""Who and what the ids in a text are, for the person who reads it."""

from dataclasses import dataclass

from bot.sandbox.slack import SlackWorkspace


@dataclass(frozen=True, slots=True)
class Names:
    """Looks ids up in the workspace; `reader` is the user id of the person who reads."""

    workspace: SlackWorkspace
    reader: str

    def user(self, user_id: str) -> str:
        """A person's name, or the id itself where nobody has it."""
        user = self.workspace.users.get(user_id)
        return user.real_name if user is not None else user_id

    def channel(self, channel_id: str) -> str:
        """A channel's name, or the id itself."""
        channel = self.workspace.channels.get(channel_id)
        return channel.name if channel is not None and channel.name else channel_id

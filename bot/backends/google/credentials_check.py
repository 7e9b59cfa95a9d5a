"""The check of the bot's Google credentials: that there are some, whose they are, and which project is charged."""

from functools import partial

from bot.backends.google.auth import AccessToken, Credentials
from bot.errors import NotAuthenticated
from bot.ports.diagnosis import Check, Diagnosis, failed, good, limited


def credentials_check(credentials: Credentials, quota_project: str) -> Check:
    """Return the check; `quota_project` is that of the settings, empty for the credentials' own."""
    return Check("google.credentials", "Google credentials", partial(_check, credentials, quota_project))


async def _check(credentials: Credentials, quota_project: str) -> Diagnosis:
    try:
        headers = await credentials.headers()
    except NotAuthenticated as error:
        return failed(
            error.message,
            "gcloud auth application-default login\n"
            "On a server: set GOOGLE_APPLICATION_CREDENTIALS to the path of a service account's key file.",
        )
    charged = headers.get("x-goog-user-project", "")
    quota = f" Google counts requests against the project {charged}." if charged else ""
    if isinstance(credentials, AccessToken):
        return limited(
            f"The token of GOOGLE_OAUTH_ACCESS_TOKEN is used, which lasts about an hour.{quota}",
            "Unset it and set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login",
        )
    return good(f"They are those of {credentials.account() or 'a person or a federated identity'}.{quota}")

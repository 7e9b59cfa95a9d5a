"""What the bot needs at Google from the settings, and the checks of the whole installation."""

from collections.abc import Mapping

from slack_sdk.web.async_client import AsyncWebClient

from bot.backends import BackendOptions, Google, open_google
from bot.ports.clock import Clock
from bot.ports.diagnosis import Check
from bot.runtime.clocks import SYSTEM_CLOCK
from bot.runtime.doctor import Row, run_checks
from bot.runtime.machine_checks import folder_of, machine_checks
from bot.settings import Settings, reveal
from bot.spending.price_table import PriceTable, read_price_table
from bot.spending.retirement import retirement_check
from handlers.transport.slack_checks import SlackChecks
from handlers.transport.slack_connection import open_slack_client
from storage.database_checks import database_checks


def google_options(settings: Settings) -> BackendOptions:
    """What the backends need from the settings."""
    return BackendOptions(
        project=settings.google_cloud_project,
        location=settings.google_cloud_location,
        bucket=settings.bucket_name,
        access_token=reveal(settings.google_oauth_access_token),
        api_key=reveal(settings.gemini_api_key),
        quota_project=settings.google_cloud_quota_project,
        vertex_url=settings.vertex_url,
        genai_url=settings.genai_url,
        storage_url=settings.storage_url,
        gs_prefixes=settings.gs_prefixes,
        base_models=settings.base_models_by_backend,
        tunings_at_once=settings.tunings_at_once_by_backend,
    )


def installation_checks(
    settings: Settings,
    client: AsyncWebClient,
    google: Google,
    prices: PriceTable,
    clock: Clock,
    environment: Mapping[str, str],
) -> list[Check]:
    """Return the checks of all that the bot needs but the database, which a running bot has open itself."""
    slack = SlackChecks(settings, client, list(google.profiles.values()), clock)
    base_models = next(iter(google.profiles.values())).base_models
    return [
        *slack.checks(),
        *google.checks,
        retirement_check(base_models, prices, lambda: clock.now().date()),
        *machine_checks(folder_of(settings.database), settings.unencrypted_urls, environment),
    ]


async def diagnose(settings: Settings, environment: Mapping[str, str], clock: Clock = SYSTEM_CLOCK) -> list[Row]:
    """Return what each check of the installation finds, also while a bot runs; nothing is changed.

    Raises SettingsError for a table of prices that cannot be read.
    """
    prices = read_price_table(settings.prices)
    async with (
        open_slack_client(settings) as client,
        open_google(settings.backends, google_options(settings)) as google,
    ):
        checks = installation_checks(settings, client, google, prices, clock, environment)
        return await run_checks([*checks, *database_checks(settings.database)])

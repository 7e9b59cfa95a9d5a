"""Everything that can be set, read once."""

import pytest

from bot.errors import SettingsError
from bot.settings import Settings

SOCKET = {"SLACK_BOT_TOKEN": "xoxb-hush-1", "SLACK_APP_TOKEN": "xapp-hush-2"}
VERTEX = {"GOOGLE_CLOUD_PROJECT": "p", "TUNEBOT_BUCKET": "gs://rows/"}


def test_all_problems_are_told_at_once_by_the_variables_names() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"TUNEBOT_BACKENDS": "vertex,palmx", "PORT": "http", "TUNEBOT_POLL_SECONDS": "0"})

    told = caught.value.message
    for name in (
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "PORT",
        "TUNEBOT_POLL_SECONDS",
        "'palmx'",
        "GOOGLE_CLOUD_PROJECT",
        "TUNEBOT_BUCKET",
    ):
        assert name in told


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = Settings.read({**SOCKET, **VERTEX, "GEMINI_API_KEY": "AIza-hush-3"})

    assert "hush" not in repr(settings) + str(settings)
    assert set(settings.secrets()) == {"xoxb-hush-1", "xapp-hush-2", "AIza-hush-3"}


def test_a_bad_value_is_never_repeated_in_the_error_because_it_may_be_a_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({**SOCKET, **VERTEX, "PORT": "xoxb-pasted-into-the-wrong-line"})

    assert "pasted" not in str(caught.value)


def test_a_variable_set_to_nothing_counts_as_unset() -> None:
    settings = Settings.read({**SOCKET, **VERTEX, "PORT": " ", "TUNEBOT_DB": ""})

    assert settings.port is None
    assert settings.http_port == 3000
    assert settings.database == "tunebot.db"


def test_backends_keep_their_order_and_base_models_belong_to_one_of_them() -> None:
    settings = Settings.read(
        {**SOCKET, "TUNEBOT_BACKENDS": "gemini, palm", "TUNEBOT_BASE_MODELS": "gemini=a b,palm=c"}
    )

    assert settings.backends == ("gemini", "palm")
    assert settings.base_models_by_backend == {"gemini": ("a", "b"), "palm": ("c",)}
    with pytest.raises(SettingsError, match="'vertex' is not in TUNEBOT_BACKENDS"):
        Settings.read({**SOCKET, "TUNEBOT_BACKENDS": "gemini", "TUNEBOT_BASE_MODELS": "vertex=a"})


def test_vertex_asks_for_its_project_and_bucket_and_the_others_do_not() -> None:
    assert Settings.read({**SOCKET, "TUNEBOT_BACKENDS": "gemini"}).backends == ("gemini",)
    with pytest.raises(SettingsError, match="TUNEBOT_BUCKET"):
        Settings.read({**SOCKET, "GOOGLE_CLOUD_PROJECT": "p"})


def test_http_mode_needs_the_signing_secret() -> None:
    with pytest.raises(SettingsError, match="SLACK_SIGNING_SECRET"):
        Settings.read({"SLACK_BOT_TOKEN": "xoxb-1", **VERTEX})


def test_a_bucket_is_taken_with_or_without_its_scheme() -> None:
    assert Settings.read({**SOCKET, **VERTEX}).bucket_name == "rows"
    assert Settings.read({**SOCKET, **VERTEX, "TUNEBOT_BUCKET": "rows"}).bucket_name == "rows"


def test_an_emulator_may_be_named_by_host_and_port() -> None:
    settings = Settings.read({**SOCKET, **VERTEX, "STORAGE_EMULATOR_HOST": "127.0.0.1:9023"})

    assert settings.storage_url == "http://127.0.0.1:9023"


def test_another_slack_base_opens_its_own_host_for_files_and_slacks_does_not() -> None:
    other = Settings.read({**SOCKET, **VERTEX, "SLACK_API_URL": "http://127.0.0.1:4003/api/"})

    assert other.slack_api_url == "http://127.0.0.1:4003/api"
    assert other.own_slack_origin == "http://127.0.0.1:4003"
    assert Settings.read({**SOCKET, **VERTEX}).own_slack_origin == ""


def test_base_models_without_a_name_are_the_default_systems() -> None:
    settings = Settings.read({**SOCKET, "TUNEBOT_BACKENDS": "gemini,palm", "TUNEBOT_BASE_MODELS": "a b"})

    assert settings.base_models_by_backend == {"gemini": ("a", "b")}


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("http://slack.proxy.example/api", True),
        ("slack.proxy.example:8080", True),
        ("http://127.0.0.1.example/api", True),
        ("https://slack.proxy.example/api", False),
        ("http://127.0.0.1:4003/api", False),
        ("http://[::1]:4003/api", False),
        ("localhost:4003", False),
    ],
)
@pytest.mark.parametrize(
    "name", ["SLACK_API_URL", "TUNEBOT_VERTEX_URL", "TUNEBOT_GENAI_URL", "STORAGE_EMULATOR_HOST"]
)
def test_an_address_on_whose_way_tokens_can_be_read_is_told(name: str, base: str, told: bool) -> None:
    settings = Settings.read({**SOCKET, **VERTEX, name: base})

    assert settings.unencrypted_urls == ([name] if told else [])

"""Everything that can be set, read once."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.cli import cli
from bot.errors import BotError, SettingsError
from bot.settings import Settings, secret_names
from bot.settings.env_example import env_example
from bot.settings.problems import secret_file_name

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


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_refuses_the_start_and_is_not_shown(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({**SOCKET, **VERTEX, name: "socks5://ada:hush@proxy:1080"})

    assert f"{name.upper()}: names a SOCKS proxy, and only HTTP proxies are supported" in caught.value.message
    assert "hush" not in caught.value.message
    assert Settings.read({**SOCKET, **VERTEX, name: "proxy:3128"})


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


# Secrets in files


def test_every_secret_may_be_in_a_file(tmp_path: Path) -> None:
    given = {}
    for number, name in enumerate(secret_names()):
        path = tmp_path / name
        # An editor of Windows begins the file with a mark.
        mark, kind = "\ufeff" * (number == 0), "xapp" if name == "SLACK_APP_TOKEN" else "xoxb"
        path.write_text(f"{mark}{kind}-hush-{number}\n", encoding="utf-8")
        given[secret_file_name(name)] = str(path)

    assert len(given) == 6
    assert {secret[5:] for secret in Settings.read({**given, **VERTEX}).secrets()} == {
        f"hush-{n}" for n in range(6)
    }


def test_all_that_is_wrong_with_secrets_in_files_is_told_at_once_and_once(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    given = {
        "SLACK_BOT_TOKEN_FILE": str(tmp_path / "absent"),
        "SLACK_APP_TOKEN_FILE": str(tmp_path / "empty"),
        "GEMINI_API_KEY_FILE": str(tmp_path / "binary"),
        "SLACK_SIGNING_SECRET": "hush",
        "SLACK_SIGNING_SECRET_FILE": str(tmp_path / "empty"),
    }

    with pytest.raises(SettingsError) as caught:
        Settings.read({**given, **VERTEX})

    assert caught.value.message.splitlines()[1:] == [
        "  SLACK_BOT_TOKEN_FILE: the file cannot be read: No such file or directory",
        "  SLACK_APP_TOKEN_FILE: the file is empty",
        "  SLACK_SIGNING_SECRET_FILE: set this or SLACK_SIGNING_SECRET, not both",
        "  GEMINI_API_KEY_FILE: the file is not text",
    ]


def test_a_secret_in_the_place_of_a_path_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({**SOCKET, **VERTEX, "GEMINI_API_KEY_FILE": "AIza-hush-3"})

    assert "hush" not in str(caught.value)


# The addresses to listen on


def test_it_listens_on_every_address_that_is_named() -> None:
    assert Settings.read({**SOCKET, **VERTEX}).hosts == ("0.0.0.0",)
    assert Settings.read({**SOCKET, **VERTEX, "HOST": "127.0.0.1, ::1"}).hosts == ("127.0.0.1", "::1")


@pytest.mark.parametrize("host", ["example.com", "[::1]", "127.0.0.1:3000", ","])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="HOST: should be"):
        Settings.read({**SOCKET, **VERTEX, "HOST": host})


# The example


def lines(text: str) -> dict[str, str]:
    """The variables that a shell or Docker would read."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and line[0] != "#")


def test_the_repositorys_example_is_made_from_the_code() -> None:
    path = Path(__file__).parents[2] / ".env.example"

    assert CliRunner().invoke(cli, ["settings"]).output == path.read_text()
    assert CliRunner().invoke(cli, ["settings", "--check", str(path)]).exit_code == 0


def test_an_example_that_differs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_text(env_example() + "#OLD=\n")

    done = CliRunner().invoke(cli, ["settings", "--check", str(path)])

    assert done.exit_code == 1
    assert isinstance(done.exception, BotError)


def test_who_fills_in_what_the_example_leaves_open_can_start() -> None:
    empty = lines(env_example())
    assert set(empty.values()) == {""}
    with pytest.raises(SettingsError) as caught:
        Settings.read(empty)
    assert all(name in caught.value.message for name in empty)

    Settings.read(empty | SOCKET | VERTEX)
    Settings.read(empty | {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s"} | VERTEX)


def test_the_defaults_that_the_example_shows_are_those_of_the_code() -> None:
    defaults = dict(re.findall(r"^#([A-Z_]+)=(.+)$", env_example(), re.MULTILINE))

    assert defaults["TUNEBOT_DB"] == "tunebot.db"
    assert len(defaults) >= 8
    assert Settings.read(SOCKET | VERTEX | defaults) == Settings.read(SOCKET | VERTEX)


@pytest.mark.parametrize(
    ("name", "token", "said"),
    [
        ("SLACK_BOT_TOKEN", "xapp-1-A", "holds an app-level token: that belongs into SLACK_APP_TOKEN"),
        ("SLACK_APP_TOKEN", "xoxb-1-B", "holds the bot's token: that belongs into SLACK_BOT_TOKEN"),
        ("SLACK_BOT_TOKEN", "xoxp-1-C", "holds a user's token: set the Bot User OAuth Token"),
        ("SLACK_BOT_TOKEN", "xoxe-1-D", "holds a refresh token"),
        ("SLACK_APP_TOKEN", "hush", "holds no token of Slack's, which begins with xapp-"),
    ],
)
def test_a_token_of_another_kind_is_named_and_not_shown(name: str, token: str, said: str) -> None:
    settings, problems = Settings.examine({**SOCKET, **VERTEX, name: token})
    assert settings is None
    assert len(problems) == 1
    assert problems[0].startswith(f"{name}: {said}")
    assert token not in problems[0]

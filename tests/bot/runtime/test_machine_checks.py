"""A clock without a server's time, and a proxy's password that is never shown."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.ports.diagnosis import Mark
from bot.runtime.doctor import run_checks
from bot.runtime.machine_checks import compare_clocks, machine_checks

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


async def test_a_proxys_password_is_not_shown_and_a_wrong_address_is_named(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        rows = await run_checks(
            machine_checks(tmp_path, [], {"https_proxy": f"http://ada:s3cret@127.0.0.1:{port}"})
        )
    assert rows[2].mark is Mark.GOOD
    assert f"127.0.0.1:{port}" in rows[2].fact
    assert "s3cret" not in str(rows)
    for wrong in ("ftp://ada:s3cret@host", "socks5://ada:s3cret@host", "http://ada:s3cret@[::1]:9"):
        rows = await run_checks(machine_checks(tmp_path, [], {"HTTPS_PROXY": wrong}))
        assert rows[2].mark is Mark.FAILED
        assert "s3cret" not in str(rows)
    assert rows[2].fact == "The proxy [::1]:9 of HTTPS_PROXY cannot be reached."


@pytest.mark.parametrize(("seconds", "mark"), [(0, Mark.GOOD), (-40, Mark.LIMITED), (301, Mark.FAILED)])
def test_the_clock_is_compared_with_a_servers(seconds: int, mark: Mark) -> None:
    said = (NOW - timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert compare_clocks(said, NOW).mark is mark
    assert compare_clocks("", NOW).mark is Mark.UNKNOWN

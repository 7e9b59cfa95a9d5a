"""The checks of the machine: its clock, the disk, the certificates and the proxies."""

import asyncio
import os
import shutil
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bot.ports.diagnosis import Check, Diagnosis, failed, good, limited, unknown
from bot.runtime.proxy_variables import EXAMPLE, named_proxies, proxy_problem

# Slack and Google refuse signatures that are five minutes old:
# https://docs.slack.dev/authentication/verifying-requests-from-slack.
WRONG_CLOCK_SECONDS: Final = 300
LATE_CLOCK_SECONDS: Final = 30
FULL_BYTES: Final = 100 * 1024 * 1024
LOW_BYTES: Final = 1024 * 1024 * 1024
PROXY_SECONDS: Final = 5.0


def machine_checks(
    folder: Path,
    unencrypted: Sequence[str],
    environment: Mapping[str, str],
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> list[Check]:
    """Return the checks of this machine.

    `folder` holds the database; `unencrypted` are the settings whose address is `http://` on another machine.
    """
    return [
        Check("machine.disk", "Disk", partial(_disk, folder, free_bytes)),
        Check(
            "machine.certificates",
            "Certificates",
            partial(asyncio.to_thread, _certificates, environment, unencrypted),
        ),
        Check("machine.proxy", "Proxy", partial(_proxy, environment)),
    ]


async def _disk(folder: Path, free_bytes: Callable[[Path], int]) -> Diagnosis:
    try:
        free = free_bytes(folder)
    except OSError as error:
        return failed(
            f"{folder} cannot be read: {error.strerror}.", "Set TUNEBOT_DB to a file in a folder that exists."
        )
    fact = f"{free / 1024**3:.1f} GB are free beside the database, in {folder}."
    fix = "Free some space, or move the database to a larger disk and set TUNEBOT_DB."
    if free < FULL_BYTES:
        return failed(fact, fix)
    return limited(fact, fix) if free < LOW_BYTES else good(fact)


def _certificates(environment: Mapping[str, str], unencrypted: Sequence[str]) -> Diagnosis:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        path = environment.get(name, "")
        if path and not Path(path).exists():
            return failed(
                f"{name} names {path}, which does not exist.", f"Unset {name}, or name a file that is there."
            )
    try:
        ssl.create_default_context(cafile=environment.get("SSL_CERT_FILE") or None)
    except (OSError, ssl.SSLError):
        return failed(
            f"SSL_CERT_FILE names {environment.get('SSL_CERT_FILE')}, which holds no certificates in PEM form.",
            "Name a bundle such as /etc/ssl/certs/ca-certificates.crt.",
        )
    if unencrypted:
        names = " and ".join(unencrypted)
        return limited(
            f"{names} begins with http://, so tokens travel to that host unencrypted.",
            f"Set {names} to an https:// address.",
        )
    own = environment.get("SSL_CERT_FILE") or environment.get("SSL_CERT_DIR")
    return good(f"Certificates come from {own or 'the system and from certifi'}.")


async def _proxy(environment: Mapping[str, str]) -> Diagnosis:
    named = named_proxies(environment)
    for name, url in named.items():
        if problem := proxy_problem(url):
            return failed(f"{name} {problem}.", f"Set it like this: {name}={EXAMPLE}")
        if not await _answers(url):
            return failed(f"The proxy {_place(url)} of {name} cannot be reached.", f"Correct {name}, or unset it.")
    if not named:
        return good("No proxy is set.")
    hosts = ", ".join(f"{name} is {_place(url)}" for name, url in named.items())
    skipped = environment.get("no_proxy") or environment.get("NO_PROXY") or "no host"
    return good(f"{hosts}; NO_PROXY leaves out {skipped}.")


async def _answers(url: str) -> bool:
    """Return whether something listens at the proxy's address."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(PROXY_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, _port(url))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _place(url: str) -> str:
    """Return host and port of a proxy: its address may hold a name and a password."""
    host = str(urlsplit(url).hostname)
    return f"[{host}]:{_port(url)}" if ":" in host else f"{host}:{_port(url)}"


def compare_clocks(date: str, now: datetime) -> Diagnosis:
    """Compare this machine's clock with a server's `Date` header, which may be empty."""
    try:
        server = parsedate_to_datetime(date)
    except ValueError:
        return unknown("No server said what time it is.")
    server = server if server.tzinfo else server.replace(tzinfo=UTC)
    seconds = (now - server).total_seconds()
    fact = f"This machine's clock differs from Slack's by {abs(seconds):.0f} seconds."
    fix = "Let the machine set its clock: sudo timedatectl set-ntp true"
    if abs(seconds) >= WRONG_CLOCK_SECONDS:
        return failed(f"{fact} Slack and Google then refuse requests.", fix)
    return limited(fact, fix) if abs(seconds) >= LATE_CLOCK_SECONDS else good(fact)


def folder_of(database: str) -> Path:
    """Return the folder in which the database is."""
    return Path(os.path.abspath(database)).parent

"""Reads a variable that holds several values, or a URL. Each function raises ValueError with what it expects."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from bot.domain.roles import is_grantee


def comma_list(text: str) -> tuple[str, ...]:
    """`a, b` -> ("a", "b")."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def host_list(text: str) -> tuple[str, ...]:
    """`0.0.0.0, ::` -> ("0.0.0.0", "::")."""
    hosts = comma_list(text)
    for host in hosts:
        try:
            ip_address(host)
        except ValueError:
            raise ValueError("should be IP addresses, such as 0.0.0.0 or ::") from None
    if not hosts:
        raise ValueError("should be at least one IP address")
    return hosts


def models_by_backend(text: str) -> dict[str, tuple[str, ...]]:
    """`vertex=a b,gemini=c` -> {"vertex": ("a", "b"), "gemini": ("c",)}; without `=`, the name is empty."""
    models: dict[str, tuple[str, ...]] = {}
    for part in comma_list(text):
        backend, equals, ids = part.partition("=")
        name, listed = (backend.strip(), ids) if equals else ("", backend)
        models[name] = models.get(name, ()) + tuple(listed.split())
    return models


def grantee_list(text: str) -> tuple[str, ...]:
    """`U0ADA, S0TUNERS, C0GENERAL, everyone` -> the same in a tuple."""
    grantees = comma_list(text)
    for grantee in grantees:
        if not is_grantee(grantee):
            raise ValueError("should be Slack's ids of people, user groups or channels, or everyone")
    return grantees


def number_by_backend(text: str) -> dict[str, int]:
    """`vertex=2,gemini=5` -> {"vertex": 2, "gemini": 5}; without `=`, the name is empty."""
    numbers: dict[str, int] = {}
    for part in comma_list(text):
        backend, equals, number = part.rpartition("=")
        if not re.fullmatch(r"[0-9]{1,4}", number.strip()):
            raise ValueError("should be a number such as 2, or numbers by system such as vertex=2")
        numbers[backend.strip() if equals else ""] = int(number)
    return numbers


def gs_prefix_list(text: str) -> tuple[str, ...]:
    """`gs://bucket, gs://bucket/folder/` -> ("gs://bucket", "gs://bucket/folder/")."""
    prefixes = comma_list(text)
    for prefix in prefixes:
        if not re.fullmatch(r"gs://[a-z0-9][a-z0-9._-]*(/[^\s]*)?", prefix):
            raise ValueError("should be buckets or folders such as gs://my-bucket or gs://my-bucket/folder")
    return prefixes


def domain_list(text: str) -> tuple[str, ...]:
    """`example.com, example.org` -> ("example.com", "example.org")."""
    domains = tuple(domain.lower() for domain in comma_list(text))
    for domain in domains:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
            raise ValueError("should be domains such as example.com")
    return domains


def _base_url(text: str) -> str:
    """An http or https base without a trailing slash; a bare `host:port`, as emulators are named, is http."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be a URL that starts with http:// or https://")
    return parts.geturl().rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]


def plain_text(value: object) -> str:
    """Return a setting's value as one writes it in the environment; empty for None."""
    match value:
        case None:
            return ""
        case tuple():
            return ",".join(map(str, value))
        case dict():
            return ",".join(f"{name}={plain_text(each)}" for name, each in value.items())
        case _:
            return str(value)

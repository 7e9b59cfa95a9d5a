"""Reads the proxies of the environment, for Slack and Google alike, and finds what is wrong with them.

Neither aiohttp, which carries what goes to Slack, nor httpx without another package speaks SOCKS.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

PROXY_NAMES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
EXAMPLE: Final = "http://proxy.example.com:3128"
_SCHEMES: Final = ("http", "https")


def with_scheme(proxy: str) -> str:
    """Return the proxy's URL: `proxy.example.com:3128` alone means an HTTP proxy, as curl and httpx take it."""
    return proxy if "://" in proxy else f"http://{proxy}"


def named_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the URL of each proxy by its variable. The small spelling comes first, as in Python's own urllib."""
    found = {name: environment.get(name.lower()) or environment.get(name, "") for name in PROXY_NAMES}
    return {name: with_scheme(proxy.strip()) for name, proxy in found.items() if proxy.strip()}


def proxy_problem(url: str) -> str:
    """Return what is wrong with the form of a proxy's URL, and nothing of the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address of a proxy"
    if parts.scheme.startswith("socks"):
        return "names a SOCKS proxy, and only HTTP proxies are supported"
    return "" if host and parts.scheme in _SCHEMES else "is no address of a proxy"


def proxy_problems(environment: Mapping[str, str]) -> list[str]:
    """Return a line for each variable that names no proxy that can be used."""
    return [
        f"{name}: {problem}; set it like this: {EXAMPLE}"
        for name, url in named_proxies(environment).items()
        if (problem := proxy_problem(url))
    ]

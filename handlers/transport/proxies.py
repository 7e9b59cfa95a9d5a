"""Finds the proxy for a request to Slack, as httpx does for Google.

slack-sdk reads HTTPS_PROXY by itself and ignores NO_PROXY (slack_sdk/proxy_env_variable_loader.py), so each of its
clients is given its proxy after it was made.
"""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bot.runtime.proxy_variables import with_scheme


def proxy_for(url: str) -> str | None:
    """Return the proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name for this URL, None for none.

    Source: https://docs.python.org/3/library/urllib.request.html#urllib.request.getproxies.
    """
    parts = urlsplit(url)
    proxies = getproxies()
    if not proxies or parts.hostname is None or proxy_bypass(f"{parts.hostname}:{parts.port}"):
        return None
    kind = "https" if parts.scheme in ("https", "wss") else "http"
    proxy = proxies.get(kind) or proxies.get("all")
    return with_scheme(proxy) if proxy else None

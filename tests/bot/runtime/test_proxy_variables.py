"""The proxies of the environment, and what is told about those that cannot be used."""

import pytest

from bot.runtime.proxy_variables import named_proxies, proxy_problem, proxy_problems


def test_the_small_spelling_comes_first_and_a_host_alone_is_an_http_proxy() -> None:
    environment = {"HTTPS_PROXY": "http://large:1", "https_proxy": "small:3128", "ALL_PROXY": " ", "NO_PROXY": "x"}

    assert named_proxies(environment) == {"HTTPS_PROXY": "http://small:3128"}


@pytest.mark.parametrize(
    "url", ["http://h", "http://h:3128", "https://h:443", "http://ada:s3cret@h:1", "http://[::1]:1"]
)
def test_an_http_proxy_has_no_problem(url: str) -> None:
    assert proxy_problem(url) == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("socks5://h:1080", "names a SOCKS proxy, and only HTTP proxies are supported"),
        ("socks5h://a:s3cret@h", "names a SOCKS proxy, and only HTTP proxies are supported"),
        ("ftp://h", "is no address of a proxy"),
        ("http://:80", "is no address of a proxy"),
        ("http://h:99999", "is no address of a proxy"),
        ("http://[::1:80", "is no address of a proxy"),
    ],
)
def test_what_cannot_be_used_is_told_without_its_value(url: str, said: str) -> None:
    assert proxy_problem(url) == said
    assert proxy_problems({"ALL_PROXY": url}) == [
        f"ALL_PROXY: {said}; set it like this: http://proxy.example.com:3128"
    ]

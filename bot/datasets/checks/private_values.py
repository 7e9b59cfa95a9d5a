"""Recognizes private values in raw text: e-mail addresses, phone, card and account numbers, keys of services.

One RE2 pattern proposes places for all kinds at once, in linear time; check digits and what stands around a place
then decide. A hit is a sign and no proof.
"""

import re
from typing import Final, NamedTuple

EMAIL: Final = "an e-mail address"
PHONE: Final = "a phone number"
CARD: Final = "a card number"
ACCOUNT: Final = "a bank account number (IBAN)"
KEY: Final = "a key or token"

# The prefixes that services give their keys so that scanners find them: AWS, OpenAI and Anthropic, GitHub, GitLab,
# Google, Slack, Stripe, npm, PyPI, Hugging Face, SendGrid, DigitalOcean, Shopify, Telegram, Databricks, Atlassian,
# and JSON Web Tokens. RE2 finds a key's beginning, since each repetition makes its automaton larger.
# Source: GitHub's "Supported secret scanning patterns", docs.github.com/code-security.
_KEYS = (
    rb"(?:AKIA|ASIA)[0-9A-Z]{16}|sk-[A-Za-z0-9_-]{20}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22}"
    rb"|glpat-[A-Za-z0-9_-]{20}|AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{20}|ya29\.[A-Za-z0-9_-]{20}"
    rb"|xox[abeoprs]-[A-Za-z0-9-]{10}|xapp-[0-9]-[A-Za-z0-9-]{10}|https://hooks\.slack\.com/services/[A-Z0-9]{4}"
    rb"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY|[sr]k_live_[A-Za-z0-9]{16}|whsec_[A-Za-z0-9+/]{24}|npm_[A-Za-z0-9]{36}"
    rb"|pypi-AgE[A-Za-z0-9_-]{30}|hf_[A-Za-z0-9]{34}|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16}|dop_v1_[a-f0-9]{32}"
    rb"|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}|dapi[a-f0-9]{32}"
    rb"|ATATT3[A-Za-z0-9_=-]{30}|eyJ[A-Za-z0-9_-]{10}"
)
_CARDS = rb"[3-6]\d{3}[ -]?\d{4,6}[ -]?\d{4,5}[ -]?\d{0,4}"
_ACCOUNTS = rb"[A-Z]{2}[0-9]{2} ?(?:[A-Z0-9]{4} ?){2,7}[A-Z0-9]{0,3}"
_PHONES = (
    rb"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    rb"|\(?[2-9]\d\d\)?[ .-][2-9]\d\d[ .-]\d{4}"
)
# Almost anything can stand before the @ of an address: it is looked at only once the rest was found.
_DOMAINS = rb"@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}"
PATTERN: Final = b"|".join((_DOMAINS, _KEYS, _ACCOUNTS, _CARDS, _PHONES))

_LOCAL_PART = re.compile(rb"[A-Za-z0-9._%+-]{1,64}$")
_PLACEHOLDERS = (b"@example.", b"@test.", b"@email.", b"@domain.")
_ALNUM = re.compile(rb"[A-Za-z0-9]")
_ACCOUNT = re.compile(rb"[A-Z]{2}[0-9]{2}")
# The length of an IBAN in each country. Source: the IBAN registry of SWIFT, release 99 (2025).
_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FK FO FI GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
# What follows the beginning of a key.
_REST = re.compile(rb"[A-Za-z0-9_+/=-]*(?:\.[A-Za-z0-9_-]{6,})*")
_WEB_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")
_KEY_END = re.compile(rb"-----END [A-Z ]{0,20}PRIVATE KEY-----")
_LONGEST_KEY = 16 * 1024


class PrivateValue(NamedTuple):
    """A private value in raw text: its kind and its place."""

    kind: str
    start: int
    end: int


def private_value(raw: bytes, start: int, end: int) -> PrivateValue | None:
    """Return the value at a match of PATTERN, or None where a closer look shows something harmless."""
    text = raw[start:end]
    before, after = raw[start - 1 : start] if start else b"", raw[end : end + 1]
    if text.startswith(b"@"):
        local = _LOCAL_PART.search(raw, max(0, start - 64), start)
        if local is None or text.lower().startswith(_PLACEHOLDERS) or text[-1:].isdigit():
            return None
        return PrivateValue(EMAIL, _after_escape(raw, local.start()), end)
    if _ACCOUNT.match(text) and not text.startswith((b"AKIA", b"ASIA")):
        return _account(raw, start, end) if not _ALNUM.match(before) else None
    if (text[:1].isdigit() and b":AA" not in text) or text[:1] in b"+(":
        return _number(text, before, after, start, end)
    if _ALNUM.match(before) and not _escaped(raw, start):
        return None
    return _key(raw, start, end)


def _key(raw: bytes, start: int, end: int) -> PrivateValue | None:
    """Return the whole key that begins here."""
    if raw.startswith(b"-----", start):
        found = _KEY_END.search(raw, end, end + _LONGEST_KEY)
        return PrivateValue(KEY, start, found.end() if found else end)
    if raw.startswith(b"eyJ", start):
        rest = _WEB_TOKEN.match(raw, start, end + _LONGEST_KEY)
    else:
        rest = _REST.match(raw, end, end + _LONGEST_KEY)
    return PrivateValue(KEY, start, rest.end()) if rest else None


def _number(text: bytes, before: bytes, after: bytes, start: int, end: int) -> PrivateValue | None:
    digits = bytes(c for c in text if 48 <= c <= 57)
    if before.isdigit() or before in (b".", b"-", b"/") or after.isdigit():
        return None
    if not text.startswith((b"+", b"(")) and 13 <= len(digits) <= 19 and _luhn(digits):
        return PrivateValue(CARD, start, start + len(text.rstrip(b" -")))
    if 9 <= len(digits) <= 15 and (text[:1] == b"+" or len(digits) == 10):
        return PrivateValue(PHONE, start, end)
    return None


def _account(raw: bytes, start: int, end: int) -> PrivateValue | None:
    """Return the IBAN that begins here; what follows it may look like a part of it."""
    length = _LENGTHS.get(raw[start : start + 2].decode())
    if length is None:
        return None
    taken, at = b"", start
    while at < end and len(taken) < length:
        taken += raw[at : at + 1].strip()
        at += 1
    if len(taken) < length or _ALNUM.match(raw[at : at + 1]):
        return None
    number = int("".join(str(int(c, 36)) for c in (taken[4:] + taken[:4]).decode()))
    return PrivateValue(ACCOUNT, start, at) if number % 97 == 1 else None


def _after_escape(raw: bytes, start: int) -> int:
    """Return where an address begins: the letter of an escape before it, as in `\\n`, is no part of it."""
    return start + 1 if _escaped(raw, start + 1) and raw[start : start + 1] in b"nrt" else start


def _escaped(raw: bytes, start: int) -> bool:
    return raw[start - 2 : start - 1] == b"\\"


def _luhn(digits: bytes) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = digit - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0

"""Says by its first bytes what a file is that holds no rows of text."""

import re

from bot.datasets.findings.collector import Problem
from bot.datasets.formats.arrow_tables import ARROW_FILES
from bot.datasets.formats.pictures import mime_of

_OTHER_FILES = (
    (b"%PDF", "a PDF file"),
    (b"{\\rtf", "a file of a word processor (RTF)"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"PK\x03\x04", "an archive inside of an archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"PK\x05\x06", "a zip archive without files"),
    (b"\x1f\x8b", "an archive inside of an archive"),
    (b"\x80\x02", "a file of Python's pickle"),
    (b"\x80\x03", "a file of Python's pickle"),
    (b"\x80\x04", "a file of Python's pickle"),
    (b"\x80\x05", "a file of Python's pickle"),
    (b"\x93NUMPY", "a file of NumPy"),
    (b"Obj\x01", "an Avro file"),
    (b"FEA1", "a file of the first version of Feather"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
)
# A kind of picture that Gemini does not take.
_GIF = (b"GIF87a", b"GIF89a")
# Where a tar archive has its mark. Source: POSIX.1-2001, "ustar Interchange Format".
_TAR_MARK = 257
# How text in two or four bytes a character begins, with a byte order mark or with two characters of ASCII.
_WIDE = (
    (re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff"), "utf-32", "UTF-32"),
    (re.compile(rb"[^\0]\0\0\0[^\0]\0\0\0"), "utf-32-le", "UTF-32"),
    (re.compile(rb"\0\0\0[^\0]\0\0\0[^\0]"), "utf-32-be", "UTF-32"),
    (re.compile(rb"\xff\xfe|\xfe\xff"), "utf-16", "UTF-16"),
    (re.compile(rb"[^\0]\0[^\0]\0"), "utf-16-le", "UTF-16"),
    (re.compile(rb"\0[^\0]\0[^\0]"), "utf-16-be", "UTF-16"),
)
# A table may begin with such a word and hold SQL in its cells: `Create a query for,Answer`.
_SQL_BEGIN = re.compile(
    rb"(?i)\s*+(?:--|/\*|create (?:table|database|schema|type|extension|sequence)\b|insert into\b"
    rb"|drop (?:table|database|schema|view)\b|set (?:names\b|[@\w.]+ *+=|[@\w.]+ to\b)|pragma \w"
    rb"|begin(?: transaction)?;|use [`\"\[]?\w+[`\"\]]?;)"
)
_SQL = re.compile(rb"(?im)^(?:create table |insert into |copy \S{1,200} ?\()")
# Texts of other programs, by how they begin.
_TEXTS = (
    (re.compile(rb"From \S+ [^\n]{10,60}\n[A-Z][A-Za-z-]{1,40}: "), "a mailbox"),
    (re.compile(rb"WEBVTT\b|\s*+1\r?\n\d\d:\d\d:\d\d,\d{3} --> "), "a file of subtitles"),
    (re.compile(rb"# Databricks notebook source|import [a-z_]+\n|#!/"), "program code"),
)
_ERROR_CODE = re.compile(rb"<Code>(\w{1,60})</Code>")
_EXCEL = re.compile(rb"(?i)progid=.Excel\.|office:spreadsheet")
# A page that somebody attached may have a link to sign in, and is not called so.
_SIGN_IN = re.compile(rb"(?i)<title>[^<]{0,80}(?:sign|log)[ -]?in|slack-edge")


def other_file(head: bytes) -> Problem | None:
    """Return what a file is that holds no rows of text, or None."""
    for magic, what in ARROW_FILES:
        if head.startswith(magic):
            return Problem("needs-pyarrow", detail=what)
    for magic, what in _OTHER_FILES:
        if head.startswith(magic):
            return Problem("not-a-text-file", detail=what)
    if head.startswith(b"ustar", _TAR_MARK):
        return Problem("not-a-text-file", detail="a tar archive")
    if mime_of(head) or head.startswith(_GIF):
        return Problem("only-a-picture")
    for begin, codec, what in _WIDE:
        if begin.match(head):
            return Problem("utf-16", codec, what)
    if _SQL_BEGIN.match(head) and _SQL.search(head):
        return Problem("not-a-text-file", detail="a dump of an SQL database")
    for looks_so, what in _TEXTS:
        if looks_so.match(head):
            return Problem("not-a-text-file", detail=what)
    start = head.lstrip()
    lowered = start[:64].lower()
    if lowered.startswith((b"<!doctype html", b"<html", b"<table", b"<head", b"<body")):
        return Problem("sign-in-page" if _SIGN_IN.search(head) else "html-page")
    if lowered.startswith((b"<?xml", b"<error")):
        code = _ERROR_CODE.search(head[:2000])
        if code is None and not lowered.startswith(b"<error") and b"<Error>" not in head[:2000]:
            return Problem(
                "not-a-text-file", detail="a table of Excel in XML" if _EXCEL.search(head) else "an XML file"
            )
        return Problem("error-page", value=code.group(1).decode() if code else "XML")
    if lowered.startswith(b"version https://git-lfs"):
        return Problem("lfs-pointer")
    return None

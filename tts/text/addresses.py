"""Web and mail addresses, file names, hashtags and handles, read out sign by sign."""

from __future__ import annotations

import re

from tts.text.numbers import cardinal, one_by_one
from tts.text.rules import Match, either, rule

_SIGNS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", "+": "plus", "~": "tilde",
}  # fmt: skip
# Country codes that are English words ("in", "is", "so") would join sentences that lack a space.
_TOP_LEVEL = (
    "com", "org", "net", "edu", "gov", "mil", "info", "biz", "io", "co", "ai", "app", "dev", "tv", "uk", "ca", "de",
    "fr", "eu", "jp", "cn", "au", "nz", "kr", "ru", "ch", "nl", "se",
)  # fmt: skip
_SAID_EXTENSIONS = ("doc", "zip", "json", "java", "log", "bat", "bin", "tar", "dot", "conf", "lock", "toml", "yaml")
_SPELLED_EXTENSIONS = (
    "pdf", "txt", "htm", "html", "js", "ts", "py", "jpg", "jpeg", "png", "gif", "csv", "tsv", "exe", "docx", "xls",
    "xlsx", "ppt", "xml", "css", "md", "yml", "wav", "svg", "cpp", "php", "sql", "sh",
)  # fmt: skip
_LABELS = r"(?:[A-Za-z0-9_-]{1,63}\.){1,9}"
_PATH = r"(?:/(?:[^\s,;!()<>\"]*[\w/])?)?"
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_VOWEL = re.compile("[aeiouyAEIOUY]")
_SAID_NUMBER_DIGITS = 2  # longer ones are read digit by digit


def spell(letters: str) -> str:
    """Give letters as capitals apart: "pdf" is "P D F"."""
    return " ".join(letters.upper())


def _address(match: Match) -> str:
    text = re.sub(r"^[a-z]+://", "", match[0]).rstrip("/")
    return " ".join(map(_token, _TOKEN.findall(re.sub(r"\.([a-z]{2})(?=$|[/:])", _country, text))))


def _country(match: Match) -> str:
    """Country codes in capitals, which are spelled, but "co" of "co.uk" as it stands."""
    return match[0] if match[1] == "co" else f".{match[1].upper()}"


def _token(text: str) -> str:
    if text in _SIGNS:
        return _SIGNS[text]
    if text.isdecimal():
        return cardinal(text) if len(text) <= _SAID_NUMBER_DIGITS else one_by_one(text)
    is_spelled = len(text) > 1 and (not _VOWEL.search(text) or (text.isupper() and len(text) == 2))
    return spell(text) if is_spelled else text


def _file(match: Match) -> str:
    extension = match["extension"]
    return f" dot {spell(extension) if extension in _SPELLED_EXTENSIONS else extension}"


def _internet_number(match: Match) -> str:
    return " dot ".join(map(one_by_one, match[0].split(".")))


RULES = (
    rule(r"(?<![\w.@+-])[\w.+-]{1,64}@" + _LABELS + r"[A-Za-z]{2,24}\b", _address),
    rule(rf"\b(?:https?|ftp)://{_LABELS}[A-Za-z]{{2,24}}\b(?::\d+)?{_PATH}", _address),
    rule(rf"(?<![\w.@/-]){_LABELS}(?:{'|'.join(_TOP_LEVEL)})\b(?![@-]|\.\w)(?::\d+)?{_PATH}", _address),
    rule(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)", _internet_number),
    rule(rf"(?<=\w)\.(?P<extension>{either(_SPELLED_EXTENSIONS + _SAID_EXTENSIONS)})(?![\w.])", _file),
    rule(r"(?<![\w&])#([^\W\d_]\w{0,99})", lambda m: f"hashtag {' '.join(_CAMEL.findall(m[1])) or m[1]}"),
    rule(r"(?<![\w.@])@([^\W_]\w{0,49})", lambda m: f"at {m[1].replace('_', ' underscore ')}"),
)

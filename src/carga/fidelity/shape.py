"""What stays of a value when everything that differs from one visit to the next is taken out. Pure.

`/channels/17/now?t=1700000000123` and `/channels/4/now?t=1700000009876` have the same shape: `/channels/{n}/now?t={n}`.
"""

import re
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

TEXT_MAX = 300
"""Characters of a shape; longer texts are cut."""
DEPTH_MAX = 6
"""Of JSON; deeper parts are all alike."""
KEYS_MAX = 60
JSON_BYTES_MAX = 256 * 1024
"""Longer bodies are described by their kind and length."""
WORD_MAX = 40
"""Longer JSON texts are prose, whose words do not matter."""

_UUID = re.compile(r"(?i)(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?")
_HEX = re.compile(r"(?i)(?<![0-9a-z])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}(?![0-9a-z])")
_TOKEN = re.compile(r"(?<![\w+/=-])(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*[a-z])[\w+/=-]{20,}(?![\w+/=-])")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def text_shape(text: str) -> str:
    """`user 17 of 9f86d081884c7d65` becomes `user {n} of {hex}`."""
    text = text[: TEXT_MAX * 4]
    for pattern, name in ((_UUID, "{uuid}"), (_DATE, "{time}"), (_HEX, "{hex}"), (_TOKEN, "{token}"), (_NUMBER, "{n}")):
        text = pattern.sub(name, text)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"


def url_shape(url: str) -> str:
    """Path and query without origin and fragment. The order of the query's keys does not matter, their values do."""
    parts = urlsplit(url)
    path = "/".join(_segment(segment) for segment in parts.path.split("/")) or "/"
    if not parts.query:
        return path
    pairs = [pair.partition("=") for pair in parts.query.split("&")[:KEYS_MAX]]
    return f"{path}?{'&'.join(sorted(f'{name}{equals}{_segment(value)}' for name, equals, value in pairs))}"


def _segment(text: str) -> str:
    return text_shape(unquote_to_bytes(text).decode("utf-8", "replace"))


def body_shape(body: bytes, kind: str) -> str:
    """Of a request's body or a message. `kind` is its media type, "" where there is none."""
    if not body:
        return ""
    text = _as_text(body)
    if text is None:
        return f"{len(body).bit_length()} bits of length, binary"
    if text.lstrip()[:1] in ("{", "[") and (shape := _json_text_shape(text)) is not None:
        return shape
    if "urlencoded" in kind:
        return url_shape(f"?{text}").removeprefix("/?")
    if "multipart" in kind:
        return "multipart " + ", ".join(sorted(re.findall(r'(?<=; name=")[^"]*', text)[:KEYS_MAX]))
    return text_shape(text)


def _as_text(body: bytes) -> str | None:
    try:
        return body[: JSON_BYTES_MAX + 1].decode()
    except UnicodeDecodeError:
        return None


def _json_text_shape(text: str) -> str | None:
    if len(text) > JSON_BYTES_MAX:
        return "long JSON"
    try:
        return _cut(json_shape(msgspec.json.decode(text)))
    except (msgspec.MsgspecError, RecursionError):
        return None


def json_shape(value: object, depth: int = 0) -> str:
    """Keys in order of the alphabet, short words as they are, numbers and long texts by their kind."""
    if depth > DEPTH_MAX:
        return "…"
    match value:
        case dict():
            names = sorted(map(str, value))[:KEYS_MAX]
            inner = ", ".join(f"{text_shape(name)}: {json_shape(value[name], depth + 1)}" for name in names)
            return f"{{{inner}}}"
        case list():
            return f"[{' | '.join(sorted({json_shape(item, depth + 1) for item in value[:KEYS_MAX]}))}]"
        case str():
            return f'"{text_shape(value)}"' if len(value) <= WORD_MAX else "text"
        case bool() | None:
            return str(value).lower()
        case _:
            return "{n}"


def header_shape(name: str, value: str) -> str:
    """Of cookies the names alone: their values are often made anew for each visit."""
    if name == "cookie":
        return "; ".join(sorted({text_shape(part.partition("=")[0].strip()) for part in value.split(";")}))
    if name in ("origin", "referer"):
        return url_shape(value) if name == "referer" else "own" if value != "null" else "null"
    return text_shape(value)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"

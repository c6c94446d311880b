"""Who a request comes from: a set-top box names itself in its user agent, a browser on a desk in the address."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qs

import msgspec

LENGTH_MAX = 64
_FIELD = re.compile(r"(serial|mac)=([^;\s]+)")


class Identity(msgspec.Struct, frozen=True):
    """Serial and MAC of a box; either may be missing, but not both."""

    serial: str
    mac: str

    @property
    def key(self) -> str:
        return f"{self.serial} {self.mac}".strip()


def identity_of(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> Identity | None:
    """From `serial=…;mac=…;` in the user agent, else from the query parameters of these names."""
    for name, value in headers:
        if name == b"user-agent":
            fields = dict(_FIELD.findall(value.decode("latin-1")))
            if fields:
                return _identity(fields.get("serial", ""), fields.get("mac", ""))
            break
    if b"serial=" not in query and b"mac=" not in query:
        return None
    parameters = parse_qs(query.decode("latin-1"))
    return _identity(parameters.get("serial", [""])[0], parameters.get("mac", [""])[0])


def _identity(serial: str, mac: str) -> Identity | None:
    if not serial and not mac:
        return None
    return Identity(serial[:LENGTH_MAX], mac[:LENGTH_MAX])

"""Reads a report as a browser would, for tests that look into it."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = {"meta", "br", "hr", "img"}


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    parts: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        words = " ".join(part if isinstance(part, str) else part.text for part in self.parts)
        return " ".join(words.replace("\u202f", " ").split())

    def all(self, name: str, **attributes: str) -> list["Element"]:
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        found = []
        for part in self.parts:
            if isinstance(part, Element):
                if part.name == name and wanted.items() <= part.attributes.items():
                    found.append(part)
                found += part.all(name, **attributes)
        return found

    def one(self, name: str, **attributes: str) -> "Element":
        (found,) = self.all(name, **attributes)
        return found

    def rows(self) -> list[list[str]]:
        """Of the tables inside, without their heads."""
        return [[cell.text for cell in row.all("td")] for row in self.all("tr") if row.all("td")]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]
        self.unbalanced: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].parts.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].parts.append(Element(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1].name == tag:
            self.open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def parse(page: str) -> Element:
    """Fails where elements are not closed in their order."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert not parser.unbalanced
    assert len(parser.open) == 1, [element.name for element in parser.open]
    return parser.root


def raw(element: Element) -> str:
    """The text inside of a script or style, with its white space."""
    return "".join(part for part in element.parts if isinstance(part, str))


def chart_data(root: Element) -> Any:
    return json.loads(raw(root.one("script", id="data")))


def policy(root: Element) -> str:
    return next(it.attributes["content"] for it in root.all("meta") if "http-equiv" in it.attributes)


def sha256(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def addresses(root: Element) -> list[str]:
    """Everything that a browser would load or could be sent to."""
    found: list[str] = []
    names = ("src", "href", "srcset", "action", "data", "poster", "formaction")

    def walk(element: Element) -> None:
        found.extend(value for key, value in element.attributes.items() if key in names)
        for part in element.parts:
            if isinstance(part, Element):
                walk(part)

    walk(root)
    for style in root.all("style"):
        found += re.findall(r"url\(|@import", raw(style))
    return found

"""The documentation as tests see it: its pages, the blocks of code in them, and their links."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
_LINKED = {"link_open": "href", "image": "src"}
_ANCHOR = re.compile(r'<a id="([^"]+)">')
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Block:
    """A fenced block of code. `str` names it in test reports."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def pages() -> tuple[Path, ...]:
    return (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))


def blocks(*languages: str) -> list[Block]:
    return [block for page in pages() for block in blocks_of(page) if block.language in languages]


def blocks_of(page: Path) -> list[Block]:
    return [
        Block(page, (token.map or [0])[0] + 1, token.info.split(" ")[0], token.content)
        for token in _tokens(page)
        if token.type == "fence"
    ]


def inline_code(page: Path) -> list[str]:
    return [token.content for token in _inline(page) if token.type == "code_inline"]


def links(page: Path) -> list[str]:
    """Targets of links and images."""
    found = [token.attrGet(_LINKED[token.type]) for token in _inline(page) if token.type in _LINKED]
    return [str(target) for target in found if target]


def anchors(page: Path) -> set[str]:
    """What a link to the page may have after "#", as GitHub makes it from headings."""
    text = page.read_text(encoding="utf-8")
    tokens = _tokens(page)
    headings = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
    return {_NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-") for heading in headings} | {
        *_ANCHOR.findall(text)
    }


@cache
def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def _inline(page: Path) -> Iterator[Token]:
    for token in _tokens(page):
        yield from token.children or ()

"""RESULTS.md: a part that `make bench` writes, and sections that other commands write and `make bench` keeps."""

import re
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
SECTIONS = ("peers", "seven_thousand")
"""In the order in which they stand."""


def write_body(text: str) -> None:
    """Replaces everything but the sections."""
    _write(text, _sections())


def write_section(name: str, text: str) -> None:
    """Replaces one section, or adds it."""
    sections = _sections()
    sections[name] = text.strip()
    body = RESULTS.read_text().partition("<!-- section: ")[0] if RESULTS.exists() else "# What was measured\n"
    _write(body, sections)


def _sections() -> dict[str, str]:
    text = RESULTS.read_text() if RESULTS.exists() else ""
    found = re.findall(r"<!-- section: (\w+) -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    return {name: words.strip() for name, words in found}


def _write(body: str, sections: dict[str, str]) -> None:
    parts = [f"<!-- section: {name} -->\n\n{sections[name]}\n\n<!-- end -->" for name in SECTIONS if name in sections]
    RESULTS.write_text("\n\n".join([body.strip(), *parts]) + "\n")

"""The files of the live page: nothing from elsewhere, nothing changed, nothing that its own policy refuses."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from carga.dashboard import CSP, IMPORT_MAP_SHA256, STATIC

VENDOR = STATIC / "vendor"
INDEX = (STATIC / "index.html").read_text()
OWN = sorted(path for path in STATIC.rglob("*") if path.is_file() and VENDOR not in path.parents)
MODULES = sorted([path for path in OWN if path.suffix == ".js"] + list(VENDOR.rglob("*.mjs")))
IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"']+)["']""")
INDEXED_LIBRARY = re.compile(r"^(\S+) (\d+\.\d+\.\d+) (\S+)$")
LINES_MAX = 300


def import_map_text() -> str:
    found = re.search(r'<script type="importmap">(.*?)</script>', INDEX, re.DOTALL)
    assert found
    return found[1]


def import_map() -> dict[str, str]:
    imports: dict[str, str] = json.loads(import_map_text())["imports"]
    return imports


def served(address: str) -> Path:
    assert address.startswith("/static/")
    return STATIC / address.removeprefix("/static/")


def test_the_policy_allows_exactly_this_import_map() -> None:
    digest = base64.b64encode(hashlib.sha256(import_map_text().encode()).digest()).decode()
    assert digest == IMPORT_MAP_SHA256
    assert f"'sha256-{digest}'" in CSP


def test_the_policy_lets_nothing_run_or_load_from_elsewhere() -> None:
    assert "default-src 'none'" in CSP
    assert "unsafe" not in CSP
    assert "http" not in CSP
    assert "*" not in CSP


def test_the_page_has_no_other_inline_script_or_style() -> None:
    scripts = re.findall(r"<script\b([^>]*)>", INDEX)
    assert [attributes for attributes in scripts if "src=" not in attributes] == [' type="importmap"']
    assert "<style" not in INDEX
    assert not re.search(r"\s(?:on\w+|style)=", INDEX)


def test_everything_the_page_names_is_there() -> None:
    addresses = re.findall(r'(?:src|href)="([^"]+)"', INDEX) + list(import_map().values())
    assert addresses
    for address in addresses:
        assert served(address).is_file(), address


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(STATIC)))
def test_every_import_resolves(module: Path) -> None:
    bare = import_map()
    for name in IMPORT.findall(module.read_text()):
        target = (module.parent / name).resolve() if name.startswith(".") else served(bare[name])
        assert target.is_file(), name


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(STATIC)))
def test_own_files_are_small_and_load_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LINES_MAX
    addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+\S*", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert [address for address in addresses if "www.w3.org/2000/svg" not in address] == []
    assert not re.search(r"\b(?:innerHTML|outerHTML|dangerouslySetInnerHTML|eval|new Function)\b", text)


def test_vendored_files_are_those_of_the_list_unmodified_each_library_with_its_licence() -> None:
    listed: dict[str, str] = {}
    libraries = 0
    for line in (VENDOR / "VERSIONS").read_text().splitlines():
        if line.startswith("  "):
            digest, name = line.split()
            listed[name] = digest
        elif line and not line.startswith("#"):
            assert INDEXED_LIBRARY.match(line), line
            libraries += 1
    there = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VERSIONS"
    }
    assert there == listed
    assert sum(name.endswith("/LICENSE") for name in listed) == libraries

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, anchors, links, pages

PICTURE_BYTES_MAX = 200_000


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


def test_every_page_is_reached_from_the_index() -> None:
    reached = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "index.md")}
    assert set(DOCS.rglob("*.md")) - reached == {DOCS / "index.md"}


def test_pictures_are_small_and_shown_somewhere() -> None:
    shown = {(page.parent / link).resolve() for page in pages() for link in links(page)}
    pictures = list((DOCS / "images").iterdir())
    assert pictures
    for picture in pictures:
        assert picture in shown
        assert picture.stat().st_size < PICTURE_BYTES_MAX, picture.name

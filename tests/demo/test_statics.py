from pathlib import Path

import httpx2
import pytest

import carga.demo
from carga.demo.statics import STATIC

FILE_BYTES_MAX = 200_000


def test_the_root_leads_to_the_guide(box: httpx2.Client) -> None:
    answer = box.get("/", follow_redirects=True)
    assert answer.url.path == "/guide/"
    assert "<title>" in answer.text


@pytest.mark.parametrize(
    ("path", "kind", "cache"),
    [
        ("guide/", "text/html; charset=utf-8", "no-cache"),
        ("static/guide.js", "text/javascript; charset=utf-8", "public, max-age=600"),
        ("static/people.js", "text/javascript; charset=utf-8", "public, max-age=600"),
        ("static/guide.css", "text/css; charset=utf-8", "public, max-age=600"),
        ("art/title/3.png", "image/png", "public, max-age=86400, immutable"),
        ("art/channel/3.png", "image/png", "public, max-age=86400, immutable"),
    ],
)
def test_a_file_is_sent_once_and_then_only_confirmed(box: httpx2.Client, path: str, kind: str, cache: str) -> None:
    first = box.get(path)
    assert first.status_code == 200
    assert first.headers["content-type"] == kind
    assert first.headers["cache-control"] == cache
    second = box.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]
    assert box.get(path, headers={"If-None-Match": '"old"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["static/none.js", "static/index.html", "static/..%2fserver.py", "art/title/0.png", "art/cat/1.png", "favicon.ico"],
)
def test_what_is_not_there_is_not_found(box: httpx2.Client, path: str) -> None:
    assert box.get(path).status_code == 404


def test_every_file_that_the_page_names_is_there(box: httpx2.Client) -> None:
    for file in STATIC.iterdir():
        if file.name != "index.html":
            assert box.get(f"static/{file.name}").content == file.read_bytes()


def test_no_file_of_the_demo_is_large() -> None:
    folder = Path(carga.demo.__file__).parent
    large = [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size > FILE_BYTES_MAX]
    assert large == []

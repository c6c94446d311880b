"""Shapes: what differs from visit to visit is gone, what an application means is still there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carga.fidelity.shape import TEXT_MAX, body_shape, header_shape, json_shape, text_shape, url_shape

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=30,
)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("user 17 of 40", "user {n} of {n}"),
        ("3.14", "{n}"),
        ("123e4567-e89b-12d3-a456-426614174000", "{uuid}"),
        ("app.9f86d081.js", "app.{hex}.js"),
        ("2026-01-02T03:04:05.678Z", "{time}"),
        ("token eyJhbGciOiJIUzI1NiIsInR5cCI6", "token {token}"),
        ("the word deadbeef is a word", "the word deadbeef is a word"),
        ("user-12-guide", "user-{n}-guide"),
        ("", ""),
    ],
)
def test_what_is_made_anew_for_each_visit_is_taken_out(text: str, shape: str) -> None:
    assert text_shape(text) == shape


@pytest.mark.parametrize(
    ("url", "shape"),
    [
        ("http://127.0.0.1:8000/", "/"),
        ("", "/"),
        ("/channels/17/now?t=1700000000123", "/channels/{n}/now?t={n}"),
        ("/a?b=2&a=x", "/a?a=x&b={n}"),
        ("/a?a=x&b=7#top", "/a?a=x&b={n}"),
        ("/guide/2026-01-02", "/guide/{n}-{n}-{n}"),
        ("/caf%C3%A9?q=%20a", "/café?q= a"),
        ("/flag?quiet", "/flag?quiet"),
    ],
)
def test_an_address_keeps_its_path_and_the_names_of_its_query(url: str, shape: str) -> None:
    assert url_shape(url) == shape


def test_bodies_are_told_apart_by_structure_and_short_words() -> None:
    zap, other = (
        json.dumps({"type": kind, "at": at, "ids": [1, 2]}).encode() for kind, at in (("zap", 1), ("ping", 2))
    )
    assert body_shape(zap, "") == '{at: {n}, ids: [{n}], type: "zap"}'
    assert body_shape(zap, "") != body_shape(other, "")
    assert body_shape(b"b=2&a=x", "application/x-www-form-urlencoded") == "a=x&b={n}"
    assert body_shape(b"\xff\xfe" * 100, "image/png") == "8 bits of length, binary"
    assert (
        body_shape(b'--x\r\ncontent-disposition: form-data; name="file"\r\n', "multipart/form-data") == "multipart file"
    )
    assert body_shape(b"", "text/plain") == ""


def test_cookies_are_compared_by_their_names() -> None:
    assert header_shape("cookie", "sid=abc; theme=dark") == header_shape("cookie", "theme=light; sid=xyz")
    assert header_shape("cookie", "sid=abc") != header_shape("cookie", "sid=abc; theme=dark")


def test_an_origin_is_the_own_one_wherever_it_is() -> None:
    assert header_shape("origin", "http://127.0.0.1:1") == header_shape("origin", "https://example.org")
    assert header_shape("origin", "null") == "null"
    assert header_shape("referer", "http://127.0.0.1:4711/a/7") == "/a/{n}"


@given(st.text(max_size=3000))
def test_a_shape_is_short_and_its_own_shape(text: str) -> None:
    shape = text_shape(text)
    assert len(shape) <= TEXT_MAX + 1
    assert not any("0" <= character <= "9" for character in shape)
    assert text_shape(shape) in (shape, shape[:TEXT_MAX] + "…")


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_numbers_never_tell_two_addresses_apart(one: int, other: int) -> None:
    assert url_shape(f"/a/{one}?t={one}") == url_shape(f"/a/{other}?t={other}")


@given(JSON)
def test_any_json_has_a_shape_that_does_not_depend_on_the_order_of_keys(value: object) -> None:
    def turned(item: object) -> object:
        if isinstance(item, dict):
            return {key: turned(inner) for key, inner in reversed(item.items())}
        return [turned(inner) for inner in item] if isinstance(item, list) else item

    assert json_shape(value) == json_shape(turned(value))


@given(st.binary(max_size=500), st.sampled_from(["", "application/json", "multipart/form-data", "text/plain"]))
def test_any_body_has_a_shape(body: bytes, kind: str) -> None:
    assert isinstance(body_shape(body, kind), str)


@given(st.text(max_size=200))
def test_any_address_has_a_shape_or_is_none(path: str) -> None:
    assert url_shape("/" + path.replace("[", "").replace("]", "")).startswith("/")

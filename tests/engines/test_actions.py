"""Inputs of the page runtime as actions of WebDriver."""

import msgspec

from carga.engines.actions import action, sequences


def key(name: str, kind: str = "rawKeyDown") -> bytes:
    return msgspec.json.encode({"type": kind, "key": name, "code": "x", "windowsVirtualKeyCode": 1})


def test_a_stroke_is_one_command_and_named_keys_are_characters_of_the_private_use_area() -> None:
    [source] = sequences([("key", key("ArrowDown")), ("key", key("ArrowDown", "keyUp"))])
    assert source["type"] == "key"
    assert source["actions"] == [{"type": "keyDown", "value": "\ue015"}, {"type": "keyUp", "value": "\ue015"}]
    assert action("key", key("F12", "keyDown")) == ("key", {"type": "keyDown", "value": "\ue03c"})
    assert action("key", key("é", "keyDown")) == ("key", {"type": "keyDown", "value": "é"})


def test_a_key_that_webdriver_does_not_have_is_left_out() -> None:
    assert action("key", key("ColorF0Red")) is None
    assert sequences([("key", key("GoBack"))]) == []


def test_keys_and_pointer_are_commands_of_their_own_in_order() -> None:
    move = msgspec.json.encode({"type": "mouseMoved", "x": 10.6, "y": 20})
    press = msgspec.json.encode({"type": "mousePressed", "x": 10, "y": 20, "button": "right", "clickCount": 1})
    found = sequences([("key", key("a")), ("hover", move), ("mouse", press), ("key", key("a", "keyUp"))])
    assert [source["type"] for source in found] == ["key", "pointer", "key"]
    assert found[1]["actions"] == [
        {"type": "pointerMove", "x": 11, "y": 20, "duration": 0},
        {"type": "pointerDown", "button": 2},
    ]

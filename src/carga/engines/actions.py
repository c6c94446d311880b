"""Turns the inputs of the page runtime into the actions of WebDriver, which BiDi and the classic protocol share.

Source: W3C "WebDriver", section Actions, with its table of keys that are written as characters of a private use area.
"""

from typing import Any

import msgspec

from carga.engines.engine import InputKind

_KEYS = {
    "Backspace": "\ue003", "Tab": "\ue004", "Enter": "\ue007", "Shift": "\ue008", "Control": "\ue009", "Alt": "\ue00a",
    "Escape": "\ue00c", "PageUp": "\ue00e", "PageDown": "\ue00f", "End": "\ue010", "Home": "\ue011",
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Insert": "\ue016",
    "Delete": "\ue017", "Meta": "\ue03d",
    **{f"F{number}": chr(0xE030 + number) for number in range(1, 13)},
}  # fmt: skip
BUTTONS = {"left": 0, "middle": 1, "right": 2}


class _Parameters(msgspec.Struct):
    type: str
    key: str = ""
    x: float = 0
    y: float = 0
    button: str = "left"


_read = msgspec.json.Decoder(_Parameters).decode


def action(kind: InputKind, parameters: bytes) -> tuple[str, dict[str, Any]] | None:
    """("key" or "pointer", the action), or None for a key that WebDriver does not have, such as `MediaPlayPause`."""
    asked = _read(parameters)
    if kind == "key":
        value = _KEYS.get(asked.key) or (asked.key if len(asked.key) == 1 else None)
        if value is None:
            return None
        return "key", {"type": "keyUp" if asked.type == "keyUp" else "keyDown", "value": value}
    match asked.type:
        case "mousePressed":
            return "pointer", {"type": "pointerDown", "button": BUTTONS[asked.button]}
        case "mouseReleased":
            return "pointer", {"type": "pointerUp", "button": BUTTONS[asked.button]}
    return "pointer", {"type": "pointerMove", "x": round(asked.x), "y": round(asked.y), "duration": 0}


def sequences(inputs: list[tuple[InputKind, bytes]]) -> list[dict[str, Any]]:
    """`inputs` as input sources for one command each, in order."""
    found: list[dict[str, Any]] = []
    for kind, parameters in inputs:
        one = action(kind, parameters)
        if one is None:
            continue
        source, act = one
        if not found or found[-1]["type"] != source:
            found.append({"type": source, "id": source, "actions": []})
            if source == "pointer":
                found[-1]["parameters"] = {"pointerType": "mouse"}
        found[-1]["actions"].append(act)
    return found

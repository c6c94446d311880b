"""Pictures made of arithmetic: a landscape for every title, an emblem for every channel, as PNG.

Nothing is drawn pixel by pixel. A picture is a row of columns, a column is a few slices of prepared gradients, and
turning columns into lines is one strided slice a line: a picture takes milliseconds in plain Python.
"""

import colorsys
import math
import random
import struct
import zlib

from carga.demo.content import Channel, Genre, Title

WIDTH, HEIGHT = 480, 270
LOGO = 112
"""Twice the size at which it is shown, so that the browser smooths its edges."""
GRAIN = 12
"""Variants of each gradient, dithered differently, so that skies have no bands."""

_SKY, _LAYER, _LAYERS = 128, 32, 3
_LIGHT = _SKY + _LAYERS * _LAYER
_GLOW = 16
_HUES: dict[Genre, tuple[float, float]] = {
    "news": (0.60, 0.55), "film": (0.04, 0.93), "series": (0.72, 0.88), "sport": (0.38, 0.52), "kids": (0.12, 0.55),
    "music": (0.83, 0.70), "documentary": (0.50, 0.13), "food": (0.06, 0.10), "show": (0.92, 0.78),
}  # fmt: skip
"""Hue at the top of the sky and at the horizon."""
_CITY: frozenset[Genre] = frozenset({"news", "series", "show", "music"})

Colour = tuple[int, int, int]


def png(width: int, height: int, palette: list[Colour], lines: list[bytes]) -> bytes:
    """An indexed PNG (PNG specification, colour type 3, 8 bits). `lines` hold one byte a pixel."""
    raw = b"".join(b"\0" + line for line in lines)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(bytes(colour) for colour in palette)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(raw, 1)), (b"IEND", b""))
    )


def title_png(title: Title) -> bytes:
    """The scene of a title: sky with a sun or stars, and three ranges of hills or houses before it."""
    dice = random.Random(title.id * 7919)  # noqa: S311 - decoration, not secrets
    sky = [_dithered(0, _SKY - 1, HEIGHT, dice) for _ in range(GRAIN)]
    layers = [[_dithered(_SKY + n * _LAYER, _LAYER - 1, HEIGHT, dice) for _ in range(GRAIN)] for n in range(_LAYERS)]
    city = title.genre in _CITY
    heights = [_skyline(n, dice) if city and n else _hills(n, dice) for n in range(_LAYERS)]
    sun_x, sun_y = dice.uniform(0.2, 0.8) * WIDTH, dice.uniform(0.25, 0.5) * HEIGHT
    sun_r = dice.uniform(0.09, 0.2) * HEIGHT
    columns = bytearray()
    for x in range(WIDTH):
        grain = dice.randrange(GRAIN)
        tops = [heights[n][x] for n in range(_LAYERS)]
        column = bytearray(sky[grain])
        _sun(column, x - sun_x, sun_y, sun_r)
        if dice.random() < 0.25:
            column[dice.randrange(HEIGHT // 2)] = _LIGHT + dice.randrange(_GLOW)
        for n, top in enumerate(tops):
            column[top:] = layers[n][grain][: HEIGHT - top]
        if city and x % 5 < 2:
            _windows(column, tops[2], dice)
        columns += column
    lines = [bytes(columns[y::HEIGHT]) for y in range(HEIGHT)]
    return png(WIDTH, HEIGHT, _palette(title.genre, dice), lines)


def logo_png(channel: Channel) -> bytes:
    """The emblem of a channel: a light shape on its colour."""
    hue = channel.hue / 360
    ground, light, shades = 48, 48, 32
    palette = [_rgb(hue + 0.06 * i / ground, 0.75, 0.35 + 0.35 * i / ground) for i in range(ground)]
    palette += [_rgb(hue, 0.08 + 0.2 * i / light, 1.0) for i in range(light)]
    palette += [_rgb(hue, 0.6, 0.7 + 0.3 * i / shades) for i in range(shades)]
    columns = bytearray()
    for x in range(LOGO):
        column = bytearray(ground - 1 - (y + x // 3) * (ground - 1) // (LOGO + LOGO // 3) for y in range(LOGO))
        for start, stop, second in _emblem(channel.number % 8, x):
            for y in range(max(0, round(start)), min(LOGO, round(stop))):
                column[y] = ground + light + y * shades // LOGO if second else ground + y * light // LOGO
        columns += column
    return png(LOGO, LOGO, palette, [bytes(columns[y::LOGO]) for y in range(LOGO)])


def _emblem(shape: int, x: int) -> list[tuple[float, float, bool]]:
    """Spans (from, to, in the second colour) of the emblem in column `x`."""
    middle, dx = LOGO / 2, x - LOGO / 2 + 0.5

    def disc(radius: float, cx: float = 0.0, cy: float = 0.0) -> tuple[float, float] | None:
        inside = radius * radius - (dx - cx) ** 2
        return (middle + cy - math.sqrt(inside), middle + cy + math.sqrt(inside)) if inside > 0 else None

    spans: list[tuple[tuple[float, float] | None, bool]] = []
    if shape == 0:  # ring with a core
        outer, inner = disc(36), disc(24)
        spans = (
            [(outer, False)]
            if not inner or not outer
            else [((outer[0], inner[0]), False), ((inner[1], outer[1]), False)]
        )
        spans.append((disc(12), True))
    elif shape == 1:  # play
        spans = [((middle - (36 - (dx + 24) * 0.6), middle + (36 - (dx + 24) * 0.6)), False)] if -24 <= dx <= 36 else []
    elif shape == 2:  # bars
        bar = int((dx + 36) // 18) if -36 <= dx < 36 and (dx + 36) % 18 < 13 else -1
        spans = [((middle + 34 - (24, 58, 40, 70)[bar], middle + 34), bar == 3)] if bar >= 0 else []
    elif shape == 3:  # diamond
        spans = [
            ((middle - 38 + abs(dx), middle + 38 - abs(dx)), False),
            ((middle - 16 + abs(dx), middle + 16 - abs(dx)), True),
        ]
    elif shape == 4:  # moon: the disc without a second one
        outer, bite = disc(38), disc(32, 16, -8)
        if outer and bite:
            spans = [((outer[0], max(outer[0], bite[0])), False), ((min(outer[1], bite[1]), outer[1]), False)]
        else:
            spans = [(outer, False)]
        spans.append((disc(7, 20, -14), True))
    elif shape == 5:  # waves
        crest = 9 * math.sin(dx / 9)
        spans = (
            [((middle + y + crest - 6, middle + y + crest + 6), y == 0) for y in (-24, 0, 24)] if abs(dx) < 40 else []
        )
    elif shape == 6:  # two discs
        spans = [(disc(27, -14), False), (disc(27, 14), True)]
    else:  # summit
        spans = [
            ((middle - 30 + abs(dx + 8) * 1.3, middle + 32), False),
            ((middle + abs(dx - 18) * 1.2, middle + 32), True),
        ]
    return [(*span, second) for span, second in spans if span and span[0] < span[1]]


def _dithered(first: int, steps: int, length: int, dice: random.Random) -> bytes:
    return bytes(first + min(steps, int(y * steps / length + dice.random())) for y in range(length))


def _hills(layer: int, dice: random.Random) -> list[int]:
    base = HEIGHT * (0.62 + 0.13 * layer)
    waves = [
        (dice.uniform(0.4, 1.0) * 26 / n, dice.uniform(0.6, 1.4) * n / 55, dice.uniform(0, 6.3)) for n in (1, 2, 4, 9)
    ]
    return [round(base + sum(a * math.sin(f * x + p) for a, f, p in waves)) for x in range(WIDTH)]


def _skyline(layer: int, dice: random.Random) -> list[int]:
    tops: list[int] = []
    while len(tops) < WIDTH:
        top = round(HEIGHT * (0.50 + 0.15 * layer - dice.random() ** 2 * 0.25))
        tops += [top] * dice.randint(14, 40)
    return tops[:WIDTH]


def _sun(column: bytearray, dx: float, y: float, radius: float) -> None:
    """The disc, and around it a glow that fades in dithered steps."""
    inside = radius * radius - dx * dx
    if inside > 0:
        half = math.sqrt(inside)
        start, stop = round(y - half), round(y + half)
        column[start:stop] = bytes(
            _LIGHT + (_GLOW - 1) * (stop - row) // (stop - start + 1) for row in range(start, stop)
        )


def _windows(column: bytearray, top: int, dice: random.Random) -> None:
    for y in range(top + 6, HEIGHT - 4, 9):
        if dice.random() < 0.35:
            column[y : y + 4] = bytes([_LIGHT + dice.randrange(_GLOW)]) * 4


def _palette(genre: Genre, dice: random.Random) -> list[Colour]:
    top, horizon = _HUES[genre]
    shift = dice.uniform(-0.05, 0.05)
    if horizon - top > 0.5:
        horizon -= 1.0
    elif top - horizon > 0.5:
        horizon += 1.0
    palette: list[Colour] = []
    for i in range(_SKY):
        t = i / _SKY
        palette.append(_rgb(top + (horizon - top) * t + shift, 0.75 - 0.2 * t, 0.22 + 0.75 * t**1.3))
    for n in range(_LAYERS):
        for i in range(_LAYER):
            fade = i / _LAYER
            palette.append(_rgb(top + shift + 0.03 * n, 0.5 + 0.1 * n, (0.46, 0.28, 0.14)[n] * (1.15 - 0.6 * fade)))
    palette += [_rgb(horizon + shift, 0.28 - 0.016 * i, 1.0) for i in range(_GLOW)]
    return palette


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, max(0.0, min(1.0, saturation)), max(0.0, min(1.0, value)))
    return round(red * 255), round(green * 255), round(blue * 255)

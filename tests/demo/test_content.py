from carga.demo.artwork import HEIGHT, LOGO, WIDTH, logo_png, title_png
from carga.demo.content import DAY_S, channels, people_module, programmes, titles
from carga.demo.store import LONGEST_S

MONDAY_S = 1_800_000_000 // DAY_S * DAY_S


def test_every_channel_shows_something_at_every_moment_and_one_thing_at_a_time() -> None:
    ends = {channel.number: MONDAY_S for channel in channels()}
    for programme in programmes(MONDAY_S, 2):
        assert programme.starts_s == ends[programme.channel]
        assert 0 < programme.ends_s - programme.starts_s <= LONGEST_S
        ends[programme.channel] = programme.ends_s
    assert set(ends.values()) == {MONDAY_S + 2 * DAY_S}


def test_the_same_day_has_the_same_guide() -> None:
    assert list(programmes(MONDAY_S, 1)) == list(programmes(MONDAY_S, 1))
    assert list(programmes(MONDAY_S, 1)) != list(programmes(MONDAY_S + DAY_S, 1))


def test_pictures_are_png_of_the_size_promised() -> None:
    for picture, size in ((title_png(titles()[0]), (WIDTH, HEIGHT)), (logo_png(channels()[0]), (LOGO, LOGO))):
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == size


def test_the_bundle_has_the_weight_of_a_real_application() -> None:
    assert 200_000 < len(people_module()) < 600_000

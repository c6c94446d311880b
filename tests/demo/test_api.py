import time
from itertools import pairwise

import httpx2
import pytest

from carga.demo import Demo, start
from tests.demo.viewers import key, user_agent


def test_a_box_logs_in_and_gets_its_settings(box: httpx2.Client) -> None:
    first = box.post("api/session").json()
    assert first["subscriber"] == key(1)
    assert first["settings"] == {"volume": 40, "audio": "original", "subtitles": "off"}
    assert abs(first["now_s"] - time.time()) < 10
    assert box.post("api/session").json()["visits"] == first["visits"] + 1


def test_a_desk_browser_names_itself_in_the_address(demo: Demo) -> None:
    answer = httpx2.post(demo.url + "api/session?serial=DESK&mac=1")
    assert answer.json()["subscriber"] == "DESK 1"


def test_without_identity_one_is_nobody_unless_identity_is_required(demo: Demo) -> None:
    assert httpx2.post(demo.url + "api/session").json()["subscriber"] == "nobody"
    with start(require_identity=True) as strict:
        assert httpx2.post(strict.url + "api/session").status_code == 401
        assert httpx2.post(strict.url + "api/session", headers={"User-Agent": user_agent(1)}).status_code == 200


def test_there_are_sixty_channels(box: httpx2.Client) -> None:
    channels = box.get("api/channels").json()["channels"]
    assert [channel["number"] for channel in channels] == list(range(1, 61))
    assert set(channels[0]) == {"number", "name", "genre", "hue", "hd"}


def test_the_guide_fills_the_time_asked_for_on_every_channel(box: httpx2.Client) -> None:
    from_s = int(time.time())
    guide = box.get("api/guide", params={"from": from_s, "hours": 4}).json()
    assert guide["to_s"] == from_s + 4 * 3600
    for number in range(1, 61):
        row = [entry for entry in guide["programmes"] if entry[1] == number]
        assert row[0][4] <= from_s < row[0][5]
        assert row[-1][5] >= guide["to_s"]
        assert all(left[5] == right[4] for left, right in pairwise(row))


def test_the_guide_of_one_channel_is_part_of_the_whole(box: httpx2.Client) -> None:
    from_s = int(time.time())
    whole = box.get("api/guide", params={"from": from_s}).json()["programmes"]
    part = box.get("api/guide", params={"from": from_s, "channel": 7}).json()["programmes"]
    assert part == [entry for entry in whole if entry[1] == 7] != []


def test_days_ahead_are_written_when_asked_for_and_not_without_end(box: httpx2.Client) -> None:
    day_s = 86_400
    assert box.get("api/guide", params={"from": int(time.time()) + 5 * day_s}).json()["programmes"]
    assert box.get("api/guide", params={"from": int(time.time()) + 500 * day_s}).json()["programmes"] == []


@pytest.mark.parametrize("query", ["from=x", "from=-5", "hours=0", "hours=99", "channel=first", f"from={2**70}"])
def test_a_wrong_guide_query_is_said_to_be_wrong(box: httpx2.Client, query: str) -> None:
    answer = box.get(f"api/guide?{query}")
    assert answer.status_code == 400
    assert "whole number" in answer.json()["error"] or "hours" in answer.json()["error"]


def test_a_programme_has_details_and_on_demand_its_later_showings(box: httpx2.Client) -> None:
    entry = box.get("api/guide", params={"channel": 3}).json()["programmes"][0]
    short = box.get(f"api/programme/{entry[0]}").json()
    assert [short[name] for name in ("id", "channel", "title", "genre", "starts_s", "ends_s")] == entry
    assert len(short["people"]) == 5
    assert short["line"]
    assert short["again"] == []
    again = box.get(f"api/programme/{entry[0]}?again=1").json()["again"]
    assert again
    assert all(other[2] == entry[2] and other[4] > time.time() for other in again)


@pytest.mark.parametrize("programme", ["0", "99999999", str(2**80), "first"])
def test_an_unknown_programme_is_not_found(box: httpx2.Client, programme: str) -> None:
    assert box.get(f"api/programme/{programme}").status_code == 404


def test_search_finds_parts_of_titles_once_each_and_not_over_yet(box: httpx2.Client) -> None:
    hits = box.get("api/search", params={"q": "NIGHT"}).json()["hits"]
    titles = [hit[2] for hit in hits]
    assert len(titles) == len(set(titles)) > 2
    assert all("night" in title.lower() for title in titles)
    assert all(hit[5] > time.time() - 1 for hit in hits)


@pytest.mark.parametrize("words", ["", "   ", "%", "_", "\\", "' OR 1=1 --", "x" * 5000])
def test_search_takes_any_words_as_words(box: httpx2.Client, words: str) -> None:
    answer = box.get("api/search", params={"q": words})
    assert answer.status_code == 200
    assert answer.json()["hits"] == []


def test_settings_are_kept_for_each_subscriber(demo: Demo, box: httpx2.Client) -> None:
    assert box.put("api/settings", json={"volume": 75}).json()["volume"] == 75
    changed = box.put("api/settings", json={"audio": "pt", "subtitles": "es"}).json()
    assert changed == {"volume": 75, "audio": "pt", "subtitles": "es"}
    assert box.get("api/settings").json() == changed
    assert box.post("api/session").json()["settings"] == changed
    other = httpx2.get(demo.url + "api/settings", headers={"User-Agent": user_agent(2)})
    assert other.json()["volume"] == 40


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"volume": 101}', b'{"audio": "xx"}', b'{"bass": 1}', b"\xff", b'"' + b"x" * 20_000]
)
def test_wrong_settings_change_nothing(box: httpx2.Client, body: bytes) -> None:
    before = box.get("api/settings").json()
    assert box.put("api/settings", content=body).status_code == 400
    assert box.get("api/settings").json() == before


def test_telemetry_is_taken_when_it_is_an_object(box: httpx2.Client) -> None:
    assert box.post("api/telemetry", json={"keys": 3}).status_code == 204
    assert box.post("api/telemetry", content=b"nonsense").status_code == 400


def test_answers_of_the_api_are_never_cached(box: httpx2.Client) -> None:
    for path in ("api/channels", "api/guide", "api/settings", "api/search?q=a"):
        assert box.get(path).headers["cache-control"] == "no-store"

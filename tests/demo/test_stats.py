import json
from pathlib import Path

import httpx2
import pytest

from carga.demo import Demo, start
from carga.demo.counting import path_class
from carga.demo.identity import Identity
from carga.demo.stats import INTERVALS_MAX, OFFENDERS_MAX, SECONDS_MAX, Stats
from tests.demo.viewers import key, user_agent


def test_every_request_is_counted_once_with_its_class_status_and_bytes(demo: Demo, box: httpx2.Client) -> None:
    paths = ["guide/", "static/guide.css", "static/none.js", "art/title/1.png", "api/channels", "api/programme/1", "x"]
    answers = [box.get(path, headers={"Sec-Fetch-Dest": "empty"}) for path in paths]
    answers.append(box.put("api/settings", json={"volume": 50}))
    answers.append(box.put("api/settings", json={"volume": 500}))
    requests = demo.stats().requests
    assert requests.total == len(answers)
    assert requests.bytes == sum(len(answer.content) for answer in answers)
    assert requests.by_class == {
        "document": {"200": 1},
        "static": {"200": 1, "404": 1},
        "art": {"200": 1},
        "api/channels": {"200": 1},
        "api/programme": {"200": 1},
        "api/settings": {"200": 1, "400": 1},
        "other": {"404": 1},
    }
    assert requests.by_status == {"200": 6, "400": 1, "404": 2}
    assert requests.by_dest == {"empty": 7, "none": 2}


def test_actions_are_what_a_key_press_asks_for(demo: Demo, box: httpx2.Client) -> None:
    for path in ("api/programme/1", "api/programme/2?again=1", "api/search?q=a", "api/settings"):
        box.get(path)
    box.put("api/settings", json={"volume": 50})
    for path in ("guide/", "api/channels", "api/guide"):
        box.get(path)
    box.post("api/session")
    actions = demo.stats().actions
    assert actions.total == 5 == sum(count for _, count in actions.per_second)


def test_whoever_watches_the_server_is_not_counted(demo: Demo) -> None:
    for _ in range(3):
        demo.stats()
        demo.identities()
    assert demo.stats().requests.total == 0


def test_each_identity_is_counted(demo: Demo, box: httpx2.Client) -> None:
    for number in (1, 2, 2):
        box.get("api/channels", headers={"User-Agent": user_agent(number)})
    httpx2.get(demo.url + "api/channels")
    seen = demo.identities().identities
    assert {name: one.requests for name, one in seen.items()} == {key(1): 1, key(2): 2}
    assert demo.stats().identities == 2


def test_latency_is_known_for_each_class(demo: Demo, box: httpx2.Client) -> None:
    for _ in range(20):
        box.get("api/programme/1")
    latency = demo.stats().latency_ms["api/programme"]
    assert latency.count == 20
    assert 0 < latency.p50 <= latency.p95 <= latency.p99 <= latency.max < 5000


def test_memory_is_that_of_the_process(demo: Demo) -> None:
    assert 10_000 < demo.stats().memory_kb < 500_000


def test_the_access_log_has_a_line_for_each_request(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    with start(access_log=log) as demo:
        for path in ("guide/", "api/nothing", "api/channels"):
            httpx2.get(demo.url + path, headers={"User-Agent": user_agent(4)})
        demo.stats()
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/guide/", 200),
        ("/api/nothing", 404),
        ("/api/channels", 200),
    ]
    assert all(line["identity"] == key(4) and line["method"] == "GET" and line["ms"] > 0 for line in lines)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/guide/", "document"),
        ("/static/a/b", "static"),
        ("/art/title/1.png", "art"),
        ("/api/programme/3", "api/programme"),
        ("/api/made-up", "other"),
        ("/api", "other"),
        ("/", "other"),
        ("/guides", "other"),
    ],
)
def test_path_classes_are_a_closed_set(path: str, expected: str) -> None:
    assert path_class(path) == expected


def test_what_is_remembered_is_bounded() -> None:
    stats = Stats()
    for number in range(OFFENDERS_MAX + 50):
        identity = Identity(str(number), "")
        first, second = stats.socket_opened(identity), stats.socket_opened(identity)
        stats.socket_closed(first, identity, 1000)
        stats.socket_closed(second, identity, 1000)
    same = Identity("same", "")
    for _ in range(INTERVALS_MAX + 50):
        stats.socket_closed(stats.socket_opened(same), same, 1000)
    assert len(stats.report().websockets.offenders) == OFFENDERS_MAX
    assert len(stats.identities().identities["same"].intervals) == INTERVALS_MAX


def test_actions_are_known_by_second_for_a_quarter_of_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    stats = Stats()
    for second in range(SECONDS_MAX + 100):
        monkeypatch.setattr("time.monotonic", lambda now=second: float(now))
        stats.action()
    actions = stats.report().actions
    assert actions.total == SECONDS_MAX + 100
    assert actions.per_second[0] == (100, 1)
    assert len(actions.per_second) == SECONDS_MAX

"""`junit.xml` as continuous integration reads it."""

from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from carga.model.summary import Summary
from carga.results.junit import junit_xml
from carga.results.read import read_record
from carga.results.summary import summarize


def parsed(summary: Summary) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(summary))


def cases(summary: Summary) -> dict[str, list[str]]:
    """Name of each case to the kinds of its problems."""
    return {case.get("name", ""): [child.tag for child in case] for case in parsed(summary).iter("testcase")}


@pytest.fixture
def summary(ill_run: Path) -> Summary:
    return summarize(read_record(ill_run))


def test_each_threshold_the_users_and_the_verdict_are_a_case(summary: Summary) -> None:
    assert cases(summary) == {
        "step.open guide p95 <= 800 ms": ["failure"],
        "requests failed <= 1 %": ["failure"],
        "users": [],
        "verdict": ["failure"],
    }


def test_counts_agree_with_the_cases(summary: Summary) -> None:
    suite = parsed(summary).find("testsuite")
    assert suite is not None
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "4", "failures": "3", "errors": "0", "skipped": "0", "time": "60.000"}


def test_the_reason_stands_in_the_failure(summary: Summary) -> None:
    failure = parsed(summary).find(".//testcase[@name='verdict']/failure")
    assert failure is not None
    assert failure.get("message") == summary.reasons[0]
    assert failure.text == "\n".join(summary.reasons)


def test_a_good_run_has_no_problem(good_run: Path) -> None:
    assert not any(cases(summarize(read_record(good_run))).values())


def test_an_untrusted_run_is_an_error_rather_than_a_failure_of_the_target(summary: Summary) -> None:
    untrusted = msgspec.structs.replace(summary, verdict="untrusted")
    assert cases(untrusted)["verdict"] == ["error"]


def test_control_characters_and_markup_stay_text(summary: Summary) -> None:
    hostile = 'a\x00\x1b[31m\ufffe </failure><b> ]]> & " é 😀\nsecond line'
    xml = parsed(msgspec.structs.replace(summary, reasons=[hostile], plan="p\x07&<.toml"))
    failure = xml.find(".//testcase[@name='verdict']/failure")
    assert failure is not None
    assert failure.text == 'a\ufffd\ufffd[31m\ufffd </failure><b> ]]> & " é 😀\nsecond line'
    assert len(failure) == 0


def test_a_reason_without_a_line_still_makes_a_file(summary: Summary) -> None:
    assert cases(msgspec.structs.replace(summary, reasons=["\n"]))["verdict"] == ["failure"]

"""`junit.xml`: one test case for each threshold, one for the users, one for the verdict."""

import re
from xml.etree import ElementTree

from carga.model.summary import Summary, ThresholdResult

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Everything that XML 1.0 forbids, even escaped."""


def junit_xml(summary: Summary) -> bytes:
    """In the form that Jenkins and GitLab read. Deterministic for the same summary."""
    name = f"carga {summary.plan}"
    suite = ElementTree.Element("testsuite", name=_clean(name), timestamp=_clean(summary.started_at.removesuffix("Z")))
    for result in summary.thresholds:
        _threshold(suite, name, result)
    _users(suite, name, summary)
    _verdict(suite, name, summary)
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for kind in ("failure", "error"):
        suite.set(f"{kind}s", str(sum(case.find(kind) is not None for case in cases)))
    suite.set("skipped", "0")
    suite.set("time", f"{summary.duration_s:.3f}")
    suites = ElementTree.Element(
        "testsuites", {key: suite.get(key, "") for key in ("tests", "failures", "errors", "time")}
    )
    suites.append(suite)
    ElementTree.indent(suites)
    document: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _threshold(suite: ElementTree.Element, name: str, result: ThresholdResult) -> None:
    case = _case(suite, f"{name}.thresholds", result.threshold)
    if not result.passed:
        measured = "nothing was measured" if result.value is None else f"measured {result.value:.6g}"
        _problem(case, "failure", "threshold", f"{result.threshold}: {measured}")


def _users(suite: ElementTree.Element, name: str, summary: Summary) -> None:
    users = summary.users
    case = _case(suite, name, "users")
    if users.failed_to_start or not users.started:
        missing = f"{users.failed_to_start} of {users.planned} users could not be started; {users.started} ran"
        _problem(case, "failure", "users", missing)


def _verdict(suite: ElementTree.Element, name: str, summary: Summary) -> None:
    case = _case(suite, name, "verdict", summary.duration_s)
    if summary.verdict != "passed":
        kind = "failure" if summary.verdict == "failed" else "error"
        _problem(case, kind, summary.verdict, "\n".join(summary.reasons) or summary.verdict)


def _case(suite: ElementTree.Element, class_name: str, name: str, time_s: float = 0.0) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=_clean(class_name), name=_clean(name), time=f"{time_s:.3f}"
    )


def _problem(case: ElementTree.Element, kind: str, type_: str, text: str) -> None:
    problem = ElementTree.SubElement(case, kind, type=type_, message=_clean(text.splitlines()[0]))
    problem.text = _clean(text)


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)

"""Checks of a plan's users that need the CSV rows: every placeholder has a value, and nobody is there twice."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from carga.model.identity import INDEX, Row, Template, fill_user, identity_of
from carga.model.plan import Group, Plan
from carga.model.problems import KeyPath, Report, did_you_mean, shown
from carga.model.rows import Rows


def check_users(plan: Plan, tables: dict[str, Rows], report: Report) -> None:
    """`tables` holds the CSV of each group by the group's name; groups whose file cannot be read are missing in it."""
    for position, group in enumerate(plan.groups):
        _check_fields(plan, group, position, tables, report)
        _check_row_count(group, position, tables, report)
    if not report.wrong():
        _check_urls(plan, tables, report)
        _check_unique(plan, tables, report)


def _check_fields(plan: Plan, group: Group, position: int, tables: dict[str, Rows], report: Report) -> None:
    if group.data and group.name not in tables:
        return
    at: KeyPath = ("users", position)
    columns = tables[group.name].columns if group.data else ()
    for name in sorted(set(columns) & set(group.identity)):
        report.add(
            (*at, "identity", name),
            f"{group.data} has a column {shown(name)} too.",
            "Rename one of the two.",
        )
    of_identity = [((*at, "identity", name), text) for name, text in group.identity.items()]
    for where, text in of_identity:
        _check_template(where, text, group, {INDEX, *columns}, report)
    if not report.wrong(*at, "identity"):
        for where, text in _templates(plan, group, at):
            _check_template(where, text, group, {INDEX, *columns, *group.identity}, report)


def _templates(plan: Plan, group: Group, at: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    yield ((*at, "url"), group.url) if group.url else (("target", "url"), plan.target.url)
    yield (*at, "user_agent"), group.user_agent
    for name, text in group.headers.items():
        yield (*at, "headers", name), text
    for position, cookie in enumerate(group.cookies):
        yield (*at, "cookies", position, "value"), cookie.value


def _check_template(at: KeyPath, text: str, group: Group, known: set[str], report: Report) -> None:
    for field in sorted(Template(text).fields - known):
        problem = f"users of {shown(group.name)} have no field {shown(field)}."
        report.add(at, problem, did_you_mean(field, sorted(known)))


def _check_row_count(group: Group, position: int, tables: dict[str, Rows], report: Report) -> None:
    at: KeyPath = ("users", position)
    if group.name not in tables or report.wrong(*at, "count") or report.wrong(*at, "data") or group.reuse:
        return
    rows = len(tables[group.name].rows)
    if rows < group.count:
        report.add(
            (*at, "data"),
            f"{group.data} has {rows} rows for {group.count} users.",
            "Add rows, lower count, or write reuse = true.",
        )


def _check_urls(plan: Plan, tables: dict[str, Rows], report: Report) -> None:
    """The URL of each group's first user: one cannot tell from the template when it begins with a placeholder."""
    rows = {name: table.rows for name, table in tables.items()}
    for position, group in enumerate(plan.groups):
        at: KeyPath = ("users", position, "url") if group.url else ("target", "url")
        if not report.wrong(*at):
            url = fill_user(plan, group.first_index, rows).url
            if not _is_http(url):
                report.add(at, f"{shown(url)} is not an HTTP address.", "Write it like http://127.0.0.1:8000/.")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no number as port, brackets without an IPv6 address
        return False


def _check_unique(plan: Plan, tables: dict[str, Rows], report: Report) -> None:
    """One problem for each group that repeats identities, naming the first two users that are equal."""
    identities = [
        (position, group, tables[group.name].rows if group.data else [])
        for position, group in enumerate(plan.groups)
        if (group.identity or group.data) and not group.reuse
    ]
    seen: dict[frozenset[tuple[str, str]], int] = {}
    for position, group, rows in identities:
        first: tuple[int, int] | None = None
        repeated = 0
        for index, identity in _identities(group, rows):
            earlier = seen.setdefault(frozenset(identity.items()), index)
            if earlier != index:
                first = first or (earlier, index)
                repeated += 1
        if first is not None:
            more = f", and {repeated - 1} more users repeat an identity" if repeated > 1 else ""
            key = "identity" if group.identity else "data"
            report.add(
                ("users", position, key),
                f"users {first[0]} and {first[1]} have the same identity ({_described(group, first[1], rows)}){more}.",
                "Put {index} into a field." if group.identity else "Give every user a row of its own.",
            )


def _identities(group: Group, rows: list[Row]) -> Iterator[tuple[int, Row]]:
    for index in range(group.first_index, group.first_index + group.count):
        yield index, identity_of(group, index, rows)


def _described(group: Group, index: int, rows: list[Row]) -> str:
    return ", ".join(f"{name}={value}" for name, value in identity_of(group, index, rows).items())[:200]

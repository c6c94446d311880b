"""A resolved plan as tables."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from carga.cli.terminal import columns, counted, plain
from carga.model.duration import format_duration
from carga.model.identity import FilledUser, fill_user
from carga.model.plan import Group, Plan
from carga.model.profile import LoadProfile
from carga.model.thresholds import number
from carga.plans import LoadedPlan

SPARK_WIDTH = 60
_SPARKS = "▁▂▃▄▅▆▇█"


def print_plan(console: Console, loaded: LoadedPlan) -> None:
    plan = loaded.plan
    profile = LoadProfile(plan.stages)
    console.print(
        Text.assemble(
            (f"{loaded.path}", "bold"),
            f"  {counted(plan.users, 'user')}, at most {profile.peak:,} at once, {format_duration(plan.duration_s)}",
        )
    )
    console.print(Text("  target  ").append(plain(plan.target.url)))
    for section in (_groups(plan), _profile(profile), _thresholds(plan), _identities(loaded)):
        console.print()
        console.print(section)


def _groups(plan: Plan) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_row(
        Text("  group", style="dim"),
        *(Text(name, style="dim") for name in ("users", "runs in", "behaves by", "settings")),
    )
    for group in plan.groups:
        last = group.first_index + group.count - 1
        table.add_row(
            Text("  ").append(plain(group.name)),
            f"{group.count:,} ({group.first_index}-{last})" if len(plan.groups) > 1 else f"{group.count:,}",
            _runs_in(group),
            plain(group.behaviour or "the page itself"),
            plain(", ".join(_settings(group)) or "-"),
        )
    return table


def _runs_in(group: Group) -> str:
    sample = f", full for {number(group.full_sample * 100)} %" if group.full_sample else ""
    return f"{group.engine}, own {group.isolation}, frames {group.rendering}{sample}"


def _settings(group: Group) -> list[str]:
    """What differs from an ordinary browser, in words."""
    shortest, longest = group.think_s
    found = [
        (bool(longest), f"think {format_duration(shortest)} to {format_duration(longest)}"),
        (bool(group.pace_s), f"pace {format_duration(group.pace_s)}"),
        (bool(group.start_delay_s), f"start delay {format_duration(group.start_delay_s)}"),
        (bool(group.data), f"identities from {group.data}"),
        (bool(group.user_agent), "own user agent"),
        (not group.cache, "no cache"),
        (group.viewport != (1280, 720), f"viewport {group.viewport[0]}x{group.viewport[1]}"),
        (bool(group.locale), group.locale),
        (bool(group.timezone), group.timezone),
        (bool(group.headers), counted(len(group.headers), "extra header")),
        (bool(group.cookies), counted(len(group.cookies), "cookie")),
    ]
    return [text for there, text in found if there]


def _profile(profile: LoadProfile) -> Text:
    text = Text("  load profile\n", style="dim")
    text.append(f"  {sparkline(profile)}  ", style="cyan")
    text.append(f"peak {profile.peak:,}\n", style="")
    corners = " → ".join(f"{users:g} at {format_duration(second)}" for second, users in profile.corners())
    return text.append(f"  {corners}", style="default")


def sparkline(profile: LoadProfile, width: int = SPARK_WIDTH) -> str:
    """The users over time as one line of blocks."""
    peak = profile.peak or 1
    step = profile.duration_s / width
    heights = (profile.users_at((column + 0.5) * step) / peak for column in range(width))
    return "".join(_SPARKS[min(int(height * len(_SPARKS)), len(_SPARKS) - 1)] for height in heights)


def _thresholds(plan: Plan) -> Table | Text:
    if not plan.thresholds:
        return Text(
            "  no thresholds: the run passes as long as users run and the generator is quick enough", style="yellow"
        )
    table = columns("  thresholds")
    for threshold in plan.thresholds:
        table.add_row(Text("  ").append(plain(threshold.text)))
    return table


def _identities(loaded: LoadedPlan) -> Table:
    """First and last user of each group, as a page will see them."""
    table = columns("  user", "group", "identity and URL", left=3)
    for group in loaded.plan.groups:
        for index in dict.fromkeys((group.first_index, group.first_index + group.count - 1)):
            user = fill_user(loaded.plan, index, loaded.rows)
            table.add_row(f"  {index}", plain(group.name), _person(user))
    return table


def _person(user: FilledUser) -> Text:
    fields = [f"{name}={value}" for name, value in user.identity.items()]
    lines = [" ".join(fields)] if fields else []
    lines.append(user.url)
    if user.user_agent:
        lines.append(f"user agent {user.user_agent}")
    text = Text(overflow="fold")
    for position, line in enumerate(lines):
        text.append("\n" if position else "").append(plain(line, "" if position == 0 and fields else "dim"))
    return text

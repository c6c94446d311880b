"""Before a run: whether this machine holds the plan's users, by what was measured here or else by an estimate."""

from carga.doctor.before import Demands, demands_of
from carga.doctor.capacity import room_here, usable_cores
from carga.doctor.measured import find
from carga.errors import UsageError
from carga.model.plan import Plan
from carga.worker import machine


class OverCapacity(UsageError):
    """The plan wants more users than this machine was measured to hold."""

    code = "over-capacity"


def check_room(plan: Plan, *, force: bool) -> tuple[str, str]:
    """(how the run is forced, a warning), both "" when there is room. Raises OverCapacity.

    Only what was measured stops a run: an estimate knows nothing of the application.
    """
    memory_mb, cores, url = machine.memory().total_mb, usable_cores(), plan.target.url
    demands = demands_of(plan, room_here(), lambda kind: find(kind, url, cores=cores, memory_mb=memory_mb))
    if demands.share(measured_only=True) > 1:
        if not force:
            raise OverCapacity(
                f"The plan wants more users at once than this machine holds: {demands.text}.",
                "Plan fewer users, a rendering that costs less, or use another machine; `carga doctor --measure URL`"
                " measures again; --force goes on all the same, and the report tells.",
            )
        return f"the plan wants more than was measured here: {demands.text}", ""
    if demands.share() > 1:
        return "", _warning(demands)
    return "", ""


def _warning(demands: Demands) -> str:
    return (
        f"this machine may be too small for the plan: {demands.text}. `carga doctor --measure URL` finds out how many "
        "users of this application it holds."
    )

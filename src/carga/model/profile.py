"""The load profile: how many users a run is meant to have at any time, and which ones."""

import math
from dataclasses import dataclass

from carga.model.plan import Plan, Stage


@dataclass(frozen=True)
class LoadProfile:
    """Straight lines from (0 s, 0 users) through the end of each stage; a stage that takes no time is a jump.

    users
      |      ______
      |     /      |        ramp, hold, jump down, hold
      |    /       |_____
      +---/--------------- time
    """

    stages: tuple[Stage, ...]

    @property
    def duration_s(self) -> float:
        return sum(stage.over_s for stage in self.stages)

    @property
    def peak(self) -> int:
        return max((stage.users for stage in self.stages), default=0)

    def corners(self) -> list[tuple[float, float]]:
        """(seconds, users) from (0, 0) on, one point for the end of each stage."""
        points = [(0.0, 0.0)]
        for stage in self.stages:
            points.append((points[-1][0] + stage.over_s, float(stage.users)))
        return points

    def users_at(self, elapsed_s: float) -> int:
        """The line rounded to whole users, so that a ramp down mirrors a ramp up. In the moment of a jump: after it.

        Before the run: 0. After its end: what the last stage asked for, since ending the run is not the profile's.
        """
        start_s, users = 0.0, 0
        if elapsed_s < 0:
            return users
        for stage in self.stages:
            end_s = start_s + stage.over_s
            if elapsed_s < end_s:
                share = (elapsed_s - start_s) / stage.over_s
                return math.floor(users + (stage.users - users) * share + 0.5)
            start_s, users = end_s, stage.users
        return users


def activation_order(plan: Plan) -> list[int]:
    """User indexes in the order in which they come into the run; on the way down the last goes first.

    Groups are interleaved in proportion to their counts, so that every load level has the mixture of the plan.
    """
    # User k of a group of n stands at (k + 0.5) / n of the way; equal places go to the group named first.
    places = [
        ((k + 0.5) / group.count, position, group.first_index + k)
        for position, group in enumerate(plan.groups)
        for k in range(group.count)
    ]
    return [index for _, _, index in sorted(places)]

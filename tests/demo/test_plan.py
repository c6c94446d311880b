from carga.demo import PLAN
from carga.page.behaviour import prepare_behaviour
from carga.plans import load_plan


def test_the_plan_is_valid_and_its_behaviour_too() -> None:
    loaded = load_plan(PLAN)
    (group,) = loaded.plan.groups
    assert group.rendering == "paced"
    assert loaded.plan.users == 40
    assert loaded.plan.duration_s == 60
    assert prepare_behaviour(group.behaviour, loaded.behaviours[group.behaviour])


def test_every_step_of_the_behaviour_has_a_threshold_and_the_other_way_round() -> None:
    loaded = load_plan(PLAN)
    source = loaded.behaviours["zapper.js"]
    named = {part.split('"')[1] for part in source.split("user.step(")[1:]}
    judged = {t.metric.removeprefix("step.") for t in loaded.plan.thresholds if t.metric.startswith("step.")}
    assert named == judged

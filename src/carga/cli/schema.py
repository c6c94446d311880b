"""`carga schema`: what editors need."""

from typing import Literal


def schema(
    what: Literal["plan", "types"] = "plan",
    /,
) -> None:
    """Print the JSON Schema of plans, or the types of behaviours, for editors.

    Parameters
    ----------
    what
        `plan`: JSON Schema · `types`: carga.d.ts.
    """
    from importlib.resources import files

    if what == "types":
        print(files("carga.page").joinpath("carga.d.ts").read_text().rstrip())
        return
    from carga.cli.failures import print_json
    from carga.model.plan_schema import plan_schema

    print_json(plan_schema())

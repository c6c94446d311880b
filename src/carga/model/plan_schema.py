"""The JSON Schema of a plan, for editors. Made from the field table that also reads plans, so they cannot part."""

from typing import Any

from carga.model.plan_fields import PLAN

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def plan_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. It knows the shape of a plan; what depends on other keys only the reader checks."""
    return {"$schema": DIALECT, "title": "carga plan", **PLAN.schema()}

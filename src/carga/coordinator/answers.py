"""Answers of the HTTP API."""

from typing import Any

import msgspec
from starlette.responses import Response


def json_response(value: Any, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value), status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )


def problem_response(status: int, code: str, problem: str, remedy: str = "") -> Response:
    return json_response({"code": code, "problem": problem, "remedy": remedy}, status)

"""The bundled application to load: an IPTV guide as a set-top box shows it.

A single-page application over a JSON API, one WebSocket a viewer, static files with real weight and SQLite behind.
The server counts what reaches it (`GET /_stats`), so that a report of a run can be held against it, and it can be
made ill on purpose (`carga.demo.illness`), so that one sees what each illness looks like in a report.
"""

from pathlib import Path

from carga.demo.launch import Demo, start

PLAN: Path = Path(__file__).parent / "plan.toml"
"""The plan that `carga demo` runs; beside it lies its behaviour, `zapper.js`."""

__all__ = ["PLAN", "Demo", "start"]

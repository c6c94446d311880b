"""One HTML file that works offline: styles, the chart library, script and data are inside, and nothing else may load.

The Content-Security-Policy names the hashes of exactly these styles and scripts, so that nothing that slipped
through could run.
"""

import base64
import hashlib
from pathlib import Path

from carga.dashboard import STATIC as DASHBOARD_STATIC
from carga.results.html import Child, Html, json_for_script, tag

STATIC = Path(__file__).with_name("static")
_CHART_LIBRARY = DASHBOARD_STATIC / "vendor" / "uplot"


def page(title: str, body: Child, data: object) -> str:
    """A whole document. `data` is read by `static/report.js`."""
    style = _read(_CHART_LIBRARY / "uPlot.min.css") + _read(STATIC / "report.css")
    # One module: the library ends in an export statement, which a module that nobody imports may have.
    script = _read(_CHART_LIBRARY / "uPlot.esm.js") + "\n" + _read(STATIC / "report.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(style)),
    ]
    scripts = [
        tag("script", json_for_script(data), type="application/json", id="data"),
        tag("script", Html(script), type="module"),
    ]
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body, scripts), lang='en')}\n"


def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if "</script" in text.lower() or "</style" in text.lower():
        raise ValueError(f"{path.name} cannot stand inside a page: it holds the end of an element")
    return text


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

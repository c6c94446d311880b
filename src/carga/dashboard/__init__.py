"""The live page of a run: static files that a coordinator serves, and the policy it serves them with.

`/` is `STATIC / "index.html"`, `/static/...` the rest; every answer carries `CSP` as Content-Security-Policy.
"""

from pathlib import Path

STATIC = Path(__file__).parent / "static"

IMPORT_MAP_SHA256 = "HR1K4xBNu/d9r4xpUkBoVLf7oj0YX2Hk6OuVoQEXd9Q="
"""Of the text of the import map in index.html: the only script inside the page, because browsers read no other.

A test compares the two and prints the new value when the map was changed.
"""

CSP = (
    "default-src 'none'; "
    f"script-src 'self' 'sha256-{IMPORT_MAP_SHA256}'; "
    "style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

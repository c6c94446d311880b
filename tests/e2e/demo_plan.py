"""A plan for the demo, with its own behaviour."""

from carga.demo import PLAN

USERS = 8


def plan(url: str, *, seconds: int, users: int = USERS, more: str = "", behaviour: str = "zapper.js") -> str:
    return f"""
[target]
url = "{url}guide/"
[[users]]
count = {users}
behaviour = "{behaviour}"
user_agent = "serial={{serial}};mac={{mac}};"
{more}
[users.identity]
serial = "FAKE_{{index:020d}}"
mac = "{{index:mac}}"
[[load]]
users = {users}
over = "3s"
[[load]]
users = {users}
over = "{seconds}s"
[[load]]
users = 0
over = "3s"
"""


def zapper() -> str:
    return PLAN.with_name("zapper.js").read_text()

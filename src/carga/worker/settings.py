"""How a user's page is set up: the group's settings with this user's values filled in."""

from urllib.parse import urlsplit

import msgspec

from carga.engines.engine import PageSettings
from carga.model.plan import Group
from carga.page.bundle import Names
from carga.wire.messages import UserSpec


def page_settings(group: Group, spec: UserSpec, *, script: str, names: Names) -> PageSettings:
    host = urlsplit(spec.url).hostname or ""
    cookies = tuple(
        msgspec.structs.replace(cookie, value=spec.cookies.get(cookie.name, cookie.value), domain=cookie.domain or host)
        for cookie in group.cookies
    )
    return PageSettings(
        script=script,
        binding=names.binding,
        user_agent=spec.user_agent,
        viewport=group.viewport,
        locale=group.locale,
        timezone=group.timezone,
        headers=spec.headers,
        cookies=cookies,
        cache=group.cache,
    )

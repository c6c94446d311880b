"""Pictures of users' screens that were asked for and have not come yet."""

AT_ONCE_MAX = 8
"""A picture costs a browser a frame."""


class Pictures:
    def __init__(self) -> None:
        self._asked: dict[int, int] = {}
        """Request to the connection of the worker that was asked."""

    def ask(self, request: int, connection: int) -> None:
        self._asked[request] = connection

    def answer(self, request: int, connection: int | None) -> bool:
        """Whether this connection was asked, and this is its first answer."""
        if connection is None or self._asked.get(request) != connection:
            return False
        del self._asked[request]
        return True

    def forget(self, request: int) -> None:
        self._asked.pop(request, None)

    def lose(self, connection: int) -> list[int]:
        """Requests that will not be answered any more."""
        lost = [request for request, at in self._asked.items() if at == connection]
        for request in lost:
            del self._asked[request]
        return lost

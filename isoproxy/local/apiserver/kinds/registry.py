"""The kinds being served, found by group, version and plural. Pure."""

from collections.abc import Iterator

from isoproxy.local.apiserver.kinds.kind import Kind


class Registry:
    """Which kinds are served; `revision` grows with every change, for what is computed from them."""

    def __init__(self) -> None:
        self.revision = 0
        self._kinds: dict[tuple[str, str, str], Kind] = {}

    def add(self, kind: Kind) -> None:
        """Serve a kind, in place of one of the same group, version and plural."""
        self._kinds[kind.group, kind.version, kind.plural] = kind
        self.revision += 1

    def remove(self, group: str, plural: str) -> None:
        """Serve no version of a custom kind any more."""
        gone = {key for key, kind in self._kinds.items() if kind.custom and (key[0], key[2]) == (group, plural)}
        self._kinds = {key: kind for key, kind in self._kinds.items() if key not in gone}
        self.revision += 1

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        return self._kinds.get((group, version, plural))

    def __iter__(self) -> Iterator[Kind]:
        return iter(tuple(self._kinds.values()))

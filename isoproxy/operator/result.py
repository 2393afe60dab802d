"""What came of actions that were carried out."""

from dataclasses import dataclass, field

from isoproxy.operator.actions import ApplyChild, Child
from isoproxy.operator.observed import Applied, ChildObject, Obstacle


@dataclass(slots=True)
class Result:
    """What came of a batch: ``failures`` are worth a back-off, ``obstacles`` are not to be tried again at once.

    ``setbacks`` are what pods met that were to be made: worth a back-off for the next ones alone.
    ``tried`` has each child that was answered for: what was to be applied, and over what as it was seen. ``untaken``
    says of each Pod that was not taken why, by the uid of its record; ``refused`` says why a pod was refused, as by a
    quota, and ``taken`` is whether one was taken. ``made`` is whether anything is new.
    """

    failures: list[Exception] = field(default_factory=list)
    setbacks: list[Exception] = field(default_factory=list)
    tried: dict[Child, tuple[ApplyChild, ChildObject | None]] = field(default_factory=dict)
    applied: dict[Child, Applied] = field(default_factory=dict)
    obstacles: dict[Child, Obstacle] = field(default_factory=dict)
    untaken: dict[str, str] = field(default_factory=dict)
    refused: str = ""
    taken: bool = False
    made: bool = False

    @property
    def met(self) -> list[Exception]:
        """All that failed."""
        return [*self.failures, *self.setbacks]

    def add(self, other: "Result") -> None:
        """Take in what came of further actions."""
        self.failures += other.failures
        self.setbacks += other.setbacks
        self.tried |= other.tried
        self.applied |= other.applied
        self.obstacles |= other.obstacles
        self.untaken |= other.untaken
        self.refused = other.refused or self.refused
        self.taken = other.taken or self.taken
        self.made = other.made or self.made

"""Where time and chance come from: handed in, so that a simulation can replay them. Pure."""

import random
import uuid
from collections.abc import Callable

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, so no words; nothing that looks like something else
SUFFIX_LENGTH = 5


class Sources:
    """`now` gives seconds since the epoch; uids and generated names come from `chance`."""

    def __init__(self, now: Callable[[], float], chance: random.Random) -> None:
        self.now = now
        self._chance = chance

    def uid(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def suffix(self) -> str:
        return "".join(self._chance.choices(_ALPHABET, k=SUFFIX_LENGTH))

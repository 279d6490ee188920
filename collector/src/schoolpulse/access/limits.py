"""How often somebody may try: a bucket of tries for each key, in bounded memory."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from math import ceil

from schoolpulse.clock import Clock
from schoolpulse.errors import Reason, TooOften

MOST_KEYS = 10_000


class Attempts:
    """`burst` tries for each key at once, then one more every `refill_s`.

    The keys that were used last are remembered; forgetting one gives it back its tries, which is as good as
    it gets in bounded memory: whoever fills it has spent `MOST_KEYS` tries of other keys.
    """

    def __init__(self, clock: Clock, *, burst: int, refill_s: float) -> None:
        self._clock = clock
        self._burst = burst
        self._refill_s = refill_s
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tries left, at which moment

    def take(self, key: str) -> None:
        """Use up one try.

        Raises:
            TooOften: none is left; it says how long to wait.
        """
        with self._lock:
            left = self._now_left(key)
            if left < 1:
                wait_s = (1 - left) * self._refill_s
                why = Reason("tried_too_often", values={"wait_s": ceil(wait_s)})
                raise TooOften("Tried too often.", retry_after_s=wait_s, why=why)
            self._set(key, left - 1)

    def give_back(self, key: str) -> None:
        """The try was a good one: let it not count."""
        with self._lock:
            self._set(key, min(self._burst, self._now_left(key) + 1))

    def _now_left(self, key: str) -> float:
        left, at_s = self._left.get(key, (float(self._burst), self._clock.monotonic()))
        return min(self._burst, left + (self._clock.monotonic() - at_s) / self._refill_s)

    def _set(self, key: str, left: float) -> None:
        self._left[key] = (left, self._clock.monotonic())
        self._left.move_to_end(key)
        if len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)


def network_of(address: str) -> str:
    """What counts as one sender: an IPv4 address, or the /64 that one subscriber of IPv6 has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)

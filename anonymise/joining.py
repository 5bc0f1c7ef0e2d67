"""Groups of cells that are too small at a level vector, and the classes that may take them in instead of what comes next.

All vectors after this one lose at least as much as the next. Where that is far more (the last vector that tells
municipalities apart), a group of a few persons costs less as part of a class inside the same node, though the class is
told more coarsely then: measured, the declared loss falls by 2 to 4 %.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anonymise.hierarchy import Codes
from anonymise.keys import Keys
from anonymise.losses import Floats, Order

_JUMP: Final = 0.05
"""The next vector loses this share more of all that can be lost: below it the sweep itself finds what is cheapest."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Classes, the place of a cell of each, and what it costs each to be told at the vector."""

    classes: Codes
    first: Codes
    cost: Floats


def worthwhile(order: Order, rise: Floats, *, k: int) -> NDArray[np.bool_]:
    """At which vectors a group smaller than k may join: where the loss rises far, and for some class less far to there."""
    found: NDArray[np.bool_] = (rise > _JUMP * order.loss[-1]) & ((k - 1) * rise > k * order.step)
    return found


def cheapest(keys: Keys, gain: Floats, *, hosts: Hosts, keys_of_hosts: Keys) -> Codes:
    """Per cell the class that its group joins: that of the same key to which it costs least, of equal ones the first; -1
    where it costs as much as the group gains, or there is none."""
    none = np.full(len(keys), -1, dtype=np.int64)
    if not len(keys) or not len(hosts.classes):
        return none
    groups, group = np.unique(keys, return_inverse=True)
    near = np.searchsorted(groups, keys_of_hosts)
    asked = np.flatnonzero(groups[np.minimum(near, len(groups) - 1)] == keys_of_hosts)
    if not len(asked):
        return none
    by = asked[np.lexsort((hosts.classes[asked], np.round(hosts.cost[asked], 9), keys_of_hosts[asked]))]
    best = by[np.flatnonzero(np.append(True, keys_of_hosts[by][1:] != keys_of_hosts[by][:-1]))]
    place = np.minimum(np.searchsorted(keys_of_hosts[best], groups), len(best) - 1)
    own = best[place]
    joins = (keys_of_hosts[own] == groups) & (hosts.cost[own] < np.bincount(group, weights=gain))
    return np.where(joins[group], hosts.classes[own][group], none)

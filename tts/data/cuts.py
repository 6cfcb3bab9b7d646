"""Where a sorted list of names is cut into parts, so that new names change few parts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection


def parts(names: Collection[str], mean: int) -> list[list[str]]:
    """Cut names, sorted, into runs of neighbours.

    A part ends with a name of whose hash `mean` is a divisor, whatever the others are, as in content-defined chunking
    (Muthitacharoen, Chen, Mazieres: A Low-bandwidth Network File System, SOSP 2001, section 3.1). So clips that are
    added behind the others, or as a speaker of their own, leave all other parts as they are.

    Args:
        names: all different.
        mean: names in a part, on average.

    Returns:
        At least one part; none is empty but that of no names.
    """
    found: list[list[str]] = [[]]
    for name in sorted(names):
        found[-1].append(name)
        if int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % mean == 0:
            found.append([])
    return found if found[-1] or len(found) == 1 else found[:-1]

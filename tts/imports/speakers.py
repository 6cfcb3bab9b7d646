"""Names for the rows of public tables of speakers."""

from __future__ import annotations

from torch import Tensor

from tts.errors import CheckpointError


def named(table: Tensor | None, given: tuple[str, ...] | None, *, layout: str) -> tuple[str, ...]:
    """Names of the rows of a table [speakers, channels]; one name where there is no table.

    Raises:
        CheckpointError: there are more or fewer names than rows, or none for several, or a table of one row.
    """
    count = 1 if table is None else len(table)
    if table is not None and count == 1:
        raise CheckpointError(
            f"{layout}: a table of one speaker has no place here; import a model without it, or of more"
        )
    if given is None and count > 1:
        raise CheckpointError(
            f"the checkpoint has {count} speakers; give the speakers.json it was trained with (--speakers)"
        )
    names = given or ("speaker",)
    if len(names) != count:
        raise CheckpointError(f"the checkpoint has {count} speakers, the file of speakers {len(names)}; give its own")
    return names

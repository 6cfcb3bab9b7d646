"""What an archive may unpack to: much more than corpora do, but no bomb of zeros that fills the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tts.corpora.tools import require_space
from tts.errors import DownloadError

MAX_RATIO = 100
"""Bytes per packed byte; recordings have 1 to 3, text about 10."""

FREE_BYTES = 1_000_000_000
"""Allowed beside, for small archives of much silence."""

MAX_MEMBERS = 10_000_000
"""Common Voice, the largest corpus of clips, has about two million per language."""

_BYTES_PER_LOOK = 256 << 20


@dataclass
class Allowance:
    """Counts what is really written; sizes that an archive declares may lie.

    Attributes:
        path: the archive.
        destination: folder on the disk that is filled.
        num_members, num_bytes: unpacked so far.
    """

    path: Path
    destination: Path
    num_members: int = 0
    num_bytes: int = 0

    def expect(self, num_bytes: int) -> None:
        """Stop before so many bytes are begun with.

        Raises:
            DownloadError: they are more than allowed, or than the disk can hold.
        """
        self._require_plausible(num_bytes)
        require_space(self.destination, num_bytes)

    def count_member(self) -> None:
        """Allow one more file or folder.

        Raises:
            DownloadError: there are too many.
        """
        self.num_members += 1
        if self.num_members > MAX_MEMBERS:
            raise self._exceeded(f"{MAX_MEMBERS:,} files and folders")

    def count_bytes(self, num_bytes: int) -> None:
        """Allow some more bytes, before they are written.

        Raises:
            DownloadError: there are too many, or the disk has no room for them.
        """
        looks = self.num_bytes // _BYTES_PER_LOOK
        self.num_bytes += num_bytes
        self._require_plausible(self.num_bytes)
        if self.num_bytes // _BYTES_PER_LOOK > looks:
            require_space(self.destination, _BYTES_PER_LOOK)

    def _require_plausible(self, num_bytes: int) -> None:
        allowed = MAX_RATIO * self.path.stat().st_size + FREE_BYTES
        if num_bytes > allowed:
            raise self._exceeded(f"{allowed / 1e9:.2f} GB ({MAX_RATIO} times its size and {FREE_BYTES / 1e9:g} GB)")

    def _exceeded(self, limit: str) -> DownloadError:
        advice = "if you trust it, unpack it yourself and name its folder instead"
        return DownloadError(f"{self.path}: unpacks to more than {limit}; {advice}")

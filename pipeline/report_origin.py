"""Where the results of a project come from, and the commands that make them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.provenance import Provenance, read_provenance
from pipeline.report_html import code, facts, paragraph

_SHOWN_DIGITS = 16


@dataclass(frozen=True)
class Origin:
    """The commit and the data that results were made of.

    Attributes:
        provenance: commit and experiment.
        data: sha256 of the manifest by corpus: it holds every clip's text and the digest of its sound.
    """

    provenance: Provenance
    data: dict[str, str]

    @property
    def commit(self) -> str:
        """The commit in words."""
        found = self.provenance
        if found.commit is None:
            return "none: this project is not in git"
        return f"{found.commit}{', with changes that are not committed' if found.is_dirty else ''}"

    @property
    def commands(self) -> Sequence[str]:
        """What makes the results again."""
        found = self.provenance
        checkout = [f"git checkout {found.revision}"] if found.revision else []
        apply = [f"dvc exp apply {found.experiment}"] if found.experiment else []
        return [*checkout, *apply, "dvc repro"]

    @property
    def caution(self) -> str:
        """Why the commands may make something else; empty if they do not."""
        if self.provenance.commit is None:
            return "Without git nobody can tell which code and params made this; commit them."
        if self.provenance.is_dirty and not self.provenance.experiment:
            return "Code or params differ from the commit; commit them, and the commands will make these results again."
        return ""

    def named(self) -> Iterator[tuple[str, str]]:
        """Names and values."""
        yield "commit", self.commit
        if self.provenance.experiment:
            yield "experiment", self.provenance.experiment
        for corpus, digest in self.data.items():
            yield f"data of {corpus} (sha256 of its manifest)", digest[:_SHOWN_DIGITS]


def read_origin(root: Path, manifests: dict[str, Path]) -> Origin:
    """Ask git, and take the digests of manifests by corpus."""
    data = {corpus: hashlib.sha256(path.read_bytes()).hexdigest() for corpus, path in manifests.items()}
    return Origin(read_provenance(root), data)


def origin_part(origin: Origin) -> Iterator[str]:
    """What the report says of it."""
    yield facts("What these results were made of.", origin.named())
    yield paragraph("To make them again:")
    yield code("\n".join(origin.commands))
    if origin.caution:
        yield paragraph(origin.caution)

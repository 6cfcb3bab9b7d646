"""Alignments that exist: TextGrids of other tools and hands, imported."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tts.alignment.settings import TextGridSettings
from tts.alignment.textgrids import find_textgrids, read_textgrid, to_aligned
from tts.alignment.utterances import Aligned, Failed, Identity, ParallelMap, Utterance
from tts.config import to_plain
from tts.errors import AlignmentError
from tts.text.frontend import Word

logger = logging.getLogger(__name__)

_SUFFIX = ".TextGrid"
_SAMPLED = 20  # clips that tell the alphabet
_ENOUGH = 10  # kinds of phones


class TextGridAligner:
    """Takes the times, and if told so the phones, of <utterance_id>.TextGrid."""

    def __init__(self, settings: TextGridSettings) -> None:
        self._settings = settings

    def fit(self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap) -> Identity:
        """Find the TextGrids; nothing is learned, and nothing kept in `folder`.

        All are imported anew when one of them changes, which takes a minute for ten thousand.

        Raises:
            AlignmentError: the folder is not set, is missing or has no TextGrid of these clips; a clip has two; or
                their phones are of another alphabet than the front end's.
        """
        files = self._files(utterances)
        _require_known_alphabet([each for each in utterances if each.utterance_id in files], files)
        settings = {name: value for name, value in to_plain(self._settings).items() if name != "folder"}
        contents = [(name, hashlib.sha256(files[name].read_bytes()).hexdigest()) for name in sorted(files)]
        key = hashlib.sha256(json.dumps([settings, contents], sort_keys=True).encode()).hexdigest()
        return Identity(key, {"backend": "textgrid", "textgrids": len(files), **settings}, "imported")

    def align(self, utterances: Sequence[Utterance], folder: Path, *, run: ParallelMap) -> Iterator[Aligned | Failed]:
        """Import, and warn once if the front end says words otherwise.

        Raises:
            AlignmentError: as `fit`.
        """
        files = self._files(utterances)
        items = [(each, files.get(each.utterance_id)) for each in utterances]
        num_words, otherwise = 0, Counter[Word]()
        results = run(partial(_import, self._settings), items, label="TextGrids")
        for utterance, result in zip(utterances, results, strict=True):
            if isinstance(result, Aligned):
                num_words += sum(bool(word.phones) for word in result.words)
                otherwise.update(word for word in result.words if word not in utterance.words)
            yield result
        if otherwise:
            logger.warning("%s", _said_otherwise(otherwise, num_words))

    def _files(self, utterances: Sequence[Utterance]) -> dict[str, Path]:
        """The TextGrid of each clip that has one."""
        if self._settings.folder is None:
            raise AlignmentError("align.textgrid.folder is not set; name the folder of the TextGrids in params.yaml")
        folder = Path(self._settings.folder).expanduser()
        if not folder.is_dir():
            raise AlignmentError(f"{folder}: there is no such folder; correct align.textgrid.folder in params.yaml")
        by_name = _by_name(folder)
        files = {each.utterance_id: by_name[each.utterance_id] for each in utterances if each.utterance_id in by_name}
        if not files and utterances:
            example = f"{utterances[0].utterance_id}{_SUFFIX}"
            raise AlignmentError(f"{folder}: no TextGrid in it is of these clips; name them as the clips ({example})")
        for name, paths in files.items():
            if len(paths) > 1:
                raise AlignmentError(f"{paths[0]} and {paths[1]} are both the TextGrid of {name}; keep one of them")
        return {name: path for name, (path,) in files.items()}


def _by_name(folder: Path) -> Mapping[str, list[Path]]:
    """All TextGrids by what clips they may be of."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in find_textgrids(folder):
        for name in (path.stem, f"{path.parent.name}-{path.stem}"):
            found[name].append(path)
    return found


def _import(settings: TextGridSettings, item: tuple[Utterance, Path | None]) -> Aligned | Failed:
    utterance, path = item
    if path is None:
        return Failed(utterance.utterance_id, "no TextGrid", f"no file {utterance.utterance_id}{_SUFFIX}")
    try:
        grid = read_textgrid(path)
    except AlignmentError as error:
        return Failed(utterance.utterance_id, "broken TextGrid", str(error))
    tolerance = settings.tolerance_ms / 1000
    return to_aligned(utterance, grid, pronunciations=settings.pronunciations, tolerance_seconds=tolerance)


def _require_known_alphabet(utterances: Sequence[Utterance], files: Mapping[str, Path]) -> None:
    """Stop where TextGrids in ARPAbet meet a front end in IPA, for example; no clip could be spoken with them."""
    ours, theirs = set[str](), set[str]()
    for utterance in utterances[:: max(len(utterances) // _SAMPLED, 1)]:
        result = _import(TextGridSettings(tolerance_ms=float("inf")), (utterance, files[utterance.utterance_id]))
        if isinstance(result, Aligned):
            ours.update(utterance.phones)
            theirs.update(phone for word in result.words for phone in word.phones)
    if ours.isdisjoint(theirs) and min(len(ours), len(theirs)) >= _ENOUGH:
        shown, expected = (", ".join(sorted(each)[:8]) for each in (theirs, ours))
        raise AlignmentError(
            f"phones of the TextGrids ({shown}) are of another alphabet than those of text.frontend ({expected}); "
            "choose the front end that has them, or another align.backend"
        )


def _said_otherwise(words: Mapping[Word, int], num_words: int) -> str:
    count = sum(words.values())
    often = ", ".join(f"{word.text} = {' '.join(word.phones)}" for word, _ in Counter(words).most_common(3))
    return (
        f"{count / num_words:.1%} of {num_words:,} words are said otherwise in the TextGrids than by the front end "
        f"(most often {often}): a voice learns the former and is given the latter. Bring them together with a "
        "lexicon (text.lexicon), or leave such clips out (align.textgrid.pronunciations: front_end)"
    )

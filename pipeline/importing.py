"""From the files of a public checkpoint to a model folder, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.fingerprint import file_key
from pipeline.output import replaced_directory
from pipeline.paths import Paths
from pipeline.yaml import read_yaml
from tts.audio.mel_definition import MelDefinition
from tts.config import to_plain
from tts.errors import CheckpointError, ConfigError
from tts.imports import symbols
from tts.imports.importing import Imported, import_checkpoint
from tts.imports.layout import Given
from tts.imports.layouts import find_layout
from tts.imports.reading import read_checkpoint
from tts.training.export import export_model

_SHOWN = 12


@dataclass(frozen=True)
class Files:
    """What a public checkpoint consists of; None = not given.

    Attributes:
        weights: of the network.
        discriminator: what it played against.
        config: of the network and its mel, JSON or YAML; the mappings of several files are joined.
        statistics: of pitch and energy, JSON.
        speakers: JSON: names by id, or ids by name.
        symbols: a name on each line, in the order of ids.
    """

    weights: Path
    discriminator: Path | None = None
    config: tuple[Path, ...] = ()
    statistics: Path | None = None
    speakers: Path | None = None
    symbols: Path | None = None

    def given(self) -> Given:
        """Read what came beside the weights.

        Raises:
            CheckpointError: a file cannot be read, or does not hold what it should.
        """
        config: dict[str, Any] = {}
        for path in self.config:
            config |= _mapping(path)
        return Given(
            config=config,
            statistics=_mapping(self.statistics) if self.statistics else None,
            speakers=_speakers(self.speakers) if self.speakers else None,
            symbols=tuple(_text(self.symbols).splitlines()) if self.symbols else None,
        )


def require_free(paths: Paths, name: str, *, force: bool) -> None:
    """Refuse a name that is taken.

    Raises:
        ConfigError: it is no name of a folder, a run of params.yaml trains it, or the model is there already.
    """
    if name != Path(name).name or name.startswith("."):
        raise ConfigError(f"--run {name!r} is no name of a folder; take letters, digits and underscores")
    params = paths.root / "params.yaml"
    if params.exists() and name in (read_yaml(params).get("runs") or {}):
        raise ConfigError(
            f"--run {name}: `tts train {name}` writes that model, see runs in params.yaml; take another name"
        )
    if paths.model(name).exists() and not force:
        raise ConfigError(f"{paths.model(name)} exists; take another name, or say --force to lose it")


def import_files(
    files: Files, folder: Path, *, layout: str | None, mel: Mapping[str, Any], credit: Mapping[str, str | None]
) -> Imported:
    """Write the model folder of a public checkpoint, whole or not at all.

    Args:
        files: of the checkpoint.
        folder: of the model; replaced if it exists.
        layout: its name; None = found by the tensors.
        mel: fields of the mel definition that differ from what the layout says.
        credit: licence and source, as they were given.

    Raises:
        CheckpointError: a file cannot be read or does not fit.
        ConfigError: there is no such layout, or a size or field cannot be.
    """
    judge = read_checkpoint(files.discriminator) if files.discriminator else None
    imported = import_checkpoint(
        read_checkpoint(files.weights),
        files.given(),
        layout=find_layout(layout) if layout else None,
        mel=mel,
        discriminator=judge,
    )
    with replaced_directory(folder) as temporary:
        export_model(
            temporary,
            imported.network,
            system=imported.layout.system,
            model=to_plain(imported.understood.config),
            inventory=imported.understood.inventory,
            training={"imported": _origin(files, imported.layout.name, mel) | dict(credit)},
            discriminator=imported.discriminator,
        )
    return imported


def fields(texts: Sequence[str]) -> dict[str, Any]:
    """Values by name of texts such as ``framing=centered``; what is no JSON is a word.

    Raises:
        ConfigError: a text has no equals sign.
    """
    pairs = [text.partition("=") for text in texts]
    wrong = next((name for name, equals, _ in pairs if not equals), None)
    if wrong is not None:
        raise ConfigError(f"--mel {wrong}: must be FIELD=VALUE, such as framing=centered")
    return {name: _value(value) for name, _, value in pairs}


def describe(imported: Imported) -> Iterator[str]:
    """What was imported, line by line."""
    understood, inventory = imported.understood, imported.understood.inventory
    written = len(imported.network.state_dict())
    parameters = sum(each.numel() for each in imported.network.parameters())
    yield f"system: {imported.layout.system}, {parameters:,} parameters"
    yield f"layout: {imported.layout.name}, {imported.num_tensors} tensors read, {written} written"
    yield f"mel: {_mel(inventory.mel)}"
    if imported.discriminator is not None:
        yield f"discriminators: {len(imported.discriminator.state_dict())} tensors, for runs that start from this one"
    if inventory.symbols:
        yield from _phones(inventory.symbols)
        yield f"speakers: {_some(inventory.speakers)}; styles: {_some(inventory.styles)}"
    yield from (f"note: {note}" for note in understood.notes)


def _origin(files: Files, layout: str, mel: Mapping[str, Any]) -> dict[str, Any]:
    """Where a model comes from; the same bytes for the same files, wherever they lie."""
    beside = [files.discriminator, *files.config, files.statistics, files.speakers, files.symbols]
    return {
        "layout": layout,
        "file": files.weights.name,
        "sha256": file_key(files.weights),
        "beside": {path.name: file_key(path) for path in beside if path is not None},
        "mel": dict(mel),
    }


def _phones(found: Sequence[str]) -> Iterator[str]:
    name, lacking, unsaid = symbols.front_end(found)
    yield f"phones: {len(found)}; of text.frontend {name} it lacks {_some(lacking) if lacking else 'none'}"
    yield f"no text is turned into {len(unsaid)} of them: {_some(unsaid)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{' '.join(names[:_SHOWN])}{more}"


def _mel(mel: MelDefinition) -> str:
    return (
        f"{mel.sample_rate} Hz, n_fft {mel.n_fft}, hop_length {mel.hop_length}, win_length {mel.win_length}, "
        f"{mel.n_mels} mels from {mel.f_min:g} to {mel.f_max:g} Hz, {mel.framing} framing, "
        f"magnitude_epsilon {mel.magnitude_epsilon:g}, floor {mel.floor:g}"
    )


def _value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); give a text file in UTF-8") from error


def _json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path}: is no JSON ({error}); give the file as it was published") from error


def _mapping(path: Path) -> dict[str, Any]:
    value = read_yaml(path) if path.suffix in (".yaml", ".yml") and path.exists() else _json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: holds no mapping; give the file as it was published")
    return value


def _speakers(path: Path) -> tuple[str, ...]:
    value = _json(path)
    names = sorted(value, key=lambda name: str(value[name]).zfill(9)) if isinstance(value, dict) else value
    ids = sorted(value.values()) if isinstance(value, dict) else list(range(len(names)))
    plain = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    if not plain or ids != list(range(len(names))):
        raise CheckpointError(
            f"{path}: must hold names by id, or ids from 0 on by name; give the file as it was published"
        )
    return tuple(names)

"""Packs made as `tts download` makes them, of any folder."""

from pipeline.packs import PackStore
from pipeline.parallel import ThisProcess
from tts.corpora.packs import open_packs


def pack(source, destination, *, executor=None, store=None):
    """Pack all files of a folder into a new one, and give them as stages see them."""
    destination.mkdir(parents=True)
    packs = PackStore(store or destination.parent / f"{destination.name}-store", executor or ThisProcess(), links=True)
    packs.pack(source, destination, label="pack")
    return open_packs(destination)


def packed_files(folder):
    """Content of each file of packs, by its path."""
    return {name: file.read_bytes() for name, file in _below(open_packs(folder), "")}


def _below(folder, path):
    for each in folder.iterdir():
        if each.is_dir():
            yield from _below(each, f"{path}{each.name}/")
        else:
            yield path + each.name, each

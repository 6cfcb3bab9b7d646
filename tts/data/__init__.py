"""Tables (Parquet) and arrays (NPY shards): how everything the pipeline keeps is written and read.

`open_corpus` opens all that is kept of a corpus; see `tts.data.corpus`.
"""

from importlib import import_module
from typing import Any

__all__ = ["open_corpus"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as modules' attributes are
    # Looked up when asked for: most modules below need no part of what a corpus is read by.
    if name == "open_corpus":
        return import_module("tts.data.corpus").open_corpus
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Everything a caller may catch.

TtsError
├── ConfigError       a parameter is unknown, of the wrong type, or contradicts another
├── DownloadError     a corpus could not be fetched, verified or unpacked
├── CorpusError       recordings or transcripts are not what they should be
├── TextError         a text cannot be turned into phones
├── AudioError        a recording cannot be read or is not what it claims to be
├── AlignmentError    phones could not be placed in time
├── DataError         tables and shards disagree (the invariant gate)
├── TrainingError     a run cannot start or cannot go on
│   └── MemoryShortageError   its largest batch does not fit
└── CheckpointError   a model folder cannot be read, or two do not fit together

Messages say what is wrong, where, with the value, and what to do about it, in one line.
"""


class TtsError(Exception):
    """Base of all errors a user can act on; shown as one line without a traceback."""


class ConfigError(TtsError):
    """A parameter is unknown, of the wrong type, or contradicts another."""


class DownloadError(TtsError):
    """A corpus could not be fetched, verified or unpacked."""


class CorpusError(TtsError):
    """Recordings or transcripts are not what they should be."""


class TextError(TtsError):
    """A text cannot be turned into phones."""


class AudioError(TtsError):
    """A recording cannot be read or is not what it claims to be."""


class AlignmentError(TtsError):
    """Phones could not be placed in time."""


class DataError(TtsError):
    """Tables and shards disagree."""


class TrainingError(TtsError):
    """A run cannot start or cannot go on."""


class MemoryShortageError(TrainingError):
    """The largest batch of a run does not fit into memory."""


class CheckpointError(TtsError):
    """A model folder cannot be read, or two do not fit together."""

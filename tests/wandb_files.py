"""Reads the `.wandb` files of offline runs as `wandb sync` does; wandb has a reader of its own only in Go.

The format is LevelDB's log, https://github.com/google/leveldb/blob/main/doc/log_format.md, behind a header of 7 bytes:
blocks of 32 KiB hold fragments with CRC-32, length and type; whole records are protobuf messages.
"""

import struct
import zlib

from wandb.proto.wandb_internal_pb2 import Record

_BLOCK, _HEADER = 32768, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def read_records(path):
    """All records of a file, each fragment checked."""
    content = path.read_bytes()
    assert content[:4] == b":W&B"
    records, parts, position = [], [], _HEADER
    while position < len(content):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER:
            position += left
            continue
        checksum, length, kind = struct.unpack("<IHB", content[position : position + _HEADER])
        data = content[position + _HEADER : position + _HEADER + length]
        assert len(data) == length, "the last record is whole"
        assert zlib.crc32(bytes([kind]) + data) == checksum
        parts.append(data)
        if kind in (_FULL, _LAST):
            record = Record()
            record.ParseFromString(b"".join(parts))
            records.append(record)
            parts = []
        position += _HEADER + length
    assert not parts
    return records

"""A part of an ONNX network as a network of its own.

ONNX files are protocol buffers (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto,
https://protobuf.dev/programming-guides/encoding). A part keeps the nodes that its output needs, from a tensor on that
is given instead of computed; only the few fields that name these are read and written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

_GRAPH = 7  # of ModelProto
_NODE, _INPUT, _OUTPUT, _VALUE_INFO = 1, 11, 12, 13  # of GraphProto
_NODE_INPUTS, _NODE_OUTPUTS = 1, 2  # of NodeProto
_FLOAT = 1  # of TensorProto.DataType
_BYTES = 2  # wire type of what has a length

Field = tuple[int, int, bytes]
"""Number, wire type, and content: of a varint or of bytes without their length."""


def part_of(path: Path, *, given: str, rank: int, wanted: str) -> bytes:
    """The network from one tensor of an ONNX file to another, as the bytes of a file.

    Args:
        path: of a network with one graph.
        given: name of a float tensor, which becomes the only input, of any shape of `rank` dimensions.
        rank: of it.
        wanted: name of the tensor that becomes the only output.

    Raises:
        ValueError: `wanted` does not depend on `given` alone.
    """
    model = list(_fields(path.read_bytes()))
    (graph,) = (list(_fields(content)) for number, _, content in model if number == _GRAPH)
    nodes = _needed([content for number, _, content in graph if number == _NODE], given, wanted)
    kept = [field for field in graph if field[0] not in (_NODE, _INPUT, _OUTPUT, _VALUE_INFO)]
    own = [(_NODE, _BYTES, node) for node in nodes]
    ends = [(_INPUT, _BYTES, _tensor(given, rank)), (_OUTPUT, _BYTES, _message((1, _BYTES, wanted.encode())))]
    others = [field for field in model if field[0] != _GRAPH]
    return _message(*others, (_GRAPH, _BYTES, _message(*own, *kept, *ends)))


def _needed(nodes: Sequence[bytes], given: str, wanted: str) -> list[bytes]:
    """Nodes that compute `wanted`, in their order."""
    needed, found = {wanted}, []
    for node in reversed(nodes):  # a graph lists what computes a tensor before what uses it
        inputs, outputs = ({c.decode() for n, _, c in _fields(node) if n == kind} for kind in (1, 2))
        if needed & (outputs - {given}):
            needed |= inputs
            found.append(node)
    if given not in needed:
        raise ValueError(f"{wanted} does not depend on {given}")
    return found[::-1]


def _tensor(name: str, rank: int) -> bytes:
    """ValueInfoProto of a float tensor without stated sizes."""
    shape = _message(*[(1, _BYTES, b"")] * rank)
    kind = _message((1, 0, bytes([_FLOAT])), (2, _BYTES, shape))
    return _message((1, _BYTES, name.encode()), (2, _BYTES, _message((1, _BYTES, kind))))


def _fields(message: bytes) -> Iterator[Field]:
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        start = place
        if kind == 0:
            _, place = _varint(message, place)
        elif kind == _BYTES:
            length, start = _varint(message, place)
            place = start + length
        else:
            place += 8 if kind == 1 else 4
        yield number, kind, message[start:place]


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place, value, shift = place + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, place


def _message(*fields: Field) -> bytes:
    return b"".join(
        _as_varint(number << 3 | kind) + (_as_varint(len(content)) if kind == _BYTES else b"") + content
        for number, kind, content in fields
    )


def _as_varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])

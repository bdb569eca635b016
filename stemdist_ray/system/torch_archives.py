"""What ``torch.save`` wrote in earlier releases, read without running anything.

The archive is a ZIP file: ``data.pkl`` says how containers, plain values and tensors are put
together, ``data/0``, ``data/1``, ... hold the numbers. The pickle is not loaded: its instructions
are listed, and those of containers, plain values and torch's own tensors are followed here; any
other one is an error. Nothing is imported and nothing is called that the file names.
"""

from __future__ import annotations

import io
import math
import pickletools  # lists instructions; it does not follow them
from dataclasses import dataclass
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "ComplexFloatStorage": torch.complex64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_DICT, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_PLAIN = (
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"),
    "INT",
)
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MARK = object()


class _Name(NamedTuple):
    """Something that the file names; never imported."""

    text: str


@dataclass(frozen=True)
class _Storage:
    """The numbers that tensors are views of."""

    numbers: Tensor


def read_archive(content: bytes) -> Any:
    """Read the containers, plain values and tensors that ``torch.save`` wrote.

    Raises:
        ValueError: The bytes are no such archive, are damaged, or ask for anything else.
    """
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(names) != 1:
                raise ValueError("expected one data.pkl in the archive")
            folder = names[0].removesuffix("data.pkl")
            return _Reader(archive, folder).read(archive.read(names[0]))
    except (BadZipFile, KeyError, IndexError, TypeError, RuntimeError, EOFError) as error:
        raise ValueError(f"the archive is damaged: {error!r}") from error


class _Reader:
    """Follows the instructions of one ``data.pkl`` on a stack of its own."""

    def __init__(self, archive: ZipFile, folder: str) -> None:
        self.archive, self.folder = archive, folder
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, _Storage] = {}

    def read(self, program: bytes) -> Any:
        for code, argument, _ in pickletools.genops(program):
            if code.name == "STOP":
                return self.stack.pop()
            self._follow(code.name, argument)
        raise ValueError("the archive is cut off")

    def _follow(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _PLAIN:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name == "GLOBAL":
            stack.append(_Name(argument))
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self._since_mark()
            _of(list, stack[-1]).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop() for _ in "kv"][::-1] if name == "SETITEM" else self._since_mark()
            _of(dict, stack[-1]).update(zip(items[::2], items[1::2], strict=True))
        elif name == "BINPERSID":
            stack.append(self._storage(*_of(tuple, stack.pop())))
        elif name == "REDUCE":
            arguments = _of(tuple, stack.pop())
            stack.append(_made(_of(_Name, stack.pop()), arguments))
        elif name == "BUILD":  # torch's notes on versions of modules, which nothing here needs
            stack.pop()
            _of(dict, stack[-1])
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"the archive holds more than tensors and plain values ({name})")

    def _since_mark(self) -> list[Any]:
        start = max(i for i, item in enumerate(self.stack) if item is _MARK)
        items = self.stack[start + 1 :]
        del self.stack[start:]
        return items

    def _storage(self, what: str, kind: _Name, key: str, device: str, count: int) -> _Storage:
        del what, device, count
        if key not in self.storages:
            dtype = _STORAGES[_of(_Name, kind).text.removeprefix("torch ")]
            content = bytearray(self.archive.read(f"{self.folder}data/{key}"))
            numbers = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0)
            self.storages[key] = _Storage(numbers.to(dtype))
        return self.storages[key]


def _made(name: _Name, arguments: tuple[Any, ...]) -> Any:
    if name.text == _DICT and not arguments:
        return {}
    if name.text == _TENSOR:
        storage, offset, size, stride = arguments[:4]
        numbers = _of(_Storage, storage).numbers
        if math.prod(size) > len(numbers):
            raise ValueError(f"a tensor {size} does not fit its {len(numbers)} numbers")
        return torch.as_strided(numbers, size, stride, offset).clone()
    raise ValueError(f"the archive holds more than tensors and plain values ({name.text})")


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(f"the archive is damaged: expected {kind.__name__}, found {value!r:.60}")
    return value

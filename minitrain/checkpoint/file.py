"""A tree of numbers, text, tensors and arrays as one file that is whole or absent. It refuses to know what the tree means.

It is a safetensors file, which any tool opens for the weights and which can not run code:

    8 bytes     the length of the header, little-endian
    header      JSON: each tensor's dtype, shape and place, and under "__metadata__" three strings:
        sha256      of the whole file, with these 64 digits as zeros: any bit that flips is found
        minitrain   the version of the format; in every version, the three begin like this
        tree        JSON again: all that is no tensor; {"$tensor": "run.model.head.weight"} stands where one belongs
    tensors     one behind the other, named by their place in the tree

It is written under another name, forced to the disk and renamed: a kill at any moment leaves the old file or the new one.
A file of JSON beside a file of tensors would need two renames, with a moment between them.
"""
import contextlib
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

VERSION = 1
KINDS = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.complex64: "C64",
         torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.bool: "BOOL",
         torch.uint64: "U64", torch.uint32: "U32", torch.uint16: "U16", torch.uint8: "U8"}
ABOUT = re.compile(rb'"sha256": "([0-9a-f]{64})", "minitrain": "\d+", "tree": ')


class Unusable(ValueError):
    """A file that is no checkpoint, or no longer one, or one of a newer version. It was left as it is."""


def write(path, tree):
    """Returns the path. OSError, in one sentence, if the disk is full or away; what was at `path` is then still there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(f"{folder}/a.safetensors", {"t": 7, "w": torch.ones(2), "betas": (0.9, 0.999)})
    ...     read(path), safetensors.torch.load_file(path)
    ({'t': 7, 'w': tensor([1., 1.]), 'betas': (0.9, 0.999)}, {'w': tensor([1., 1.])})
    """
    path, tensors = Path(path), {}
    text = json.dumps(pack(tree, "", tensors))
    header, end = {"__metadata__": {"sha256": "0" * 64, "minitrain": str(VERSION), "tree": text}}, 0
    tensors = dict(sorted(tensors.items(), key=lambda item: -item[1].element_size()))       # each at a multiple of its width
    for name, x in tensors.items():
        start, end = end, end + x.nbytes
        header[name] = {"dtype": KINDS[x.dtype], "shape": list(x.shape), "data_offsets": [start, end]}
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)
    pieces = [len(header).to_bytes(8, "little") + header,
              *(x.detach().cpu().reshape(-1).view(torch.uint8).numpy() for x in tensors.values())]
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    pieces[0] = pieces[0].replace(b"0" * 64, digest.hexdigest().encode(), 1)
    try:
        _put(path, pieces)
    except OSError as error:
        with contextlib.suppress(OSError):
            error.strerror += f" ({sum(map(len, pieces)):,} bytes needed, {shutil.disk_usage(path.parent).free:,} free)"
        raise OSError(error.errno, f"{path} could not be saved: {error.strerror}. No checkpoint was overwritten or deleted, and "
                                   "the training can go on.") from None
    return path


def _put(path, pieces):
    aside = path.with_name(path.name + ".tmp")                  # what a kill leaves here, the next write replaces
    try:
        with open(aside, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())                             # a rename may reach the disk before the bytes do
        os.replace(aside, path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
    with contextlib.suppress(OSError):                          # the rename reaches the disk with its folder; Windows and some
        folder = os.open(path.parent, os.O_RDONLY)              # network disks have no call for that
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path):
    """The tree, its tensors on the CPU; Unusable unless the file is byte for byte what was written."""
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no checkpoint {path}.") from None
    except OSError as error:
        raise Unusable(f"{path} can not be read: {error.strerror}") from None
    n = int.from_bytes(raw[:8], "little")
    try:
        header = json.loads(raw[8:8 + n])
        about = header.pop("__metadata__", {})
        size = 8 + n + max((x["data_offsets"][1] for x in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unusable(f"{path} is no checkpoint, or damaged, or cut short: its header can not be read") from None
    if len(raw) < size:
        raise Unusable(f"{path} was cut short: it ends after {len(raw):,} of {size:,} bytes")
    found = ABOUT.search(raw[:8 + n])
    if not found:
        raise Unusable(f"{path} holds tensors, but is no checkpoint of minitrain, or a damaged one")
    digest = hashlib.sha256(raw[:found.start(1)])
    digest.update(b"0" * 64)
    digest.update(memoryview(raw)[found.end(1):])
    if digest.hexdigest().encode() != found[1]:
        raise Unusable(f"{path} is damaged: its bytes are not those that were saved (their sha256 differs)")
    if int(about["minitrain"]) > VERSION:
        raise Unusable(f"{path} was saved by a newer minitrain, in format {about['minitrain']}; this one reads up to {VERSION}")
    return unpack(json.loads(about["tree"]), safetensors.torch.load(raw))


def pack(value, name, tensors):
    """The value as JSON; its tensors and arrays go into `tensors`, by their place in it.

    >>> tensors = {}
    >>> pack({"state": {0: {"m": torch.ones(2)}}}, "", tensors)          # torch numbers its parameters; JSON's keys are text
    {'state': {'$items': [(0, {'m': {'$tensor': 'state.0.m'}})]}}
    """
    if isinstance(value, np.ndarray | np.generic):
        kind = "$array" if isinstance(value, np.ndarray) else "$scalar"
        return {kind: pack(torch.from_numpy(np.array(value)), name, tensors)["$tensor"]}
    if isinstance(value, torch.Tensor) and value.dtype in KINDS:
        while name in tensors:                                  # {"a.b": …, "a": {"b": …}}
            name += "'"
        tensors[name] = value
        return {"$tensor": name}
    if isinstance(value, torch.dtype):
        return {"$dtype": str(value).removeprefix("torch.")}
    if isinstance(value, dict) and all(isinstance(key, str | int | float | None) for key in value):
        packed = [(key, pack(x, f"{name}.{key}".lstrip("."), tensors)) for key, x in value.items()]
        plain = all(isinstance(key, str) and not key.startswith("$") for key in value)
        return dict(packed) if plain else {"$items": packed}
    if isinstance(value, list | tuple):
        packed = [pack(x, f"{name}.{i}", tensors) for i, x in enumerate(value)]
        return packed if isinstance(value, list) else {"$tuple": packed}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    kind = f" of {value.dtype}" if isinstance(value, torch.Tensor) else ""
    raise TypeError(f"A checkpoint can not hold {name}, a {type(value).__name__}{kind}; it holds numbers, text, tensors and "
                    "arrays of the usual dtypes, lists of them, and dicts of them by text or number.")


def unpack(value, tensors):
    """What `pack` was given."""
    if isinstance(value, list):
        return [unpack(x, tensors) for x in value]
    if not isinstance(value, dict):
        return value
    kinds = {"$tensor": lambda name: tensors[name], "$array": lambda name: tensors[name].numpy(),
             "$scalar": lambda name: tensors[name].numpy()[()], "$dtype": lambda name: getattr(torch, name),
             "$tuple": lambda items: tuple(unpack(items, tensors)),
             "$items": lambda items: {key: unpack(x, tensors) for key, x in items}}
    first = next(iter(value), None)
    return kinds[first](value[first]) if first in kinds else {key: unpack(x, tensors) for key, x in value.items()}

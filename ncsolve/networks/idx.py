"""The IDX format of MNIST: two zero bytes, a type, the number of dimensions, the sizes (big-endian), then the bytes.

Images have the magic number 0x00000803 (bytes, three dimensions), labels 0x00000801. Files may be gzipped.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ..problem.border import opened, shown
from ..problem.errors import DataError

LIMIT = 4 << 30  # bytes, compressed or not
IMAGES, LABELS = 0x00000803, 0x00000801


def pair(images: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, height, width) and labels (N,), the labels from the file beside it that is named as MNIST's are."""
    if "idx3" not in images.name or "images" not in images.name:
        raise DataError(
            f"{shown(str(images))}: name the images file (...images-idx3-ubyte); its labels are found beside it"
        )
    stem = images.name.replace("images", "labels").replace("idx3", "idx1")
    plain = stem.removesuffix(".gz")
    beside = [images.with_name(name) for name in (stem, plain, plain + ".gz")]
    labels = next((path for path in beside if path.exists()), beside[0])
    return read(images, IMAGES), read(labels, LABELS)


def read(path: Path, magic: int) -> NDArray[np.uint8]:
    """The array of one file, whose magic number is checked.

    Raises
    ------
    DataError
        Another magic number, fewer or more bytes than the header says, or gzip data that is broken.
    """
    name, dimensions = shown(str(path)), magic & 0xFF
    with opened(path, LIMIT) as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if zipped else file
        try:
            header = stream.read(4 + 4 * dimensions)
            if len(header) < 4 or struct.unpack(">I", header[:4])[0] != magic:
                said = f"begins with {header[:4].hex() or 'nothing'}"
                raise DataError(
                    f"{name} {said}, an IDX file of this kind with {magic:08x}; give the file as MNIST ships it"
                )
            if len(header) < 4 + 4 * dimensions:
                raise DataError(f"{name} ends inside its header; fetch the file again")
            shape = struct.unpack(f">{dimensions}I", header[4:])
            size = int(np.prod([int(side) for side in shape], dtype=object))
            if not 0 < size <= LIMIT:
                raise DataError(f"{name} says that its shape is {shape}; fetch the file again")
            body = stream.read(size + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{name} is a broken gzip file ({' '.join(str(error).split())}); fetch it again"
            ) from None
    if len(body) != size:
        what = "has more bytes" if len(body) > size else f"has {len(body)} bytes of data"
        raise DataError(f"{name} {what}; its header says {shape}, {size} bytes: fetch it again")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)

"""Samples with labels: scikit-learn's digits, .npz files, MNIST and CIFAR-10 in their own formats; and subsets by class counts.

CIFAR-10, binary version: records of 3,073 bytes, a label from 0 to 9 and the red, green and blue planes of 32 x 32 pixels. IDX, the
format of MNIST: two zero bytes, a type, the number of dimensions, the sizes (big-endian), then the bytes; images have the magic number
0x00000803 (bytes, three dimensions), labels 0x00000801. Files may be gzipped.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ..metrics.rows import coded
from ..problem.border import opened, shown
from ..problem.errors import DataError, ProblemError
from ..values import Value
from .fixed import missing_is_named

LIMIT = 4 << 30  # bytes of a file, compressed or not
IMAGES, LABELS = 0x00000803, 0x00000801
CIFAR = (3, 32, 32)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Value):
    """N samples and their classes; built by `Dataset.of`, `digits` or `read`.

    Attributes
    ----------
    samples : (N, ...) floats, such as (N, channels, height, width); classes in order
    labels : (N,) whole numbers 0 .. K-1, ascending
    names : K class names
    """

    samples: NDArray[Any]
    labels: NDArray[np.intp]
    names: tuple[str, ...]

    @classmethod
    def of(cls, samples: Any, labels: Any, source: str = "the data") -> Dataset:
        """Samples (N, ...) and N labels of any kind, checked and sorted by class.

        Bytes become numbers from 0 to 1; (N, height, width) becomes one channel.

        Raises
        ------
        DataError
            They do not fit, are not numbers, not finite, or of a single class.

        Examples
        --------
        >>> Dataset.of([[1.0], [2.0], [3.0]], ["b", "a", "b"]).counts
        {'a': 1, 'b': 2}
        """
        values = np.asarray(samples)
        if values.dtype.kind not in "biuf":
            raise DataError(f"{source}: samples have dtype {values.dtype}; numbers work")
        if values.ndim < 2 or 0 in values.shape:
            raise DataError(
                f"{source}: samples have shape {values.shape}; give (N, ...), one row or image per sample"
            )
        codes, classes = coded(labels)
        if len(codes) != len(values):
            raise DataError(
                f"{source}: {len(values)} samples and {len(codes)} labels; give one label per sample"
            )
        if len(classes) < 2:
            raise DataError(
                f"{source}: all samples have the label {shown(classes[0])}; at least 2 classes are needed"
            )
        scale = 255.0 if values.dtype == np.uint8 else 1.0
        kind = "f8" if values.dtype == np.float64 else "f4"
        order = np.argsort(codes, kind="stable")
        floats: NDArray[Any] = np.divide(values[order].astype(kind), scale, dtype=kind)
        if not np.isfinite(floats).all():
            place = np.argwhere(~np.isfinite(floats))[0]
            raise DataError(
                f"{source}: sample {order[place[0]]} holds {floats[tuple(place)]}; samples must be finite numbers"
            )
        if floats.ndim == 3:
            floats = floats[:, None]
        return cls(floats, np.asarray(codes[order], dtype=np.intp), tuple(map(str, classes)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return tuple(self.samples.shape[1:])

    @property
    def counts(self) -> dict[str, int]:
        """Class name -> number of samples, as `UFM` takes them."""
        counts = np.bincount(self.labels, minlength=len(self.names))
        return dict(zip(self.names, counts.tolist(), strict=True))

    def subset(
        self,
        counts: Sequence[float] | Mapping[str, float],
        *,
        rng: int | np.random.Generator | None = None,
    ) -> Dataset:
        """So many samples of each class, drawn without replacement.

        Parameters
        ----------
        counts : one number per class in order, or class name -> number; classes that are not named are left out
        rng : seed or Generator

        Raises
        ------
        DataError
            A class is unknown or has fewer samples; the message names it.
        """
        there = self.counts
        if not isinstance(counts, Mapping):
            if len(counts) != len(there):
                raise DataError(
                    f"{len(counts)} counts for {len(there)} classes ({', '.join(list(there)[:12])}); give one per class"
                )
            counts = dict(zip(there, counts, strict=True))
        for name in counts:
            if name not in there:
                raise DataError(
                    f"class {shown(name)} is not in the data; its classes are {', '.join(list(there)[:12])}"
                )
        rng = np.random.default_rng(rng)
        kept: list[str] = []
        index: list[NDArray[np.intp]] = []
        for k, name in enumerate(self.names):
            if (count := counts.get(name)) is None:
                continue
            if count != int(count) or not 1 <= count <= there[name]:
                raise DataError(
                    f"{count:g} samples of class {shown(name)} are asked for; a whole number from 1 to {there[name]} works"
                )
            drawn = rng.permutation(np.flatnonzero(self.labels == k))
            index.append(np.sort(drawn[: int(count)]))
            kept.append(name)
        if len(kept) < 2:
            raise DataError(f"counts name {len(kept)} classes; at least 2 are needed")
        labels = np.repeat(np.arange(len(kept)), [len(one) for one in index])
        return Dataset(self.samples[np.concatenate(index)], labels, tuple(kept))

    def resized(self, side: int) -> Dataset:
        """The images resampled to side x side pixels, bilinearly.

        Raises
        ------
        ProblemError
            The samples are not images.
        """
        if len(self.shape) != 3:
            raise ProblemError(
                f"samples of shape {self.shape} are no images (channels, height, width) that could be resampled"
            )
        with missing_is_named():
            import torch
        scaled = torch.nn.functional.interpolate(
            torch.tensor(self.samples), size=(side, side), mode="bilinear", align_corners=False
        )
        return Dataset(scaled.numpy(), self.labels, self.names)


def digits() -> Dataset:
    """The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships (174 to 183 per class), pixels from 0 to 1.

    Examples
    --------
    >>> digits().shape
    (1, 8, 8)
    """
    with missing_is_named():
        from sklearn.datasets import load_digits
    pixels, labels = load_digits(return_X_y=True)
    return Dataset.of(pixels.reshape(-1, 8, 8).astype(np.float32) / 16, labels, "digits")


def read(source: str | os.PathLike[str]) -> Dataset:
    """A data set by name or path.

    Parameters
    ----------
    source : "digits"; an .npz file with arrays X and y; a CIFAR-10 .bin file or the folder of its data_batch files; an MNIST
        images file (its labels file is found beside it) or the folder of the training files; IDX files may be gzipped.

    Raises
    ------
    DataError
        The file is missing, of another format, truncated or inconsistent.
    """
    text, path = os.fspath(source), Path(source)
    if text == "digits":
        return digits()
    if path.is_dir():
        if batches := sorted(path.glob("data_batch_*.bin")):
            return Dataset.of(*_cifar(batches), shown(text))
        if images := sorted(path.glob("train-images*idx3-ubyte*")):
            return Dataset.of(*_mnist(images[0]), shown(text))
        raise DataError(
            f"{shown(text)} holds neither data_batch_*.bin (CIFAR-10, binary version) nor train-images-idx3-ubyte (MNIST)"
        )
    if path.suffix.lower() == ".npz":
        return _npz(path)
    if path.suffix.lower() == ".bin":
        return Dataset.of(*_cifar([path]), shown(text))
    if "idx" in path.name:
        return Dataset.of(*_mnist(path), shown(text))
    what = "is not of a known kind; 'digits', .npz (X, y), CIFAR-10 .bin or MNIST IDX files work"
    if not path.exists():
        what = "does not exist; 'digits', an .npz file, or files of MNIST or CIFAR-10 work"
    raise DataError(f"{shown(text)} {what}")


def _npz(path: Path) -> Dataset:
    name = shown(str(path))
    with opened(path, LIMIT, kind=DataError) as file:
        try:
            if file.read(2) != b"PK":
                raise ValueError("it does not begin like an archive of arrays")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                if not {"X", "y"} <= set(arrays.files):
                    held = ", ".join(arrays.files[:12]) or "no named arrays"
                    raise DataError(f"{name} holds {held}; X (samples) and y (labels) are needed")
                return Dataset.of(arrays["X"], arrays["y"], name)
        except DataError:
            raise
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, RuntimeError) as error:
            said = " ".join(str(error).split())[:120]
            why = "it holds Python objects" if "allow_pickle" in said else said
            raise DataError(
                f"{name} cannot be read as .npz ({why}); save plain arrays X and y with numpy.savez"
            ) from None


def _cifar(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, 3, 32, 32) and labels (N,) of all files together."""
    record, every = 1 + math.prod(CIFAR), []
    for path in paths:
        name = shown(str(path))
        with opened(path, 1 << 30, kind=DataError) as file:
            body = np.frombuffer(file.read(), dtype=np.uint8)
        if body.size % record:
            raise DataError(
                f"{name} has {body.size} bytes, no multiple of {record} (1 label and 3 x 32 x 32 pixels); it is truncated, or not the "
                "binary version of CIFAR-10"
            )
        labels = body[::record]
        if labels.max() >= 10:
            row = int(np.argmax(labels >= 10))
            raise DataError(
                f"{name}: record {row} has label {labels[row]}; CIFAR-10 has labels 0 to 9"
            )
        every.append(body.reshape(-1, record))
    records = np.concatenate(every)
    return records[:, 1:].reshape(-1, *CIFAR), records[:, 0].copy()


def _mnist(images: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, height, width) and labels (N,), the labels from the file beside it that is named as MNIST's are."""
    if "idx3" not in images.name or "images" not in images.name:
        raise DataError(
            f"{shown(str(images))}: name the images file (...images-idx3-ubyte); its labels are found beside it"
        )
    stem = images.name.replace("images", "labels").replace("idx3", "idx1")
    plain = stem.removesuffix(".gz")
    beside = [images.with_name(name) for name in (stem, plain, plain + ".gz")]
    labels = next((path for path in beside if path.exists()), beside[0])
    return _idx(images, IMAGES), _idx(labels, LABELS)


def _idx(path: Path, magic: int) -> NDArray[np.uint8]:
    """The array of one file, whose magic number is checked."""
    name, dimensions = shown(str(path)), magic & 0xFF
    with opened(path, LIMIT, kind=DataError) as file:
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
            size = math.prod(shape)
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

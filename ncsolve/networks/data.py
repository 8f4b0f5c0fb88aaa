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
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from ..metrics.files import arrays_in
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
        values, (codes, classes), why = np.asarray(samples), coded(labels), ""
        if values.dtype.kind not in "biuf":
            why = f"samples have dtype {values.dtype}; numbers work"
        elif values.ndim < 2 or 0 in values.shape:
            why = f"samples have shape {values.shape}; give (N, ...), one row or image per sample"
        elif len(codes) != len(values):
            why = f"{len(values)} samples and {len(codes)} labels; give one label per sample"
        elif len(classes) < 2:
            why = f"all samples have the label {shown(classes[0])}; at least 2 classes are needed"
        else:
            kind = "f8" if values.dtype == np.float64 else "f4"
            scale = 255.0 if values.dtype == np.uint8 else 1.0
            floats: NDArray[Any] = np.divide(values.astype(kind), scale, dtype=kind)
            for place in np.argwhere(~np.isfinite(floats))[:1]:
                wrong = f"{place[0]} holds {floats[tuple(place)]}"
                why = f"sample {wrong}; samples must be finite numbers"
        if why:
            raise DataError(f"{source}: {why}")
        order = np.argsort(codes, kind="stable")
        floats = floats[order]
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
        there, why = self.counts, ""
        classes = ", ".join(list(there)[:12])
        if not isinstance(counts, Mapping):
            if len(counts) != len(there):
                why = (
                    f"{len(counts)} counts for {len(there)} classes ({classes}); give one per class"
                )
                raise DataError(why)
            counts = dict(zip(there, counts, strict=True))
        for name, count in counts.items():
            if name not in there:
                why = f"class {shown(name)} is not in the data; its classes are {classes}"
            elif count != int(count) or not 1 <= count <= there[name]:
                why = f"{count:g} samples of class {shown(name)} are asked for; a whole number from 1 to {there[name]} works"
            if why:
                raise DataError(why)
        if len(counts) < 2:
            raise DataError(f"counts name {len(counts)} classes; at least 2 are needed")
        rng, kept = np.random.default_rng(rng), [name for name in self.names if name in counts]
        index = []
        for name in kept:
            drawn = rng.permutation(np.flatnonzero(self.labels == self.names.index(name)))
            index.append(np.sort(drawn[: int(counts[name])]))
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
            why = "are no images (channels, height, width) that could be resampled"
            raise ProblemError(f"samples of shape {self.shape} {why}")
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
    name, suffix, folder = shown(text), path.suffix.lower(), path.is_dir()
    if batches := sorted(path.glob("data_batch_*.bin")) if folder else [path] * (suffix == ".bin"):
        return Dataset.of(*_cifar(batches), name)
    if images := sorted(path.glob("train-images*idx3-ubyte*")) if folder else []:
        return Dataset.of(*_mnist(images[0]), name)
    if suffix == ".npz" and not folder:
        arrays = arrays_in(path)
        if not {"X", "y"} <= arrays.keys():
            held = ", ".join(list(arrays)[:12]) or "no named arrays"
            raise DataError(f"{name} holds {held}; X (samples) and y (labels) are needed")
        return Dataset.of(arrays["X"], arrays["y"], name)
    if "idx" in path.name and not folder:
        return Dataset.of(*_mnist(path), name)
    what = "is not of a known kind; 'digits', .npz (X, y), CIFAR-10 .bin or MNIST IDX files work"
    if folder:
        what = "holds neither data_batch_*.bin (CIFAR-10, binary version) nor train-images-idx3-ubyte (MNIST)"
    elif not path.exists():
        what = "does not exist; 'digits', an .npz file, or files of MNIST or CIFAR-10 work"
    raise DataError(f"{name} {what}")


def _cifar(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, 3, 32, 32) and labels (N,) of all files together."""
    record, every = 1 + math.prod(CIFAR), []
    for path in paths:
        with opened(path, 1 << 30, kind=DataError) as file:
            body, why = np.frombuffer(file.read(), dtype=np.uint8), ""
        if body.size % record:
            said = f"no multiple of {record} (1 label and 3 x 32 x 32 pixels); it is truncated"
            why = f" has {body.size} bytes, {said}, or not the binary version of CIFAR-10"
        elif (labels := body[::record]).max() >= 10:
            row = int(np.argmax(labels >= 10))
            why = f": record {row} has label {labels[row]}; CIFAR-10 has labels 0 to 9"
        if why:
            raise DataError(shown(str(path)) + why)
        every.append(body.reshape(-1, record))
    records = np.concatenate(every)
    return records[:, 1:].reshape(-1, *CIFAR), records[:, 0].copy()


def _mnist(images: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, height, width) and labels (N,), the labels from the file beside it that is named as MNIST's are."""
    if "idx3" not in images.name or "images" not in images.name:
        why = "name the images file (...images-idx3-ubyte); its labels are found beside it"
        raise DataError(f"{shown(str(images))}: {why}")
    stem = images.name.replace("images", "labels").replace("idx3", "idx1")
    plain = stem.removesuffix(".gz")
    beside = [images.with_name(name) for name in (stem, plain, plain + ".gz")]
    labels = next((path for path in beside if path.exists()), beside[0])
    return _idx(images, IMAGES), _idx(labels, LABELS)


def _idx(path: Path, magic: int) -> NDArray[np.uint8]:
    """The array of one file, whose magic number is checked."""
    axes, why, body = magic & 0xFF, "", b""
    with opened(path, LIMIT, kind=DataError) as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if zipped else file
        try:
            begin, sizes = stream.read(4), stream.read(4 * axes)
            shape = struct.unpack(f">{len(sizes) // 4}I", sizes[: len(sizes) & ~3])
            size = math.prod(shape)
            if begin != magic.to_bytes(4, "big"):
                kind = f"an IDX file of this kind with {magic:08x}; give the file as MNIST ships it"
                why = f"begins with {begin.hex() or 'nothing'}, {kind}"
            elif len(shape) < axes:
                why = "ends inside its header; fetch the file again"
            elif not 0 < size <= LIMIT:
                why = f"says that its shape is {shape}; fetch the file again"
            elif len(body := stream.read(size + 1)) != size:
                has = "more bytes" if len(body) > size else f"{len(body)} bytes of data"
                why = f"has {has}; its header says {shape}, {size} bytes: fetch it again"
        except (EOFError, OSError, zlib.error) as error:
            why = f"is a broken gzip file ({' '.join(str(error).split())}); fetch it again"
    if why:
        raise DataError(f"{shown(str(path))} {why}")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)

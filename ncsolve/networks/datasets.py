"""Samples with labels: scikit-learn's digits, .npz files, MNIST and CIFAR-10 in their own formats; and subsets by class counts."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.rows import coded
from ..problem.border import opened, shown
from ..problem.errors import DataError, ProblemError
from . import cifar, idx
from .extra import missing_is_named

LIMIT = 4 << 30  # bytes of a file


@dataclass(frozen=True, eq=False)
class Dataset:
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
        return dict(
            zip(
                self.names,
                np.bincount(self.labels, minlength=len(self.names)).tolist(),
                strict=True,
            )
        )

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
        rng = np.random.default_rng(rng)
        index: list[NDArray[np.intp]] = []
        labels: list[NDArray[np.intp]] = []
        kept: list[str] = []
        for name in counts:
            if name not in there:
                raise DataError(
                    f"class {shown(name)} is not in the data; its classes are {', '.join(list(there)[:12])}"
                )
        for k, name in enumerate(self.names):
            if name not in counts:
                continue
            count = counts[name]
            if count != int(count) or not 1 <= count <= there[name]:
                raise DataError(
                    f"{count:g} samples of class {shown(name)} are asked for; a whole number from 1 to {there[name]} works"
                )
            index.append(np.sort(rng.permutation(np.flatnonzero(self.labels == k))[: int(count)]))
            labels.append(np.full(int(count), len(kept)))
            kept.append(name)
        if len(kept) < 2:
            raise DataError(f"counts name {len(kept)} classes; at least 2 are needed")
        return Dataset(self.samples[np.concatenate(index)], np.concatenate(labels), tuple(kept))

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
        images = torch.from_numpy(self.samples)
        scaled = torch.nn.functional.interpolate(
            images, size=(side, side), mode="bilinear", align_corners=False
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
    DataError, CountsError
        The file is missing, of another format, truncated or inconsistent.
    """
    text = os.fspath(source)
    if text == "digits":
        return digits()
    path = Path(text)
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() == ".npz":
        return _npz(path)
    if path.suffix.lower() == ".bin":
        return Dataset.of(*cifar.read([path]), shown(text))
    if "idx" in path.name:
        return Dataset.of(*idx.pair(path), shown(text))
    if not path.exists():
        raise DataError(
            f"{shown(text)} does not exist; 'digits', an .npz file, or files of MNIST or CIFAR-10 work"
        )
    raise DataError(
        f"{shown(text)} is not of a known kind; 'digits', .npz (X, y), CIFAR-10 .bin or MNIST IDX files work"
    )


def _folder(path: Path) -> Dataset:
    batches = sorted(path.glob("data_batch_*.bin"))
    if batches:
        return Dataset.of(*cifar.read(batches), shown(str(path)))
    images = sorted(path.glob("train-images*idx3-ubyte*"))
    if images:
        return Dataset.of(*idx.pair(images[0]), shown(str(path)))
    raise DataError(
        f"{shown(str(path))} holds neither data_batch_*.bin (CIFAR-10, binary version) nor train-images-idx3-ubyte (MNIST)"
    )


def _npz(path: Path) -> Dataset:
    name = shown(str(path))
    with opened(path, LIMIT) as file:
        try:
            if file.read(2) != b"PK":
                raise ValueError("it does not begin like an archive of arrays")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                if not isinstance(arrays, np.lib.npyio.NpzFile) or not {"X", "y"} <= set(
                    arrays.files
                ):
                    held = ", ".join(getattr(arrays, "files", [])[:12]) or "no named arrays"
                    raise DataError(f"{name} holds {held}; X (samples) and y (labels) are needed")
                return Dataset.of(arrays["X"], arrays["y"], name)
        except DataError:
            raise
        except (
            ValueError,
            OSError,
            EOFError,
            KeyError,
            zipfile.BadZipFile,
            NotImplementedError,
        ) as error:
            why = (
                "it holds Python objects"
                if "allow_pickle" in str(error)
                else " ".join(str(error).split())[:120]
            )
            raise DataError(
                f"{name} cannot be read as .npz ({why}); save plain arrays X and y with numpy.savez"
            ) from None

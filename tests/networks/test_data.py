"""Data sets: parsers against files written here byte by byte, subsets by counts, and files that are not what they say."""

import gzip
import io
import struct

import numpy as np
import pytest

import ncsolve
from ncsolve.cli import main
from ncsolve.networks import Dataset, digits, read

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 5, 4), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], dtype=np.uint8)


def _idx_images(images=IMAGES, magic=0x803):
    return struct.pack(">IIII", magic, *images.shape) + images.tobytes()


def _idx_labels(labels=LABELS, magic=0x801):
    return struct.pack(">II", magic, labels.size) + labels.tobytes()


def _write_idx(folder, zipped="", images=None, labels=None):
    images, labels = _idx_images() if images is None else images, labels or _idx_labels()
    (folder / f"train-images-idx3-ubyte{zipped}").write_bytes(images)
    (folder / f"train-labels-idx1-ubyte{zipped}").write_bytes(labels)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("by", ["folder", "file"])
def test_mnist_files_are_read_as_their_format_says(tmp_path, zipped, by):
    pack = gzip.compress if zipped else bytes
    suffix = ".gz" if zipped else ""
    _write_idx(tmp_path, suffix, pack(_idx_images()), pack(_idx_labels()))
    data = read(tmp_path if by == "folder" else tmp_path / f"train-images-idx3-ubyte{suffix}")
    assert data.counts == {"1": 2, "2": 1, "3": 2, "4": 1, "5": 3, "6": 1, "8": 1, "9": 1}
    order = np.argsort(LABELS, kind="stable")
    assert data.shape == (1, 5, 4)
    assert np.array_equal(data.samples[:, 0] * 255, IMAGES[order].astype(np.float32))


def test_a_plain_images_file_beside_zipped_labels_is_a_pair(tmp_path):
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(_idx_images())
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(_idx_labels()))
    assert sum(read(tmp_path / "t10k-images-idx3-ubyte").counts.values()) == 12


BAD_IDX = {
    "wrong magic": (dict(images=_idx_images(magic=0x802)), "00000802"),
    "labels for images": (dict(images=_idx_labels()), "00000801"),
    "truncated": (dict(images=_idx_images()[:-1]), "239 bytes"),
    "too long": (dict(images=_idx_images() + b"\0"), "more bytes"),
    "header only": (dict(images=_idx_images()[:9]), "inside its header"),
    "three bytes": (dict(images=b"\0\0\x08"), "000008"),
    "a size of zero": (dict(images=struct.pack(">IIII", 0x803, 0, 5, 4)), "(0, 5, 4)"),
    "a size that nothing holds": (
        dict(images=struct.pack(">IIII", 0x803, 2**31, 2**31, 2**31)),
        "2147483648",
    ),
    "another number of labels": (dict(labels=_idx_labels(LABELS[:-1])), "11 labels"),
    "empty": (dict(images=b""), "empty"),
}


@pytest.mark.parametrize("name", BAD_IDX)
def test_a_broken_mnist_file_is_named_in_one_line(tmp_path, name):
    given, said = BAD_IDX[name]
    _write_idx(tmp_path, **given)
    _refused(tmp_path / "train-images-idx3-ubyte", said)


@pytest.mark.parametrize("cut", [4, 20, 60])
def test_a_gzip_file_that_was_cut_is_named(tmp_path, cut):
    whole = gzip.compress(_idx_images())
    _write_idx(tmp_path, ".gz", whole[:cut], gzip.compress(_idx_labels()))
    _refused(tmp_path, "broken gzip")


def test_a_gzip_file_with_a_flipped_byte_is_named(tmp_path):
    whole = bytearray(gzip.compress(_idx_images()))
    whole[len(whole) // 2] ^= 0xFF
    _write_idx(tmp_path, ".gz", bytes(whole), gzip.compress(_idx_labels()))
    _refused(tmp_path, "train-images-idx3-ubyte.gz")


def test_missing_labels_are_named(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(_idx_images())
    _refused(tmp_path, "train-labels-idx1-ubyte")


def _refused(path, said):
    with pytest.raises(ncsolve.DataError) as caught:
        read(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def _cifar(labels, rng):
    planes = rng.integers(0, 256, (len(labels), 3, 32, 32), dtype=np.uint8)
    pairs = zip(labels, planes, strict=True)
    return planes, b"".join(bytes([label]) + image.tobytes() for label, image in pairs)


def test_cifar_batches_are_read_in_order(tmp_path):
    first, one = _cifar([6, 9, 9], RNG)
    second, two = _cifar([4, 1], RNG)
    (tmp_path / "data_batch_1.bin").write_bytes(one)
    (tmp_path / "data_batch_2.bin").write_bytes(two)
    (tmp_path / "test_batch.bin").write_bytes(_cifar([0], RNG)[1])
    data = read(tmp_path)
    assert data.counts == {"1": 1, "4": 1, "6": 1, "9": 2}
    assert data.shape == (3, 32, 32)
    expected = np.concatenate([first, second])[[4, 3, 0, 1, 2]].astype(np.float32) / np.float32(255)
    assert np.array_equal(data.samples, expected)
    assert read(tmp_path / "data_batch_2.bin").counts == {"1": 1, "4": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\0" * 3072, "3072 bytes"),
        (b"\0" * 3074, "3074 bytes"),
        (b"\x0a" + b"\0" * 3072, "label 10"),
        (b"", "empty"),
    ],
)
def test_a_broken_cifar_file_is_named_in_one_line(tmp_path, content, said):
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(content)
    _refused(path, said)


def test_an_npz_of_any_labels_is_sorted_by_class(tmp_path):
    path = tmp_path / "mine.npz"
    X = RNG.normal(size=(5, 3))
    np.savez(path, X=X, y=np.array(["owl", "cat", "owl", "dog", "cat"]))
    data = read(path)
    assert data.counts == {"cat": 2, "dog": 1, "owl": 2}
    assert np.array_equal(data.samples, X[[1, 4, 3, 0, 2]])
    assert data.samples.dtype == np.float64


def _npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


BAD_NPZ = {
    "no X": (_npz(x=np.zeros((2, 2)), y=np.arange(2)), "holds x, y"),
    "nan": (
        _npz(X=np.array([[0.0, 1.0], [np.nan, 1.0]]), y=np.array([1, 0])),
        "sample 1 holds nan",
    ),
    "too few labels": (_npz(X=np.zeros((3, 2)), y=np.arange(2)), "3 samples and 2 labels"),
    "one class": (_npz(X=np.zeros((3, 2)), y=np.zeros(3)), "at least 2 classes"),
    "a line of samples": (_npz(X=np.zeros(3), y=np.arange(3)), "shape (3,)"),
    "words": (_npz(X=np.array([["a"], ["b"]]), y=np.arange(2)), "dtype"),
    "objects": (_npz(X=np.array([[1], [None]], dtype=object), y=np.arange(2)), "Python objects"),
    "not a zip": (
        b"not a zip file at all",
        "cannot be read as .npz (it does not begin like an archive of arrays)",
    ),
    "a cut zip": (_npz(X=np.zeros((3, 2)), y=np.arange(3))[:300], "cannot be read"),
}


@pytest.mark.parametrize("name", BAD_NPZ)
def test_a_broken_npz_is_named_in_one_line(tmp_path, name):
    content, said = BAD_NPZ[name]
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    _refused(path, said)


@pytest.mark.parametrize(
    "name", ["nowhere", "nowhere.npz", "nowhere.bin", "nowhere-images-idx3-ubyte", "digit"]
)
def test_a_missing_file_is_named(tmp_path, name):
    _refused(tmp_path / name, name)


def test_a_folder_without_data_and_a_file_of_no_known_kind_are_named(tmp_path):
    _refused(tmp_path, "neither")
    (tmp_path / "data.txt").write_text("1,2")
    _refused(tmp_path / "data.txt", "known kind")


def test_bad_data_ends_the_command_with_exit_code_4(capsys, tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "mine.npz"
    path.write_bytes(b"nothing")
    assert main(["train", "--data", str(path), "--rng", "0"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


class TestSubsets:
    data = Dataset.of(np.arange(20.0)[:, None], np.repeat(["a", "b", "c"], [10, 6, 4]))

    def test_counts_are_met_and_samples_are_drawn_without_replacement(self):
        subset = self.data.subset([5, 6, 1], rng=0)
        assert subset.counts == {"a": 5, "b": 6, "c": 1}
        values = subset.samples[:, 0]
        assert len(set(values)) == 12
        assert set(values[:5]) <= set(range(10))
        assert set(values[5:11]) == set(range(10, 16))
        assert np.array_equal(subset.samples, self.data.subset([5, 6, 1], rng=0).samples)
        assert not np.array_equal(subset.samples, self.data.subset([5, 6, 1], rng=1).samples)

    def test_classes_that_are_not_named_are_left_out(self):
        subset = self.data.subset({"c": 2, "a": 3}, rng=0)
        assert subset.counts == {"a": 3, "c": 2}
        assert subset.labels.tolist() == [0, 0, 0, 1, 1]

    @pytest.mark.parametrize(
        ("counts", "said"),
        [
            ([5, 7, 1], "from 1 to 6"),
            ([5, 1], "2 counts for 3 classes"),
            ({"a": 1, "z": 1}, "'z'"),
            ([1.5, 1, 1], "1.5"),
            ([0, 1, 1], "0 samples"),
            ({"a": 2}, "1 classes"),
        ],
    )
    def test_counts_that_cannot_be_met_are_refused(self, counts, said):
        with pytest.raises(ncsolve.DataError, match=said):
            self.data.subset(counts, rng=0)


def test_the_digits_are_scikit_learns():
    pytest.importorskip("sklearn")
    data = digits()
    assert list(data.counts.values()) == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.samples.max() == 1.0
    assert data.samples.min() == 0.0
    assert data.names == tuple("0123456789")

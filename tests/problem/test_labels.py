"""Labels of samples become class counts."""

import io
import os
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.refusals import refusal

from ncsolve.problem.counts import read_labels
from ncsolve.problem.errors import CountsError
from ncsolve.problem.labels import LIMIT


@pytest.fixture
def write(tmp_path):
    """Write a file of labels and return its path."""

    def write_file(suffix, content):
        path = tmp_path / f"labels{suffix}"
        if isinstance(content, np.ndarray):
            np.save(path, content)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.mark.parametrize("dtype", ["i1", "u1", "i8", ">i4", "u8", "f4", "f8", "U3", "S3"])
def test_whole_numbers_are_counted_whatever_their_type_and_sorted_as_numbers(write, dtype):
    labels = np.array([10, 2, 2, 10, 1, 10]).astype(dtype)
    counts = read_labels(write(".npy", labels))
    assert counts == {"1": 1, "2": 2, "10": 3}
    assert list(counts) == ["1", "2", "10"]
    assert all(type(n) is int for n in counts.values())


def test_strings_and_booleans_are_sorted_by_letter(write):
    assert list(read_labels(write(".npy", np.array(["fox", "cat", "fox"]))).items()) == [
        ("cat", 1),
        ("fox", 2),
    ]
    assert list(read_labels(write(".npy", np.array([True, False, True]))).items()) == [
        ("False", 1),
        ("True", 2),
    ]


def test_the_letter_n_is_a_label_like_any_other(write):
    assert read_labels(write(".npy", np.array(["n", "y", "n"]))) == {"n": 2, "y": 1}


def test_chunks_are_added_up(write, monkeypatch):
    monkeypatch.setattr("ncsolve.problem.labels.CHUNK", 7)
    labels = np.random.default_rng(0).integers(-3, 4, size=1000)
    assert read_labels(write(".npy", labels)) == {
        str(k): int((labels == k).sum()) for k in range(-3, 4)
    }


@pytest.mark.parametrize(
    "text",
    [
        "10\n2\n2\n10\n1\n10\n",
        "10\r\n2\r\n2\r\n10\r\n1\r\n10",
        "\ufeff10\n2\n2\n10\n1\n10\n\n\n",
        "label\n10\n2 \n2\n 10\n1\n10\n",
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".csv", ".CSV"])
def test_one_label_a_line(write, suffix, text):
    counts = read_labels(write(suffix, text))
    assert list(counts.items()) == [("1", 1), ("2", 2), ("10", 3)]


@pytest.mark.parametrize(
    "text",
    [
        "id,label\n7,cat\n8,dog\n9,cat\n",
        "Target,score\ncat,.5\ndog,.1\ncat,.2\n",
        "path;Class\n;cat\na.png;dog\na.png;cat\n",
        "x\ty\n1\tcat\n2\tdog\n3\tcat\n",
        '"file, name","label"\n"a, b","cat"\nc,dog\nd,cat\n\n',
    ],
)
def test_the_header_says_which_column_holds_the_labels(write, text):
    assert read_labels(write(".csv", text)) == {"cat": 2, "dog": 1}


def test_a_first_line_y_is_a_label_if_y_comes_again(write):
    assert read_labels(write(".txt", "y\nn\ny\n")) == {"n": 1, "y": 2}
    assert read_labels(write(".txt", "y\nno\nyes\nyes\n")) == {"no": 1, "yes": 2}


def test_a_quoted_label_may_hold_a_comma_in_a_single_column(write):
    assert read_labels(write(".csv", '"red, dark"\nblue\nblue\n')) == {"blue": 2, "red, dark": 1}


@pytest.mark.parametrize(
    ("suffix", "content", "complaint"),
    [
        (".npy", np.array([3, 3, 3]), "one class, '3'"),
        (".npy", np.array([], dtype=int), "no labels"),
        (".npy", np.zeros((4, 2), dtype=int), "shape (4, 2)"),
        (".npy", np.array(3), "shape ()"),
        (".npy", np.array([0.0, 1.0, np.nan]), "label 2 (counting from 0) is nan"),
        (".npy", np.array([0.0, np.inf]), "label 1 (counting from 0) is inf"),
        (".npy", np.array([0.0, 1.5]), "label 1 (counting from 0) is 1.5"),
        (".npy", np.array(["a", "", "b"]), "label 1 (counting from 0) is ''"),
        (".npy", np.array(["a", "nan", "b"]), "label 1 (counting from 0) is 'nan'"),
        (".npy", np.array([b"a", b"\xff"]), "not UTF-8"),
        (".npy", np.array([1j, 2]), "complex128"),
        (".npy", np.array(["2020-01-01"], dtype="M8[D]"), "datetime64[D]"),
        (".npy", np.array([(1, 2)], dtype=[("a", int), ("b", int)]), "holds values of type"),
        (".npy", b"not an array at all", "does not begin like a .npy file"),
        (".npy", b"", "is empty"),
        (".npy", b"\x93NUMPY", "cannot be read as an array"),
        (".npy", b"\x93NUMPY\x01\x00\x05\x00{[(((", "cannot be read as an array"),
        (".npy", b"\x93NUMPY\x09\x00\x05\x00{[(((", "cannot be read as an array"),
        (".txt", "", "is empty"),
        (".txt", "\n\n", "no labels"),
        (".txt", "cat\ncat\n", "one class, 'cat'"),
        (".txt", "cat\n\ndog\n", "line 2: the label is missing"),
        (".txt", "cat\ndog\nnan\n", "line 3: the label is missing"),
        (".txt", "cat\ndo\0g\n", "NUL byte in line 2"),
        (".txt", b"cat\n\xff\xfe\n", "not UTF-8"),
        (".txt", "cat\nd\x1bog\n", r"class name 'd\x1bog'"),
        (".csv", "digit\n0\n1\n", "the first line 'digit' stands above numbers"),
        (".csv", "a,b\n1,2\n", "no column is called label, class, target or y among 'a', 'b'"),
        (".csv", "label,y\n1,2\n", "several columns are called"),
        (".csv", "id,label\n1,cat\n2\n", "line 3: cells in the row: 1, in line 1: 2"),
        (".csv", "id,label\n1,cat\n2,\n3,dog", "line 3: the label is missing"),
        (".csv", "id,label\n1,cat\n\n3,dog", "line 3: the label is missing"),
        (".csv", 'id,label\n1,"cat', "unexpected end of data"),
        (".csv", "label\n", "one class, 'label'"),
        (".npz", b"PK", "suffix '.npz'"),
        ("", "0\n1\n", "suffix ''"),
    ],
)
def test_bad_labels_are_named(write, suffix, content, complaint):
    message = refusal(read_labels, write(suffix, content))
    assert complaint in message
    assert "labels" in message


def test_objects_are_never_unpickled(write):
    class Bomb:
        def __reduce__(self):
            return (os.abort, ())

    path = write(".npy", np.array([0]))
    np.save(path, np.array([Bomb(), 1], dtype=object), allow_pickle=True)
    assert "cannot be read as an array" in refusal(read_labels, path)


def test_an_array_cut_short_is_named(write):
    path = write(".npy", np.arange(1000))
    path.write_bytes(path.read_bytes()[:-8])
    assert "cannot be read as an array" in refusal(read_labels, path)


def test_a_header_that_promises_more_than_the_file_holds_allocates_nothing(write):
    path = write(".npy", np.arange(10))
    path.write_bytes(path.read_bytes().replace(b"(10,)", b"(9999999999999,)"))
    assert "cannot be read as an array" in refusal(read_labels, path)


def test_a_missing_file_and_a_directory_are_named(tmp_path):
    assert "does not exist" in refusal(read_labels, tmp_path / "labels.npy")
    (tmp_path / "folder.txt").mkdir()
    assert "is a directory" in refusal(read_labels, tmp_path / "folder.txt")
    assert "cannot be read" in refusal(read_labels, "x" * 5000 + ".txt")
    assert "not a path" in refusal(read_labels, "a\0b.txt")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable to root"
)
def test_a_file_without_permission_is_named(write):
    path = write(".txt", "0\n1\n")
    path.chmod(0)
    assert "Permission denied" in refusal(read_labels, path)


def test_a_huge_file_is_refused_by_its_size_before_it_is_read(tmp_path):
    path = tmp_path / "labels.npy"
    with path.open("wb") as file:
        file.truncate(LIMIT + 1)  # sparse
    assert "4096 MiB" in refusal(read_labels, path)


@given(
    labels=st.lists(st.integers(-20, 20), min_size=2, max_size=50).filter(
        lambda labels: len(set(labels)) > 1
    )
)
@settings(max_examples=50)
def test_every_road_counts_the_same(tmp_path_factory, labels):
    folder = tmp_path_factory.mktemp("roads")
    np.save(folder / "labels.npy", np.array(labels))
    lines = "".join(f"{label}\n" for label in labels)
    (folder / "labels.txt").write_text(lines)
    (folder / "labels.csv").write_text(
        f"id,label\n{re.sub('^(?=.)', '0,', lines, flags=re.MULTILINE)}"
    )
    expected = [(str(label), number) for label, number in sorted(Counter(labels).items())]
    for suffix in (".npy", ".txt", ".csv"):
        assert list(read_labels(folder / f"labels{suffix}").items()) == expected


def test_any_damage_to_an_array_file_gives_counts_or_one_line(tmp_path):
    rng = np.random.default_rng(1)
    buffer = io.BytesIO()
    np.save(buffer, np.arange(20) % 3)
    sound = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
    path = tmp_path / "labels.npy"
    for _ in range(300):
        damaged = sound.copy()
        damaged[rng.integers(6, 128, size=2)] = rng.integers(256, size=2)
        path.write_bytes(damaged.tobytes())
        try:
            assert len(read_labels(path)) >= 2
        except CountsError as error:
            assert str(error).isprintable()  # noqa: PT017

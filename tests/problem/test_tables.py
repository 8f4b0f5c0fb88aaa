"""Counts written in a table or in JSON, from a file or standard input."""

import csv
import io
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.refusals import BAD_NUMBERS, from_stdin, refusal

from ncsolve.problem.counts import parse_counts
from ncsolve.problem.errors import CountsError


@pytest.mark.parametrize(
    "text",
    [
        "cat,200\ndog,1e2\n",
        "class,count\ncat,200\ndog,100\n",
        "\ufeffclass,count\r\ncat,200\r\ndog,100\r\n",
        '\n"class","count"\n\n"cat", 200\n"dog",100\n\n',
        "class;count\ncat;200\ndog;100",
        "class\tcount\ncat\t200\ndog\t100",
        ",count\ncat,200\ndog,100\n",
        '{"cat": 200, "dog": 1e2}',
        '\n {"cat": 200.0,\n "dog": 100}\n',
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".txt", ""])
def test_named_counts_are_read_from_a_file_and_from_standard_input(tmp_path, text, suffix):
    path = tmp_path / f"counts{suffix}"
    path.write_bytes(text.encode())
    expected = {"cat": 200.0, "dog": 100.0}
    assert (
        parse_counts(str(path))
        == from_stdin(text)
        == parse_counts("-", stdin=io.StringIO(text))
        == expected
    )
    assert list(parse_counts(str(path))) == ["cat", "dog"]


@pytest.mark.parametrize(
    "text",
    [
        "200\n100\n50\n",
        "count\n200\n100\n50",
        "# n\n200\n100\n50",
        "200,100,50\n",
        "200 100 50",
        "[200,100,50]",
    ],
)
def test_counts_without_names_are_a_list(text):
    assert from_stdin(text) == [200.0, 100.0, 50.0]


def test_a_quoted_name_may_hold_a_comma():
    assert from_stdin('"red, dark",3\n"say ""hi""",4\n') == {"red, dark": 3.0, 'say "hi"': 4.0}


def test_digits_are_names_when_they_stand_first():
    assert from_stdin("0,5923\n1,6742\n") == {"0": 5923.0, "1": 6742.0}


def test_standard_input_defaults_to_the_process_s_own(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a,1\nb,2\n")))
    assert parse_counts("-") == {"a": 1.0, "b": 2.0}


def test_a_closed_standard_input_is_named(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert "closed" in refusal(parse_counts, "-")


@pytest.mark.parametrize("bad", [*BAD_NUMBERS, "2oo", "n/a", "True"])
@pytest.mark.parametrize("header", ["", "class,count\n"])
@pytest.mark.parametrize("position", [1, 2])
def test_a_bad_count_in_a_table_is_named_with_line_and_class(bad, header, position):
    if bad in ("abc", "True"):  # in the very first row a word is a header
        header = header or "class,count\n"
    rows = ["cat,200", "dog,100"]
    rows.insert(position - 1, f"fox,{bad}")
    message = refusal(from_stdin, header + "\n".join(rows))
    assert f"line {position + bool(header)}: the count of class 'fox' is '{bad}'" in message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "standard input holds no counts"),
        (" \n\n", "holds no counts"),
        ("class,count\n", "holds no counts"),
        ("cat,200\n", "one class, 'cat'"),
        ("200\n", "one class, 200.0"),
        ("cat,200\n,100", "line 2: the class has no name"),
        ("cat,200\ndog,\n", "line 2: the count of class 'dog' is missing"),
        ("cat,\ndog,3\n", "line 1: the count of class 'cat' is missing"),
        ("cat,200\ndog,100\ncat,3", "line 3: class 'cat' stands in the table twice"),
        ("cat,200\ndog,100,3", "line 2: cells in the row: 3"),
        ("cat,200\n100", "line 2: cells in the row: 1"),
        ("a,b,c\n1,2,3", "line 1: cells in the row: 3"),
        ("count,class\n200,cat", "line 2: the count of class '200' is 'cat'"),
        ('cat,200\n"dog,100\nfox,3', "line 3: unexpected end of data"),
        ('cat,200\n"dog"x,100', "line 2"),
        ("cat,200\nd\x1bog,100", r"line 2: class name 'd\x1bog'"),
        ('cat,200\n"d\nog",100', r"line 3: class name 'd\nog'"),
        (b"cat,200\n\0dog,100", "NUL byte at 8"),
        (b"\x89PNG\r\n\x1a\n\0\0", "NUL byte"),
        (b"caf\xe9,200\ndog,100", "byte 3 is not UTF-8"),
        ("cat,200\ndog,100".encode("utf-16"), "NUL byte"),
        ("cat,200\ndog," + "9" * 200_000, "line 2"),
    ],
)
def test_a_malformed_table_is_named(text, complaint):
    assert complaint in refusal(from_stdin, text)


# JSON


@pytest.mark.parametrize(
    "bad", ["0", "-3", "NaN", "Infinity", "-Infinity", "1e400", "1e-400", "9" * 5000]
)
def test_a_bad_json_number_is_named_as_it_is_written(bad):
    shown = bad[:40]
    assert f"item 2 is '{shown}" in refusal(from_stdin, f"[5, {bad}]")
    assert f"the count of class 'b' is '{shown}" in refusal(from_stdin, f'{{"a": 5, "b": {bad}}}')


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        ("true", "true"),
        ("null", "null"),
        ('"5"', "'5'"),
        ("[1]", "a list"),
        ('{"c": 1}', "an object"),
    ],
)
def test_a_json_value_that_is_no_number_is_named(bad, shown):
    assert f"item 2 is {shown}, not a number" in refusal(from_stdin, f"[5, {bad}]")
    assert f"the count of class 'b' is {shown}, not a number" in refusal(
        from_stdin, f'{{"a": 5, "b": {bad}}}'
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": 1, "a": 2}', "class 'a' stands in the object twice"),
        ('{"a": 1, "": 2}', "the class has no name"),
        ('{"a": 1, "b\\ud800": 2}', r"class name 'b\ud800'"),
        ('{"a": 1}', "one class, 'a'"),
        ("{}", "no counts"),
        ("[]", "no counts"),
        ("[7]", "one class, 7.0"),
        ("[1, 2", "line 1: not JSON"),
        ('{"a": 1,\n "b" 2}', "line 2: not JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_malformed_json_is_named(text, complaint):
    assert complaint in refusal(from_stdin, text)


def test_a_json_file_that_is_a_number_is_named(tmp_path):
    path = tmp_path / "counts.json"
    path.write_text("5")
    assert "is 5 alone" in refusal(parse_counts, str(path))


# Round trips

PRINTABLE = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12
)
NAMES = PRINTABLE.map(str.strip).filter(bool)
COUNTS = st.dictionaries(
    NAMES, st.floats(1e-300, 1e300) | st.integers(1, 10**15).map(float), min_size=2, max_size=20
)


@given(COUNTS, st.sampled_from(["\n", "\r\n"]))
@example({'"': 1.0, ",": 2.0, ";": 3.0, "a b": 1e300}, "\n")
@example({"nan": 1.0, "7": 7.0, "#": 2.0, "[": 3.0}, "\r\n")
def test_any_counts_survive_a_csv_file(counts, end):
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows(
        [("class", "count"), *((name, repr(n)) for name, n in counts.items())]
    )
    assert from_stdin(text.getvalue()) == counts


@given(COUNTS, st.booleans())
def test_any_counts_survive_a_json_file(counts, ascii_only):
    assert from_stdin(json.dumps(counts, ensure_ascii=ascii_only)) == counts


@given(
    st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=20),
    st.sampled_from([",", ";", " ", ", ", "\n"]),
)
def test_any_list_survives(counts, separator):
    text = separator.join(map(repr, counts))
    assert from_stdin(text) == counts
    if separator != "\n":
        assert parse_counts(text) == counts


@given(st.text(max_size=60) | st.text('0123456789,;\n\t "{}[]:.-+eEnaif_#', max_size=60))
def test_any_text_gives_counts_or_one_line(text):
    try:
        counts = parse_counts("-", stdin=io.StringIO(text))
    except CountsError as error:
        assert str(error).isprintable()  # noqa: PT017
    else:
        values = list(counts.values()) if isinstance(counts, dict) else counts
        assert len(values) >= 2
        assert all(0 < n < math.inf for n in values)

"""Class counts from words, files, tables, JSON and the long-tail rule."""

import csv
import io
import json
import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.refusals import BAD_NUMBERS, from_stdin, refusal

from ncsolve.problem.counts import EXAMPLES, LIMIT, long_tail, named, parse_counts, parse_long_tail
from ncsolve.problem.errors import CountsError


def test_the_mnist_example_holds_the_published_counts_in_the_order_of_the_digits():
    published = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert named("mnist") == {str(digit): count for digit, count in enumerate(published)}
    assert sum(published) == 60_000
    assert list(named("mnist")) == [*"0123456789"]


def test_the_places_lt_example_has_the_published_totals():
    counts = named("places-lt").values()
    assert (len(counts), sum(counts), max(counts), min(counts), len(set(counts))) == (
        365,
        62_500,
        4980,
        5,
        201,
    )


@pytest.mark.parametrize("spelling", ["places-lt", "Places_LT", " PLACES-lt "])
def test_an_example_is_found_in_any_spelling(spelling):
    assert parse_counts(spelling) == named(spelling) == named("places-lt")


def test_an_unknown_example_lists_the_names():
    message = refusal(named, "cifar")
    assert "'cifar'" in message
    assert all(name in message for name in EXAMPLES)


# Lists


@pytest.mark.parametrize(
    "text",
    [
        "200,100,50,50",
        "200 100 50 50",
        "200;100;50;50",
        " 200, 100 ,50;\t50 ",
        "2e2,1E2,50.,+50.0",
        "[200, 100, 50, 50]",
    ],
)
def test_a_list_is_read_with_any_separator(text):
    assert parse_counts(text) == [200, 100, 50, 50]


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_bad_item_of_a_list_is_named_with_its_position(bad, position):
    items = ["200", "100"]
    items.insert(position - 1, bad)
    message = refusal(parse_counts, ",".join(items))
    assert f"item {position} is '{bad}'" in message
    assert "positive finite" in message


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("0", "not positive"),
        ("nan", "not a number"),
        ("inf", "not finite"),
        ("1e400", "more than a double holds"),
        ("1e-400", "less than a double holds"),
        ("1e-310", "less than a double holds"),
        ("-1e400", "not positive"),
    ],
)
def test_the_reason_fits_the_number(bad, why):
    assert why in refusal(parse_counts, f"5,{bad}")


def test_an_empty_item_is_named():
    assert "item 3 is missing" in refusal(parse_counts, "200,100,")
    assert "item 1 is missing" in refusal(parse_counts, ",200")


def test_a_single_count_is_refused():
    assert "one class, 200.0" in refusal(parse_counts, "200")


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_no_words_at_all_are_refused(text):
    assert "empty" in refusal(parse_counts, text)


def test_words_that_are_nothing_say_all_three_were_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refusal(parse_counts, "qqqqqq")
    assert (
        "'qqqqqq' is neither a list of numbers, nor a file that exists, nor a shipped example"
        in message
    )
    assert "write e.g. 200,100,50,50" in message


def test_a_near_miss_of_an_example_is_suggested(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "did you mean 'mnist'?" in refusal(parse_counts, "minst")
    assert "did you mean 'places-lt'?" in refusal(parse_counts, "place_lt")


def test_a_near_miss_of_a_file_is_suggested_with_its_folder(tmp_path):
    (tmp_path / "counts.csv").write_text("a,1\nb,2\n")
    message = refusal(parse_counts, str(tmp_path / "conuts.csv"))
    assert "nor a file that exists" in message
    assert "counts.csv'?" in message


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "a\0b", "\ud800", "nowhere/at/all", "two\nlines", "a,b,c"]
)
def test_strange_words_are_still_one_line(text):
    assert "neither" in refusal(parse_counts, text)


# Files that cannot be read


def test_a_directory_is_named(tmp_path):
    assert "is a directory" in refusal(parse_counts, str(tmp_path))


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "counts.csv"
    path.touch()
    message = refusal(parse_counts, str(path))
    assert "is empty" in message
    assert "counts.csv" in message


def test_a_huge_file_is_refused_by_its_size_before_it_is_read(tmp_path):
    path = tmp_path / "counts.csv"
    with path.open("wb") as file:
        file.truncate(LIMIT + 1)  # sparse
    message = refusal(parse_counts, str(path))
    assert f"has {LIMIT + 1} bytes" in message
    assert "256 MiB" in message


def test_an_endless_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr("ncsolve.problem.counts.LIMIT", 1 << 20)
    assert "longer than 1 MiB" in refusal(from_stdin, b"a" * (1 << 21))


# Tables and JSON, from a file or standard input


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


# The long tail, against exact integer arithmetic and the published CIFAR-LT counts


def test_the_cifar_long_tail_of_ratio_100_is_the_published_one():
    # CIFAR-10-LT, 12,406 images
    assert long_tail(10, 5000, 100) == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert sum(long_tail(10, 5000, 100)) == 12_406


@pytest.mark.parametrize(
    ("largest", "ratio", "last"),
    [
        (500, 100, 5),
        (5000, 10, 500),
        (11, 2.2, 5),
        (6, 1.2, 5),
        (49, 49, 1),
        (3, 0.3e1, 1),
        (2**53, 2**53, 1),
    ],
)
@pytest.mark.parametrize("classes", [2, 3, 10, 50, 100, 365, 1000])
def test_the_last_class_has_exactly_the_smallest_count(classes, largest, ratio, last):
    counts = long_tail(classes, largest, ratio)
    assert counts[-1] == last
    assert counts[0] == largest
    assert len(counts) == classes


@given(classes=st.integers(2, 40), largest=st.integers(1, 10**15), ratio=st.integers(1, 10**6))
@example(classes=3, largest=500, ratio=100)
@example(classes=7, largest=10**6, ratio=10**6)
@example(classes=31, largest=2**30, ratio=2**30)
def test_every_count_is_the_floor_in_exact_integer_arithmetic(classes, largest, ratio):
    if ratio > largest:
        assert f"ratio={ratio}" in refusal(long_tail, classes, largest, ratio)
        return
    steps = classes - 1
    for k, count in enumerate(long_tail(classes, largest, ratio)):
        # count <= n ratio^(-k/steps) < count + 1, raised to the power `steps`
        value = Fraction(largest**steps, ratio**k)
        assert count**steps <= value < (count + 1) ** steps


def test_the_step_profile_gives_the_larger_half_the_largest_count():
    assert long_tail(5, 500, 100, step=True) == [500, 500, 500, 5, 5]
    assert long_tail(4, 100, 3, step=True) == [100, 100, 33, 33]


def test_ratio_1_is_balanced():
    assert long_tail(4, 7, 1) == [7, 7, 7, 7]


@pytest.mark.parametrize(
    ("arguments", "named_value"),
    [
        ((1, 500, 100), "K=1"),
        ((0, 500, 100), "K=0"),
        ((2.5, 500, 100), "K=2.5"),
        ((True, 500, 100), "K=True"),
        ((10**8, 500, 100), "K=100000000"),
        ((10, 0, 100), "n=0"),
        ((10, 2**53 + 1, 100), "n=9007199254740993"),
        ((10, 500, 0.01), "ratio=0.01"),
        ((10, 500, -1), "ratio=-1"),
        ((10, 500, math.nan), "ratio=nan"),
        ((10, 500, math.inf), "ratio=inf"),
        ((10, 500, True), "ratio=True"),
        ((10, 500, 501), "class 10 of 10"),
        ((10, 500, 500.5), "at most 500"),
    ],
)
@pytest.mark.parametrize("step", [False, True])
def test_a_bad_long_tail_is_named(arguments, named_value, step):
    assert named_value in refusal(long_tail, *arguments, step)


@pytest.mark.parametrize(
    "text", ["K=10,n=500,ratio=100", "ratio=100, n=500 ,K=10", "n=5e2,ratio=1e2,K=10"]
)
def test_a_long_tail_is_parsed_in_any_order(text):
    assert parse_long_tail(text) == [500, 299, 179, 107, 64, 38, 23, 13, 8, 5]


def test_a_step_is_parsed_anywhere():
    assert (
        parse_long_tail("step,K=4,n=500,ratio=100")
        == parse_long_tail("K=4,n=500,ratio=100,step")
        == [500, 500, 5, 5]
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a key"),
        ("K=10,n=500", "ratio missing"),
        ("K=10", "n and ratio missing"),
        ("K=10,n=500,ratio=100,", "'' is not a key"),
        ("K=10,n=500,rato=100", "'rato' is not a key"),
        ("K=10,n=500,ratio=100,K=3", "K is given twice"),
        ("K=10,n=500,ratio=100,step,step", "step is given twice"),
        ("K=10,n=500,ratio=100,step=1", "step takes no value"),
        ("K,n=500,ratio=100", "K needs a value"),
        ("K=ten,n=500,ratio=100", "K='ten' is not a number"),
        ("K=,n=500,ratio=100", "K='' is not a number"),
        ("K=10,n=1_000,ratio=100", "n='1_000' is not a number"),
        ("K=10.5,n=500,ratio=100", "K=10.5 is not a whole number"),
        ("K=10,n=nan,ratio=100", "n=nan is not a whole number"),
        ("K=10,n=1e400,ratio=100", "n=1e400 is not a whole number"),
    ],
)
def test_a_misspelt_long_tail_is_named_and_the_form_shown(text, complaint):
    message = refusal(parse_long_tail, text)
    assert complaint in message
    assert "K=10,n=500,ratio=100" in message

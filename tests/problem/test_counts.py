"""A user's words become class counts: shipped examples, lists, paths of files."""

import pytest
from support.refusals import BAD_NUMBERS, from_stdin, refusal

from ncsolve.problem.counts import EXAMPLES, LIMIT, named, parse_counts


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

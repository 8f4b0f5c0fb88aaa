"""The page of `ncsolve report`: it holds everything, loads nothing, and its tags close."""

import base64
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from markupsafe import escape

import ncsolve
from ncsolve.cli import main
from ncsolve.numeric.descent import Descent
from ncsolve.show import html as pages
from ncsolve.show.html import html_report

VOID = {"meta", "img", "br", "hr", "link", "input"}
ALIVE = ncsolve.UFM(
    {"cat": 30, "yak": 20, 'a <b> & "$c$"': 8}, depth=2, weight_decay=3e-3, feature_decay=3e-3
)
LOST = ncsolve.UFM([300, 40, 9, 1], depth=3, weight_decay=4e-3, feature_decay=4e-3)
MERGED = ncsolve.UFM([500, 500, 5, 5, 5], loss="ce", weight_decay=5e-3, feature_decay=5e-3)
DEEP = ncsolve.UFM([9, 9, 9], loss="ce", depth=2, weight_decay=1e-2, feature_decay=1e-2)
PROBLEMS = {"alive": ALIVE, "vanished": LOST, "merged": MERGED, "no certificate": DEEP}


class Page(HTMLParser):
    """Tags that are open, what each held, all attributes; a tag that closes another one is a mistake."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.text, self.rows = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append((dict(attributes).get("class"), []))

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][1].append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.seen if name == tag]

    def images(self):
        """The embedded pictures by what they show."""
        return {
            one["alt"]: base64.b64decode(one["src"].removeprefix("data:image/svg+xml;base64,"))
            for one in self.all("img")
        }


def page(ufm, *, certified=True, verified=None):
    prediction = verified[0].prediction if verified else ncsolve.predict(ufm)
    try:
        certificate = ncsolve.certify(prediction) if certified else None
    except ncsolve.problem.errors.ProblemError:
        certificate = None
    return html_report(prediction, certificate, verified, "2024-02-29 12:00 UTC")


@pytest.fixture(scope="module")
def verified():
    method = Descent(starts=2)
    return ncsolve.verify(ALIVE, method, rng=0), method, 0


@pytest.mark.parametrize("name", PROBLEMS)
def test_tags_close_and_nothing_is_loaded(name):
    text = page(PROBLEMS[name])
    read = Page(text)
    assert read.open == []
    assert not read.all("script")
    assert not read.all("link")
    assert not read.all("iframe")
    assert all(
        not attribute.startswith("on") for _, attributes in read.seen for attribute in attributes
    )
    for _, attributes in read.seen:
        for key in ("src", "href", "srcset", "data", "action", "poster"):
            assert attributes.get(key, "data:").startswith("data:"), attributes
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)


@pytest.mark.parametrize("name", PROBLEMS)
def test_embedded_pictures_load_nothing_either(name):
    for picture in Page(page(PROBLEMS[name])).images().values():
        root = ElementTree.fromstring(picture)
        assert root.tag.endswith("svg")
        for element in root.iter():
            assert not element.tag.endswith("script")
            for key, value in element.attrib.items():
                if key.endswith("href"):
                    assert value.startswith(("#", "data:")), value
        assert not re.search(rb"url\((?!#)", picture)
        assert not re.search(rb"<\?xml-stylesheet", picture)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_class_is_a_row_with_its_state(name):
    prediction = ncsolve.predict(PROBLEMS[name])
    rows = [(mark, cells) for mark, cells in Page(page(PROBLEMS[name])).rows if mark]
    assert [cells[0] for _, cells in rows] == [row.name for row in prediction.classes]
    assert (
        [mark for mark, _ in rows]
        == [cells[2] for _, cells in rows]
        == [row.state for row in prediction.classes]
    )
    for row, (_, cells) in zip(prediction.classes, rows, strict=True):
        assert float(cells[1]) == row.count
        assert float(cells[4]) == pytest.approx(row.feature_norm, rel=1e-5)
    expected = {"vanished": "vanished", "merged": "merged"}.get(name, "active")
    assert expected in [mark for mark, _ in rows]


@pytest.mark.parametrize("name", PROBLEMS)
def test_theorem_hypotheses_claim_and_value_are_there(name):
    prediction = ncsolve.predict(PROBLEMS[name])
    read = Page(page(PROBLEMS[name]))
    text = "".join(read.text)
    for words in (
        prediction.theorem.name,
        prediction.theorem.statement,
        prediction.theorem.reference,
    ):
        assert words in text
    assert f"{prediction.claim.name}: {prediction.claim.value}" in text
    assert f"{prediction.value:.15g}" in text
    cells = [cells for mark, cells in read.rows if not mark]
    for hypothesis, holds in prediction.theorem_checks:
        assert [hypothesis, "holds" if holds else "does not hold"] in cells
    for warning in prediction.warnings:
        assert warning in text
    headings = re.findall(r"<h2>(.*?)</h2>", page(PROBLEMS[name]))
    assert headings == ["Classes", "Thresholds", "Theorem", "Lower bound", "Pictures"]


def test_a_hypothesis_that_fails_is_marked(monkeypatch):
    prediction = ncsolve.predict(ALIVE)
    monkeypatch.setitem(
        vars(prediction), "theorem_checks", (("1 < 2 & more", True), ("the sky is green", False))
    )
    text = html_report(prediction, None, None, "today")
    assert '<td>1 &lt; 2 &amp; more</td><td class="holds">holds</td>' in text
    assert '<td>the sky is green</td><td class="fails">does not hold</td>' in text


def test_names_are_text_and_neither_tags_nor_mathematics():
    text = page(ALIVE)
    name = 'a <b> & "$c$"'
    assert "<b>" not in text
    assert str(escape(name)) in text
    assert name in "".join(Page(text).text)
    assert str(escape('"><script>')) in html_report(
        ncsolve.predict(ALIVE), None, None, '"><script>'
    )


def test_the_certificate_is_said_or_that_there_is_none():
    assert "relative gap" in "".join(Page(page(ALIVE)).text)
    assert "none is known for this problem" in "".join(Page(page(ALIVE, certified=False)).text)


def test_pictures_without_a_run_are_those_of_the_prediction():
    assert list(Page(page(ALIVE)).images()) == [
        pages.KINDS[kind].shows for kind in ("norms", "scalar")
    ]
    # the scalar landscape belongs to squared loss
    assert list(Page(page(MERGED)).images()) == [pages.KINDS["norms"].shows]


def test_a_verified_page_has_runs_verdict_and_their_pictures(verified):
    read = Page(page(ALIVE, verified=verified))
    text = "".join(read.text)
    assert read.open == []
    assert "Descent AGREES: the best run ends at the predicted value." in text
    for i, run in enumerate(verified[0].runs, start=1):
        assert f"run {i}" in text
        assert f"{run.value:.15g}" in text
    assert "--rng 0" in text
    kinds = ("norms", "scalar", "objective", "curves", "gram", "spectrum", "cosines", "vectors")
    assert list(read.images()) == [pages.KINDS[kind].shows for kind in kinds]
    assert len(set(read.images().values())) == len(kinds)


def test_an_interrupted_page_says_so(verified):
    from dataclasses import replace

    text = "".join(
        Page(page(ALIVE, verified=(replace(verified[0], interrupted=True), *verified[1:]))).text
    )
    assert "interrupted" in text
    assert "cut short" in text


def test_the_same_problem_is_the_same_page():
    assert page(LOST) == page(LOST)


def test_very_many_classes_are_cut_and_counted():
    ufm = ncsolve.UFM([5.0] * (pages.MOST_ROWS + 7), weight_decay=1e-6, feature_decay=1e-6)
    text = html_report(ncsolve.predict(ufm), None, None, "today")
    assert text.count('<tr class="active">') == pages.MOST_ROWS
    assert "7 more classes are not shown" in text


def test_the_command_writes_the_page_once_and_exits_with_the_verdict(tmp_path, capsys):
    path = tmp_path / "page.html"
    words = [
        *"report --counts 30,20,8 --weight-decay 3e-3 --feature-decay 3e-3 --html".split(),
        str(path),
    ]
    assert main(words) == 0
    assert Page(path.read_text(encoding="utf-8")).open == []
    assert main(words) == 4
    assert "--force" in capsys.readouterr().err
    stuck = [*words, *"--force --verified --rng 0 --starts 1 --method sgd --steps 3".split()]
    assert main(stuck) == 3
    assert "Descent STUCK" in path.read_text(encoding="utf-8")
    assert main(["report", "--counts", "30,20,8", "--html", str(tmp_path / "page.txt")]) == 2
    assert main([*words, "--starts", "2", "--force"]) == 2
    assert main(["report", "--counts", "30,-1", "--html", str(tmp_path / "other.html")]) == 4
    assert not (tmp_path / "other.html").exists()


def test_modes_of_a_free_bias_are_named_by_their_strength(tmp_path):
    from ncsolve.show.document import result_of
    from ncsolve.show.gallery import drawn

    axes = drawn("scalar", result_of(ncsolve.predict(ncsolve.UFM([50, 30, 9], bias="free"))))
    assert any(str(line.get_label()).startswith(r"$\tau^2$ = ") for line in axes.get_lines())
    by_class = drawn("scalar", result_of(ncsolve.predict(ALIVE)))
    assert any(
        str(line.get_label()).startswith(r'a <b> & "\$c\$"') for line in by_class.get_lines()
    )

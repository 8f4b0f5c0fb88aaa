"""The documentation site: `python -m sphinx -W -b html docs docs/_build/html`, offline. Tutorials are executed with this checkout."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

import pages  # noqa: E402

import ncsolve  # noqa: E402

project = "ncsolve"
author = "the ncsolve authors"
copyright = "the ncsolve authors, BSD-3-Clause"
version = release = ncsolve.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
]
source_suffix = {
    ".rst": "restructuredtext",
    ".md": "myst-nb",
}  # the first is that of generated API pages
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # a cache would show what older code printed
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "ncsolve"
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}

pages.write(HERE / "generated")

programs = HERE / "_build" / "programs"
programs.mkdir(parents=True, exist_ok=True)
(programs / "ncsolve").write_text(
    f'#!/bin/bash\nexec "{sys.executable}" -m ncsolve "$@" 2> >(cat >&2)\n'
)  # no bars
(programs / "ncsolve").chmod(0o755)
os.environ |= {  # what a tutorial's kernel and its "!ncsolve" see
    "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
    "PYTHONPATH": str(HERE.parent),
    "NO_COLOR": "1",
}


def bars_are_not_substitutions(app, what, name, obj, options, lines):
    """|x| in a docstring is a modulus, not reStructuredText."""
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else line.replace("|", r"\|")
        for line in lines
    ]


def setup(app):
    app.connect(
        "autodoc-process-docstring", bars_are_not_substitutions, priority=400
    )  # before numpydoc

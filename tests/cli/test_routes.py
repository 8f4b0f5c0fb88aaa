"""Short routes: a command loads its own file and little else."""

import subprocess
import sys

import pytest

from benchmarks.routes import route, switches
from ncsolve.cli import COMMANDS, FILES, command, parser

#: Command line -> how many modules of the package it may load; files of single theorems are not counted.
MOST = {"predict --counts 20,10,5 --depth 3": 40, "verify --counts 20,10,5 --depth 3 --rng 0": 50}


def loaded(code):
    """Modules after the code has run in a process of its own."""
    code = f"import sys; from ncsolve.cli import main; {code}; print('|', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(done.stdout.rpartition("|")[2].split())


@pytest.mark.parametrize("words", MOST)
def test_a_command_loads_few_modules(words):
    modules = {name for name in loaded(f"main({words.split()})") if name.startswith("ncsolve")}
    theorems = {name for name in modules if name.startswith("ncsolve.theorems.")}
    counted = modules - theorems | (theorems & {"ncsolve.theorems.predict"})
    assert len(counted) <= MOST[words], sorted(counted)


def test_help_loads_no_command_and_nothing_heavy():
    modules = loaded("main(['--help'])")
    assert not {f"ncsolve.cli.{file}" for file in FILES} & modules
    heavy = {"numpy", "scipy", "sympy", "matplotlib", "rich", "joblib", "torch"}
    assert not heavy & modules


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_loads_its_own_file_alone(name):
    modules = loaded(f"main([{name!r}, '--help'])")
    homes = {file for file in FILES if f"ncsolve.cli.{file}" in modules}
    assert homes == {file for file, commands in FILES.items() if name in commands}
    assert not {"scipy", "matplotlib", "rich", "torch"} & modules


def test_help_does_not_come_from_docstrings():
    words = [sys.executable, "-OO", "-m", "ncsolve"]
    for argv in ([], ["predict"], ["train"]):
        plain = subprocess.run([*words[:1], *words[2:], *argv, "--help"], capture_output=True)
        bare = subprocess.run([*words, *argv, "--help"], capture_output=True)
        assert bare.stdout == plain.stdout
        assert bare.stdout.startswith(b"usage: ncsolve")


def test_every_command_has_the_options_of_output():
    for name in COMMANDS:
        words = {word for action in parser(name)._actions for word in action.option_strings}
        assert {"--json", "--out", "--force", "--quiet"} <= words
        assert command(name).out


def test_a_route_is_the_files_that_a_call_enters():
    steps = route(lambda: command("predict"))
    assert {step.rpartition("/")[2] for step in steps} == {"__init__.py"}
    assert switches(steps) == 0
    assert switches(["a", "b", "b", "a"]) == 2

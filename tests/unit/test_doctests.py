"""The examples in the docstrings of the installed package print what they say."""

import doctest
import importlib
import io
import pkgutil

import pytest

import trine


def docstrings_with_examples() -> list[doctest.DocTest]:
    submodules = (found.name for found in pkgutil.walk_packages(trine.__path__, "trine."))
    names = ["trine", *(name for name in submodules if not name.endswith(".__main__"))]
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [docstring for name in names for docstring in finder.find(importlib.import_module(name))]
    return [docstring for docstring in found if docstring.examples]


EXAMPLES = docstrings_with_examples()


@pytest.mark.parametrize("docstring", EXAMPLES, ids=lambda docstring: docstring.name)
def test_docstring(docstring: doctest.DocTest) -> None:
    report = io.StringIO()
    # A copy of the names, since running an example fills and then clears the namespace that it is given.
    docstring.globs = docstring.globs.copy()
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(docstring, out=report.write)
    assert result.failed == 0, report.getvalue()


@pytest.mark.parametrize("number", ["77777", "133"])
def test_the_seed_examples_are_among_them(number: str) -> None:
    assert any(number in example.want for docstring in EXAMPLES for example in docstring.examples)

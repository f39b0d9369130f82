"""docs/models.md lists everything that is taken."""

from pathlib import Path

import pytest

from trine.nn.importers.keras_activations import ACTIVATIONS
from trine.nn.importers.keras_layers import CONVERTERS
from trine.nn.importers.keras_operations import OPERATIONS
from trine.nn.importers.onnx_operators import OPERATORS
from trine.nn.importers.torch_functions import FUNCTIONS
from trine.nn.importers.torch_modules import MODULES

PAGE = (Path(__file__).parents[4] / "docs" / "models.md").read_text()


@pytest.mark.parametrize(
    ("chapter", "names"),
    [
        ("Keras", [*CONVERTERS, *ACTIVATIONS, *OPERATIONS]),
        ("PyTorch", [*MODULES, *FUNCTIONS]),
        ("ONNX", list(OPERATORS)),
    ],
)
def test_everything_that_is_taken_is_listed(chapter, names):
    text = PAGE.split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    assert [name for name in names if f"`{name}`" not in text] == []

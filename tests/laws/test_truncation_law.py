"""The law of truncation, on very many numbers: within one unit of the last place, and never a wrap."""

import numpy as np
import pytest

from trine.mpc.truncation import truncate

CHUNK = 1 << 20


@pytest.mark.parametrize(
    ("shift", "width", "out_width"),
    [(16, 63, 64), (18, 43, 44)],
    ids=["the default product", "a layer of the demo's model"],
)
def test_truncation_law(new_three, request, shift, width, out_width):
    """2^20 numbers by default; ``pytest tests/laws -k truncation --truncations 100000000`` for the full law."""
    count = request.config.getoption("--truncations")
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - (1 << shift)
    worst = 0.0
    for seed in range(-(-count // CHUNK)):
        values = np.random.default_rng(seed).integers(low, high, CHUNK)
        three = new_three(seed)
        parts = three.session.each(lambda party, s: s.a, three.share(values))
        result = three.run(truncate, parts, shift, width, out_width, width=out_width)
        error = result - (values >> shift)  # exact integers: 0 or 1 is within one unit of the quotient
        assert ((error == 0) | (error == 1)).all(), f"seed {seed}"
        cut = values & ((1 << shift) - 1)
        worst = max(worst, float(np.abs(error - cut / (1 << shift)).max()))
        assert worst < 1, f"seed {seed}"
    numbers = f"{(seed + 1) * CHUNK:,} numbers of {width} bits cut by {shift}"
    print(f"{numbers}, seeds 0 to {seed}: worst error {worst:.6f} units")

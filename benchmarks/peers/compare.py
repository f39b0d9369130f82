"""W1, W2 and W4 to W7 beside every peer that is set up here, in alternation; takes the options of ``trine bench``.

python benchmarks/peers/compare.py [--quick] [--only W1,W5] [--json FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from trine.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["bench", "--full", "--only", "W1,W2,W4,W5,W6,W7", "--peers", str(Path(__file__).parent)]
    main()

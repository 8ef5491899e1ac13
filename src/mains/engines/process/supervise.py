"""The supervisor's command line: `python -I -S supervise.py RUN_FOLDER`, secrets on its stdin.

Started without site packages, for speed, so it says itself where mains lies.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from mains.engines.process.supervisor import main

if __name__ == "__main__":
    main(Path(sys.argv[1]))

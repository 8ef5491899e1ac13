"""The fork server of supervisors: `python -I -S supervise.py`, its engine's socket on stdin.

Started without site packages, for speed, so it says itself where mains lies. Its first half leaves
at once, so that the engine has no child to look after; the engine's end ends it.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__" and os.fork():
    os._exit(0)

sys.path.insert(0, str(Path(__file__).parents[3]))

from mains.engines.process.forking import serve

if __name__ == "__main__":
    serve(0)

"""The set-up's modules are imported as `scripts/setup` itself runs them: from its own folder."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "setup"))

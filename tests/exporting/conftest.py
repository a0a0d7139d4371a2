"""Exported files that are kept to be read are no tests."""

import sys
from pathlib import Path

collect_ignore_glob = ["golden/*"]
sys.path.insert(0, str(Path(__file__).parent))

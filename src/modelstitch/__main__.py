"""``python -m modelstitch``."""

from __future__ import annotations

import sys

from modelstitch.cli import main

sys.exit(main())

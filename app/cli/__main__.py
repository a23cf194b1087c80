"""``python -m app.cli`` is ``soundsift``."""

import sys

from app.cli.program import main

sys.exit(main())

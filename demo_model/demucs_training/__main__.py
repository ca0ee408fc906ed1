"""`python -m demucs_training`."""

import sys

from .cli import main

sys.exit(main())

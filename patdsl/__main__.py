"""`python -m patdsl`: the same as the `patdsl` command."""

import sys

from patdsl.cli import main

sys.exit(main())

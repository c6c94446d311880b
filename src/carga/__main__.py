"""`python -m carga`, which is how processes of a run are started: it needs no script on the PATH."""

import sys

from carga.cli import main

sys.exit(main())

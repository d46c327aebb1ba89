"""`python -m stapes`: the `stapes` command. `stapes` itself is a namespace, so this is the only module in it."""

import sys

from stapes.runtime.main import main

sys.exit(main())

"""The field table, filled. `from jkcore.fields import table` is all that other modules need.

The modules that write the rows are only calls; once these have run, the rows live packed in `table`, and the modules
are forgotten so that a microcontroller gets their memory back.
"""

import sys

from jkcore.fields import about, live, settings, writer

del about, live, settings, writer
for _name in ("about", "live", "settings", "writer"):
    sys.modules.pop("jkcore.fields." + _name, None)

"""The registry of all kinds of torture. A new kind is a module with a function of the form `trials.Kind`.

The kinds with the longest trials come first, so no processor is idle at the end.
"""

from collections.abc import Mapping

from bench.torture.at_once import at_once
from bench.torture.damage import damage
from bench.torture.emulated import emulated
from bench.torture.full_disk import full_disk
from bench.torture.input.landing import landing_files
from bench.torture.input.others import other_inputs
from bench.torture.kills import kills
from bench.torture.permissions import permissions
from bench.torture.places import places
from bench.torture.security.trials import security
from bench.torture.servers import servers
from bench.torture.soak import soak
from bench.torture.trials import Kind

KINDS: Mapping[str, Kind] = {
    "soak": soak,
    "emulated account": emulated,
    "at once": at_once,
    "make dev": servers,
    "landing files": landing_files,
    "other input": other_inputs,
    "security": security,
    "kills": kills,
    "damage": damage,
    "full disk": full_disk,
    "permissions": permissions,
    "other places": places,
}

"""The registry of all kinds of torture. A new kind is a module with a function of the form `trials.Kind`."""

from collections.abc import Mapping

from bench.torture.at_once import at_once
from bench.torture.emulated import emulated
from bench.torture.kills import kills
from bench.torture.trials import Kind

KINDS: Mapping[str, Kind] = {"kills": kills, "at once": at_once, "emulated account": emulated}

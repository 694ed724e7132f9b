"""The contract suite of the two ports, written once for every platform, and what is particular to one."""

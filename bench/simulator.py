"""Benchmarks of the simulated feed and the landing feed. Each command is in the module `simulator_…` of its name.

- `fit` fits the figures of the simulated feed to the UCI file.
- `measure` compares simulated sessions with the UCI file and writes docs/simulator.md.
- `speed` times the simulated feed.
- `landing` times the landing feed on files of simulated sessions.
"""

import argparse
import json
import os
import sys

CLASSES = 160
SEED = 0


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("fit", "measure", "speed", "landing"))
    parser.add_argument(
        "--csv", default=os.environ.get("INTENT_PLATFORM_UCI_CSV"), help="online_shoppers_intention.csv"
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="sessions a day, for speed")
    parser.add_argument("--megabytes", type=int, default=1_000, help="size of the CSV file, for landing")
    given = parser.parse_args()
    if given.command in ("fit", "measure") and not given.csv:
        parser.error("name the UCI file with --csv PATH or INTENT_PLATFORM_UCI_CSV")
    if given.command == "fit":
        from bench.simulator_fit import figures
        from intent_platform.sessions.simulated.figures import FIGURES

        FIGURES.write_text(_compact(figures(given.csv, CLASSES, SEED)), encoding="utf-8")
        sys.stdout.write(f"{FIGURES} has {FIGURES.stat().st_size:,} bytes\n")
    elif given.command == "measure":
        from bench.simulator_measure import write_report

        write_report(given.csv)
    elif given.command == "landing":
        from bench.simulator_landing import measure_landing

        measure_landing(given.megabytes)
    else:
        from bench.simulator_speed import measure_speed

        measure_speed(given.rows)


def _compact(figures: dict[str, object]) -> str:
    """JSON with one line for each entry of the second level, which keeps diffs readable."""
    lines = []
    for name, value in figures.items():
        if isinstance(value, dict):
            inner = ",\n".join(
                f"  {json.dumps(key)}: {json.dumps(part, separators=(',', ':'))}" for key, part in value.items()
            )
            lines.append(f"{json.dumps(name)}: {{\n{inner}\n}}")
        else:
            lines.append(f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()

"""`python -m intent_platform_tests.snowflake_emulator --root FOLDER [--port N]`: run the account as a process."""

import argparse
import json
import threading
from pathlib import Path

from intent_platform_tests.snowflake_emulator.server import serve

parser = argparse.ArgumentParser(prog="snowflake_emulator", description=__doc__)
parser.add_argument("--root", type=Path, required=True, help="the folder for its state")
parser.add_argument("--port", type=int, default=0, help="a free one by default")
parser.add_argument("--answers", type=Path, help="a file of `make doctor`: answer as that account did")
chosen = parser.parse_args()
with serve(chosen.root, chosen.port, chosen.answers) as emulator:
    print(json.dumps(emulator.connection_parameters), flush=True)
    threading.Event().wait()

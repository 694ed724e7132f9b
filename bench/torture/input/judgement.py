"""What is wrong with a load of landing files. Each function returns the violations."""

from collections.abc import Sequence
from hashlib import sha256

from bench.torture.input.dropped import Dropped
from bench.torture.input.loads import Loaded

_LONGEST_SENTENCE = 1_500  # characters


def violations_of(files: Sequence[Dropped], load: Loaded) -> list[str]:
    """What a load did wrong with these files. Each sentence names the case and the file."""
    if load.answer.kind != "nothing" or load.counts is None:
        cases = ", ".join(f"{file.case} ({file.name!r:.40})" for file in files)
        return [f"the load failed: {load.answer.text} [files: {cases}]"]
    found = [*load.faults, *_miscounted(files, load)]
    for file in files:
        found += [f"{file.case} ({file.name!r:.40}): {wrong}" for wrong in _wrong(file, load)]
    return found + [
        f"the sentence about a file has {len(text.splitlines())} lines and {len(text):,} characters: {text:.200}"
        for text in load.told
        if "\n" in text or len(text) > _LONGEST_SENTENCE or "Traceback" in text
    ]


def _miscounted(files: Sequence[Dropped], load: Loaded) -> list[str]:
    """Counts that do not add up: as reported, in the tables, and in the files."""
    assert load.counts is not None, "the load succeeded"  # noqa: S101  for the type checker
    received, accepted, rejected = load.counts
    found = []
    if received != accepted + rejected:
        found.append(f"{received} rows were received, {accepted} accepted and {rejected} rejected")
    if load.stored != (accepted, rejected):
        found.append(f"{accepted} and {rejected} rows are reported, and {load.stored} are in the tables")
    taken = [file for file in files if _moved(file, load)]
    rows = [file.rows for file in taken]
    if None not in rows and sum(row or 0 for row in rows) != received:
        found.append(f"the loaded files have {sum(row or 0 for row in rows)} rows, and {received} were received")
    return found


def _wrong(file: Dropped, load: Loaded) -> list[str]:
    """What is wrong with one file."""
    place, named = _places(file, load), _sentences(file, load)
    if place != 1:
        return [f"it is in {place} places"]
    moved = _moved(file, load)
    if file.fate == "ignored":
        return ["it was moved"] if moved else [f"it should be left alone: {text}" for text in named]
    found = []
    if file.fate == "loaded" and not moved:
        found.append(f"it was not loaded: {' / '.join(named) or 'no sentence says why'}")
    elif file.fate == "refused" and moved:
        found.append("it was loaded")
    elif not moved and len(named) != 1:
        found.append(f"{len(named)} sentences name it")
    if moved and named:
        found.append(f"it was loaded, and a sentence names it: {named[0]}")
    if moved and (lost := file.sure - load.uids):
        found.append(f"{len(lost)} of its valid rows are not in SOURCE, for example {min(lost)}")
    if moved and file.rows is not None and load.rejected.get(file.name, 0) > file.rows - len(file.sure):
        found.append(f"{load.rejected[file.name]} of its {file.rows} rows were rejected")
    return found


def _places(file: Dropped, load: Loaded) -> int:
    """In how many places the entry is: under its name in the landing folder, and with its content in `accepted/`."""
    if file.content is None:
        return int(file.name in load.waiting)
    return int(load.waiting.get(file.name) == _digest(file)) + load.accepted.count(_digest(file))


def _moved(file: Dropped, load: Loaded) -> bool:
    return file.content is not None and _digest(file) in load.accepted


def _sentences(file: Dropped, load: Loaded) -> list[str]:
    from intent_platform.sessions.faults import printable

    shown = printable(file.name)
    return [text for text in load.told if f"/{shown} " in text]


def _digest(file: Dropped) -> str:
    return sha256(file.content or b"").hexdigest()

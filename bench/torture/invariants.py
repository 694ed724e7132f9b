"""What must hold of a home: right after a kill, and after the next command. Each function returns the violations."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from bench.torture.state import Day, HomeState, MoveRow


def broken_at_any_time(state: HomeState) -> list[str]:
    """What may never happen, not even right after a kill.

    The pointer may be ahead of the ledger by one move that `CHAMPION_INTENTS` describes, and the champion may be
    marked. The next command settles both.
    """
    return [
        *state.damage,
        *state.faults,
        *_broken_ledger(state.ledger),
        *_broken_versions(state),
        *_lost_pointer(state),
        *_wrong_marks(state, tolerated={state.pointer, _champion_of(state.ledger)}),
    ]


def broken_when_settled(state: HomeState) -> list[str]:
    """What may not be found after a command that begins with `settle`."""
    champion = _champion_of(state.ledger)
    apart = [] if state.pointer == champion else [f"the pointer names {state.pointer}, and the ledger {champion}"]
    return [*broken_at_any_time(state), *apart, *_wrong_marks(state, tolerated=set())]


def half_written(state: HomeState, before: HomeState | None, after: HomeState, together: Sequence[str]) -> list[str]:
    """The days of the tables that are neither the rows before nor the rows after.

    Args:
        state: the state after a kill.
        before: the state before the operation; None for a new home.
        after: the state after an uninterrupted operation.
        together: the tables that the operation writes in one transaction.
    """
    old, new = before or HomeState(), after
    if all(state.table(name) == old.table(name) for name in together):
        return []
    if all(state.table(name) == new.table(name) for name in together):
        return []
    found = [
        f"{name} of {day} has {_rows(state.table(name), day)} rows, neither the {_rows(old.table(name), day)} before "
        f"nor the {_rows(new.table(name), day)} after"
        for name in together
        for day in sorted({*state.table(name), *old.table(name), *new.table(name)})
        if state.table(name).get(day) not in (old.table(name).get(day), new.table(name).get(day))
    ]
    return found or [f"some days of {', '.join(together)} are new and others are old"]


def expected_marks(ledger: Sequence[MoveRow]) -> set[str]:
    """The versions that were rolled back from and did not become champion since."""
    marked: set[str] = set()
    for move in ledger:
        if move.from_version and (move.cause == "rollback" or move.reason.startswith("rollback, cut off")):
            marked.add(move.from_version)
        marked.discard(move.to_version)
    return marked


def _rows(days: Mapping[str, Day], day: str) -> int:
    return days[day].rows if day in days else 0


def _champion_of(ledger: Sequence[MoveRow]) -> str | None:
    return ledger[-1].to_version if ledger else None


def _broken_ledger(ledger: Sequence[MoveRow]) -> list[str]:
    numbers = [move.number for move in ledger]
    found = [] if numbers == [*range(1, len(numbers) + 1)] else [f"the ledger's moves have the numbers {numbers}"]
    if ledger and ledger[0].from_version is not None:
        found.append(f"the ledger's first move begins with {ledger[0].from_version}")
    for one, next_ in pairwise(ledger):
        if next_.from_version != one.to_version:
            found.append(f"move {one.number} ends with {one.to_version}, and the next begins with {next_.from_version}")
        if next_.moved_at < one.moved_at:
            found.append(f"move {next_.number} is earlier than the move before it")
    return found


def _broken_versions(state: HomeState) -> list[str]:
    found = []
    for name, version in state.versions.items():
        if not version.is_complete:
            continue  # `leftovers` has it, because no search finds it
        if version.stored is None:
            found.append(f"version {name} has no model file")
        elif version.stored != version.logged:
            found.append(f"the model file of version {name} is not the one that was logged")
    if state.pointer is not None and state.pointer not in state.versions:
        found.append(f"the pointer names {state.pointer}, which does not exist")
    return found


def _lost_pointer(state: HomeState) -> list[str]:
    """A pointer ahead of the ledger without a row from which the next command could complete the move."""
    recorded = {(intent.number, intent.to_version) for intent in state.intents}
    if state.pointer == _champion_of(state.ledger) or (len(state.ledger) + 1, state.pointer) in recorded:
        return []
    return [f"the pointer names {state.pointer or 'nobody'}, and neither the ledger nor an intent does"]


def _wrong_marks(state: HomeState, tolerated: set[str | None]) -> list[str]:
    expected = expected_marks(state.ledger)
    lost, false = sorted(expected - state.marks), sorted(state.marks - expected - tolerated)
    return [f"version {name} was rolled back from, but it is not quarantined" for name in lost] + [
        f"version {name} is quarantined, but nobody rolled back from it" for name in false
    ]

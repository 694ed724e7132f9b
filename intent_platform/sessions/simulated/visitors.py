"""Who comes on a day, and the UIDs of these visitors. Each visitor comes at most once a day.

A new visitor gets a number that no earlier day used. A returning visitor was new on one of the `MEMORY` days before.
A day needs only the counts of the days before it for this, not their sessions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from math import gcd

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intent_platform.sessions.simulated.seasons import Mix

MEMORY = 180  # days during which a new visitor may return
NEW, RETURNING, OTHER = 1, 0, 2  # positions in tables.VISITOR_TYPES

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint8]

_DAY_SHIFT = np.uint64(32)  # a visitor's number is the day of the first visit × 2^32 + the place within that day
_OTHER_BIT = np.uint64(1 << 63)  # keeps the numbers of visitors of the type Other apart
#: The four hexadecimal digits of each 16-bit number, packed into 32 bits: one lookup writes four characters.
_HEX = np.frombuffer(b"".join(b"%04x" % number for number in range(1 << 16)), dtype="<u4")
_DASH = ord("-")
_UUID_BYTES = 36
#: The text of a UUID as a record: the position of each group of four digits and of each dash.
_HEX_FIELDS = {f"hex{at}": at for at in (0, 4, 9, 14, 19, 24, 28, 32)}
_DASH_FIELDS = {f"dash{at}": at for at in (8, 13, 18, 23)}
_UUID_TEXT = np.dtype(
    {
        "names": [*_HEX_FIELDS, *_DASH_FIELDS],
        "formats": ["<u4"] * len(_HEX_FIELDS) + ["u1"] * len(_DASH_FIELDS),
        "offsets": [*_HEX_FIELDS.values(), *_DASH_FIELDS.values()],
        "itemsize": _UUID_BYTES,
    }
)


@dataclass(frozen=True, eq=False)
class VisitorRoster:
    """The visitors of one day, by row number.

    The place of a row is `row_start + row_step × row`, modulo the number of rows. The step and the number of rows have
    no common factor, so the rows reach each place exactly once. The same formula picks the returning visitors.

    Attributes:
        day: the day.
        mix: the number of sessions of each visitor type.
        first_days: the ordinals of the `MEMORY` days before, ascending.
        ends: the number of visitors who were new until the end of each of these days, cumulative.
        row_step, row_start: the shuffle of the rows.
        pool_step, pool_start: the shuffle of the visitors who may return.
    """

    day: date
    mix: Mix
    first_days: Numbers
    ends: Numbers
    row_step: int
    row_start: int
    pool_step: int
    pool_start: int

    @classmethod
    def of(cls, seed: int, day: date, mix_on: Callable[[date], Mix]) -> "VisitorRoster":
        """The roster of `day`. `mix_on` gives the counts of any day."""
        before = [day - timedelta(days=n) for n in range(MEMORY, 0, -1)]
        ends = np.cumsum([mix_on(earlier).new for earlier in before], dtype=np.uint64)
        mix = mix_on(day)
        pool = int(ends[-1])
        # In a very small shop, or on a high peak, too few visitors can return. New visitors make up the number.
        lacking = max(0, mix.returning - pool)
        mix = Mix(mix.new + lacking, mix.returning - lacking, mix.other)
        random = np.random.default_rng([seed, day.toordinal(), 1])
        return cls(
            day,
            mix,
            np.array([earlier.toordinal() for earlier in before], dtype=np.uint64),
            ends,
            *_stride(random, mix.sessions),
            *_stride(random, pool),
        )

    def rows(self, first: int, last: int) -> tuple[Numbers, Codes]:
        """The numbers and types (positions in VISITOR_TYPES) of the visitors in rows `first` to `last`, exclusive."""
        row = np.arange(first, last, dtype=np.uint64)
        place = (row * np.uint64(self.row_step) + np.uint64(self.row_start)) % np.uint64(max(1, self.mix.sessions))
        today = np.uint64(self.day.toordinal()) << _DAY_SHIFT
        new, returning = self.mix.new, self.mix.returning
        types = np.full(len(row), RETURNING, dtype=np.uint8)
        types[place < new] = NEW
        types[place >= new + returning] = OTHER
        numbers = today | place
        numbers[types == OTHER] |= _OTHER_BIT
        returns = np.flatnonzero(types == RETURNING)
        numbers[returns] = self._returning(place[returns] - np.uint64(new))
        return numbers, types

    def _returning(self, number: Numbers) -> Numbers:
        """The numbers of the day's returning visitors, whom `number` counts from 0.

        `member` is a position among all visitors who may return, in the order of their first days. `cohort` is the
        position of the first day.
        """
        pool = self.ends[-1] if len(number) else np.uint64(1)  # an empty pool would be a division by zero
        member = (number * np.uint64(self.pool_step) + np.uint64(self.pool_start)) % pool
        cohort = _interval(member, self.ends)
        starts = np.concatenate([np.zeros(1, dtype=np.uint64), self.ends[:-1]])
        base = (self.first_days << _DAY_SHIFT) - starts
        return np.asarray(base.take(cohort) + member, dtype=np.uint64)


def _interval(member: Numbers, ends: Numbers) -> npt.NDArray[np.intp]:
    """The same as `np.searchsorted(ends, member, side="right")`, but faster for many members.

    A table has the result for the beginning of each of 65,536 stretches of members. From there, the loop takes at
    most a few steps.
    """
    stretches = 1 << 16
    if len(member) < stretches // 4:
        return np.searchsorted(ends, member, side="right")
    shift = np.uint64(max(0, int(ends[-1]).bit_length() - 16))
    begins = np.searchsorted(ends, np.arange(stretches, dtype=np.uint64) << shift, side="right")
    at = np.minimum(begins, len(ends) - 1).take((member >> shift).astype(np.intp))
    while True:  # a stretch may contain an end, but rarely several
        behind = member >= ends.take(at)
        if not behind.any():
            return np.asarray(at, dtype=np.intp)
        at = at + behind


def _stride(random: np.random.Generator, modulus: int) -> tuple[int, int]:
    """A step without a common factor with `modulus`, and a start."""
    if modulus <= 1:
        return 1, 0
    step = int(random.integers(1, modulus))
    while gcd(step, modulus) != 1:
        step = step % (modulus - 1) + 1
    return step, int(random.integers(modulus))


def hashes(seed: int, numbers: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Three independent 64-bit hashes of each visitor (splitmix64): two for the UID, one for the lasting traits."""
    key = int(np.random.SeedSequence([seed, 2]).generate_state(1, np.uint64)[0])
    first = _finalise(numbers * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(key))
    second = _finalise(first + np.uint64(0x9E3779B97F4A7C15))
    return first, second, _finalise(second + np.uint64(0x9E3779B97F4A7C15))


def _finalise(x: Numbers) -> Numbers:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014), a bijection."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uids(first: Numbers, second: Numbers) -> pa.Array:
    """UUIDs of version 8 (RFC 9562, for custom formats) as text, from 122 of the 128 bits."""
    words = [
        ((half >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.intp)
        for half in (first, second)
        for shift in (0, 16, 32, 48)
    ]
    words[3] = (words[3] & 0x0FFF) | 0x8000  # the version, 8
    words[4] = (words[4] & 0x3FFF) | 0x8000  # the variant of RFC 9562
    text = np.empty(len(first), dtype=_UUID_TEXT)
    for field, word in zip(_HEX_FIELDS, words, strict=True):
        text[field] = _HEX.take(word)
    for field in _DASH_FIELDS:
        text[field] = _DASH
    offsets = np.arange(0, _UUID_BYTES * (len(first) + 1), _UUID_BYTES, dtype=np.int32)
    return pa.StringArray.from_buffers(len(first), pa.py_buffer(offsets), pa.py_buffer(text))

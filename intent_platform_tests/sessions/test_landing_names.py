"""Names of landing files: every name is loaded or named as a fault, and none stops another file."""

import os
import re
from dataclasses import replace

import pytest

from intent_platform.settings.feeds import LandingSettings
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.sessions.landing_folder import (
    PAST,
    TUESDAY,
    accepted_files,
    drop,
    take,
    uids,
    waiting_files,
)

#: Names that are refused, each with the end of the sentence about it.
REFUSED = {
    "ends in a blank": ("a.csv ", r"a\.csv  has the ending '\.csv ', not \.csv or \.parquet: rename it"),
    "has another ending": ("notes.txt", r"notes\.txt has the ending '\.txt', not \.csv or \.parquet: rename it"),
    "is being written": ("a.csv.part", r"a\.csv\.part has the ending '\.part', not \.csv or \.parquet: rename it"),
    "has no ending": ("csv", r"csv has the ending '', not \.csv or \.parquet: rename it"),
    "is not UTF-8": (os.fsdecode(b"caf\xe9.csv"), r"caf\\udce9\.csv has a name that is not UTF-8: rename it"),
    "is long": ("x" * 197 + ".csv", r"x\.csv has a name of more than 200 bytes: rename it"),
    "is longest": ("x" * 251 + ".csv", r"x\.csv has a name of more than 200 bytes: rename it"),
    "is long in bytes": ("日" * 66 + ".csv", r"日\.csv has a name of more than 200 bytes: rename it"),
}


@pytest.mark.parametrize(("name", "sentence"), REFUSED.values(), ids=REFUSED)
class TestRefusedName:
    @pytest.fixture(params=[False, True], ids=["", "with done files"])
    def feed(self, request, landing, name):
        """The feed over the file of this name and a file that can be loaded."""
        drop(landing, "good.csv", landing_rows(TUESDAY, 4)).rename(landing.folder / name)
        drop(landing, "good.csv", landing_rows(TUESDAY, 4))
        if request.param:
            (landing.folder / "good.csv.done").touch()
            if len(os.fsencode(name)) <= 250:
                (landing.folder / f"{name}.done").touch()
        return replace(landing, settings=LandingSettings(done_files=request.param, quiet_seconds=0))

    def test_is_told_and_does_not_stop_another_file(self, feed, name, sentence):
        assert len(uids(take(feed, PAST))) == 4
        assert accepted_files(feed) == ["good.csv"]
        assert name in waiting_files(feed)
        (fault,) = feed.unreadable()
        assert re.search(f"{sentence}, or remove the file$", fault)
        assert fault.encode().isascii() or name in fault


@pytest.mark.parametrize(
    "name",
    [
        "x" * 196 + ".csv",
        "日" * 65 + ".csv",
        "a\nb.csv",
        "*.csv",
        "[x].csv",
        "a'b\".csv",
        "A.CSV",
        "\u202ea.csv",
        "a..csv",
    ],
    ids=["longest", "longest in Japanese", "line break", "star", "brackets", "quotes", "capitals", "direction", "dots"],
)
def test_other_names_are_loaded_again_and_again(landing, name):
    for seed in range(2):
        path = drop(landing, "good.csv", landing_rows(TUESDAY, 4, seed=seed))
        path.rename(landing.folder / name)
        assert landing.pending()[0].name.isprintable()
        assert {batch.origin for batch in take(landing, PAST)} == {name}
    assert waiting_files(landing) == []
    assert name in accepted_files(landing)
    assert len(accepted_files(landing)) == 2

"""Probes of limits: the metadata of a version, and the query tag."""

import json

from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Probe
from intent_platform.platforms.snowflake.query_tag import LONGEST
from intent_platform.platforms.snowflake.registry import MOST_RECORD_BYTES
from intent_platform.platforms.versions import MODEL_NAME

#: Bytes. The registry writes at most `MOST_RECORD_BYTES`, and up to the second size with metrics and marks.
_SIZES = (10_000, 90_000, 99_000, 110_000)
_TAGS = (500, LONGEST, LONGEST + 1)  # characters


def _metadata(account: Account) -> Answer:
    """The largest size that the account accepts as the metadata of a version. 0 if it accepts none."""
    name = account.version.name.upper()
    [stored] = [row for row in account.rows(f"SHOW VERSIONS IN MODEL {MODEL_NAME}") if row["name"] == name]
    record = json.loads(stored["metadata"])
    accepted = 0
    for size in _SIZES:
        room = size - len(json.dumps({**record, "doctor": ""}))
        text = json.dumps({**record, "doctor": "x" * room})
        if account.refusal(f"ALTER MODEL {MODEL_NAME} MODIFY VERSION {name} SET METADATA = $${text}$$") is not None:
            break
        accepted = size
    account.run(f"ALTER MODEL {MODEL_NAME} MODIFY VERSION {name} SET METADATA = $${stored['metadata']}$$")
    return accepted


def _query_tag(account: Account) -> Answer:
    """The longest of some tags that the account accepts. Another connection keeps the doctor's own tag."""
    accepted = 0
    with account.other_client(lock_seconds=1) as client:
        for length in _TAGS:
            if account.refusal(f"ALTER SESSION SET QUERY_TAG = '{'x' * length}'", of=client) is not None:
                break
            accepted = length
    return accepted


PROBES = (
    Probe(
        "limits.metadata",
        f"a version keeps {_SIZES[1]:,} bytes of metadata",
        _metadata,
        lambda answer: bool(answer >= _SIZES[1]),
        f"lower MOST_RECORD_BYTES ({MOST_RECORD_BYTES:,}) in platforms/snowflake/registry.py, because a version keeps "
        "only {answer} bytes",
    ),
    Probe(
        "limits.query_tag",
        f"a query tag has up to {LONGEST:,} characters",
        _query_tag,
        lambda answer: bool(answer >= LONGEST),
        "lower LONGEST in platforms/snowflake/query_tag.py to {answer}, because the account refuses longer tags",
    ),
)

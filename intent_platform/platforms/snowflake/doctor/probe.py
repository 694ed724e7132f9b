"""A probe: one question to the account, what the platform assumes, and what to do if the account answers otherwise.

The verdict follows from the answer alone. So an answer that was written to a file gives the same finding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.failures import explanation_of

#: A JSON value.
Answer: TypeAlias = Any
Ask: TypeAlias = Callable[[Account], Answer]
Verdict = Literal["ok", "noted", "not asked", "differs"]
NOT_ASKED: Answer = {"not asked": True}
_LOOK_UP = "find the refused statement in the query history, where its tag has the asset doctor"
_REPORT = "report this, because the platform or its clients cannot read what the account sends"


def refused(number: int) -> Answer:
    """The answer if Snowflake refuses a statement that the probe needs."""
    return {"refused": number}


def failed(error: Exception) -> Answer:
    """The answer if the platform or a client fails at what the account sends. Its message may hold names of users."""
    return {"failed": type(error).__name__}


def shown(answer: Answer) -> str:
    """An answer as the text of a cell."""
    match answer:
        case None:
            return "none"
        case bool():
            return "yes" if answer else "no"
        case int():
            return f"{answer:,}"
        case list():
            return ", ".join(map(str, answer)) or "none"
        case dict():
            return ", ".join(f"{key} {value}" for key, value in answer.items()) or "none"
        case _:
            return str(answer)


def shown_error(number: Answer) -> str:
    """The number of an error in six digits, as in Snowflake's messages."""
    return "no error" if number is None else f"{number:06d}"


@dataclass(frozen=True)
class Finding:
    """One row of the doctor's table. `advice` is the sentence what to do, empty unless the verdict is `differs`."""

    name: str
    assumption: str
    answer: str
    verdict: Verdict
    advice: str = ""

    @property
    def row(self) -> tuple[str, str, str, str]:
        """The cells of the table: name, assumption, answer, and the verdict or the advice."""
        return self.name, self.assumption, self.answer, self.advice or self.verdict


@dataclass(frozen=True)
class Probe:
    """One question to the account.

    Attributes:
        name: its group and its name, as in `limits.metadata`. The file of answers uses it as a key.
        assumption: what the platform assumes.
        ask: sends the statements and returns the answer.
        accepts: whether the platform works with this answer. None means that the answer is only noted.
        advice: one sentence that says what to do. It may name `{answer}` and the parameters of the connection.
        show: the answer as the text of a cell.
        is_slow: whether only a full examination asks.
    """

    name: str
    assumption: str
    ask: Ask
    accepts: Callable[[Answer], bool] | None = None
    advice: str = ""
    show: Callable[[Answer], str] = shown
    is_slow: bool = False

    def finding(self, answer: Answer, parameters: Mapping[str, Any]) -> Finding:
        """The row of the table for this answer. `parameters` are those of the connection."""

        def found(shown_answer: str, verdict: Verdict, advice: str = "") -> Finding:
            return Finding(self.name, self.assumption, shown_answer, verdict, advice)

        match answer:
            case {"not asked": _}:
                return found("not asked: full=1 asks", "not asked")
            case {"refused": int(number)}:
                return found(f"refused with {number:06d}", "differs", explanation_of(number, parameters) or _LOOK_UP)
            case {"failed": kind}:
                return found(f"unexpected: {kind}", "differs", _REPORT)
        text = self.show(answer)
        if self.accepts is None:
            return found(text, "noted")
        if self.accepts(answer):
            return found(text, "ok")
        return found(text, "differs", self.advice.format(answer=text, **parameters))


def equals(expected: Answer) -> Callable[[Answer], bool]:
    """Accept exactly this answer."""
    return lambda answer: bool(answer == expected)

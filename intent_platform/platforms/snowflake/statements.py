"""Inserts values and the model into statements for Snowflake.

A tokenizer finds the placeholders and the calls of the scoring function. The rest of a statement stays unchanged.
`platforms.sql` makes the literals.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from sqlglot import Token, TokenType
from sqlglot.dialects.snowflake import Snowflake

from intent_platform.platforms.ports import PREDICT_FUNCTION, Value
from intent_platform.platforms.sql import literal

_POSITIVE_CLASS = "output_feature_1"  # the name that snowflake-ml gives the second column of predict_proba

#: A colon directly after one of these tokens begins a path into a VARIANT, as in `RAW:name`, and is not a placeholder.
_BEFORE_A_PATH = frozenset({TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET})


@dataclass(frozen=True)
class _Placeholder:
    start: int
    end: int
    name: str


def bound(sql: str, values: Mapping[str, Value], model: str | None = None) -> str:
    """The statement with typed literals for its values, and with calls of the model's method for the scoring function.

    Args:
        sql: one statement, with `:name` for values.
        values: the values by name.
        model: the model that scores, as `NAME, VERSION`.

    Raises:
        KeyError: a placeholder has no value, or a value has no placeholder.
        LookupError: the statement calls the scoring function, and `model` is None.
    """
    text, unused = sql, set(values)
    # From the last to the first, because each replacement moves the text behind it.
    for placeholder in reversed(_placeholders(sql)):
        text = text[: placeholder.start] + literal(values[placeholder.name], "snowflake") + text[placeholder.end :]
        unused.discard(placeholder.name)
    if unused:
        raise KeyError(f"no placeholder for {sorted(unused)} in: {sql}")
    return _with_model(text, model) if PREDICT_FUNCTION in text else text


@lru_cache(maxsize=256)
def _placeholders(sql: str) -> tuple[_Placeholder, ...]:
    tokens = _tokens(sql)
    return tuple(
        _Placeholder(colon.start, name.end + 1, name.text)
        for before, colon, name in zip([None, *tokens], tokens, tokens[1:], strict=False)
        if colon.token_type is TokenType.COLON
        and name.start == colon.end + 1
        and not (before is not None and before.end + 1 == colon.start and before.token_type in _BEFORE_A_PATH)
    )


def _with_model(sql: str, model: str | None) -> str:
    if model is None:
        raise LookupError(f"{PREDICT_FUNCTION} is called before use_model")
    for name, closing in reversed(list(_calls(_tokens(sql)))):
        call = sql[name.end + 1 : closing.end + 1]
        method = f"MODEL({model})!PREDICT_PROBA{call}['{_POSITIVE_CLASS}']::DOUBLE"
        sql = sql[: name.start] + method + sql[closing.end + 1 :]
    return sql


def _calls(tokens: list[Token]) -> Iterator[tuple[Token, Token]]:
    """The tokens of the name and of the closing parenthesis of each call of the scoring function."""
    for place, token in enumerate(tokens):
        if token.token_type is TokenType.VAR and token.text == PREDICT_FUNCTION:
            depth = 0
            for later in tokens[place + 1 :]:
                depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(later.token_type, 0)
                if depth == 0:
                    yield token, later
                    break


class _Tokenizer(Snowflake.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()  # otherwise the text behind CALL would be one token


def _tokens(sql: str) -> list[Token]:
    return list(_Tokenizer().tokenize(sql))

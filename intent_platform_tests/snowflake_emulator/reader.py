"""Reads a statement token by token, with sqlglot's tokenizer for Snowflake."""

from collections.abc import Iterable
from typing import ClassVar

from sqlglot import Token, TokenType
from sqlglot.dialects.snowflake import Snowflake

from intent_platform_tests.snowflake_emulator.errors import syntax_error

_LITERALS = {TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING}
_OPENING, _CLOSING = {"(", "[", "{"}, {")", "]", "}"}


class _Tokenizer(Snowflake.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()  # else sqlglot makes one token of all that follows some words


def tokens_of(sql: str) -> list[Token]:
    """All tokens, without comments."""
    return list(_Tokenizer().tokenize(sql))


def replaced(sql: str, pieces: Iterable[tuple[int, int, str]]) -> str:
    """`sql` with the characters of each `(start, end)` (both included) replaced."""
    for start, end, text in sorted(pieces, reverse=True):
        sql = sql[:start] + text + sql[end + 1 :]
    return sql


def closing(tokens: list[Token], opening: int) -> int:
    """The place of the bracket that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(tokens)):
        depth += (tokens[place].text in _OPENING) - (tokens[place].text in _CLOSING)
        if depth == 0:
            return place
    raise syntax_error("a bracket is not closed")


class Reader:
    """A statement and the position in its tokens."""

    def __init__(self, sql: str) -> None:
        self.sql = sql.strip().rstrip(";").strip()
        self.tokens = tokens_of(self.sql)
        self.place = 0

    @property
    def done(self) -> bool:
        return self.place >= len(self.tokens)

    @property
    def rest(self) -> str:
        """The unread text."""
        return "" if self.done else self.sql[self.tokens[self.place].start :]

    def word(self, ahead: int = 0) -> str:
        """The token at the position, in upper case. Empty for literals and quoted names, and at the end."""
        place = self.place + ahead
        if place >= len(self.tokens) or self.tokens[place].token_type in {*_LITERALS, TokenType.IDENTIFIER}:
            return ""
        return self.tokens[place].text.upper()

    def take(self, *words: str) -> bool:
        """Read these words if they are next."""
        if any(self.word(ahead) != word for ahead, word in enumerate(words)):
            return False
        self.place += len(words)
        return True

    def take_any(self, *words: str) -> str | None:
        """Read one of these words if it is next."""
        word = self.word()
        return word if word in words and self.take(word) else None

    def expect(self, *words: str) -> None:
        """Read these words, which must be next."""
        if not self.take(*words):
            raise syntax_error(f"expected {' '.join(words)} before: {self.rest[:60]}")

    def end(self) -> None:
        """Refuse a statement with unread text."""
        if not self.done:
            raise syntax_error(f"the emulator does not read: {self.rest[:80]}")

    def name(self) -> str:
        """An identifier, in upper case unless it is quoted. A literal counts, for names of versions."""
        token = self._next()
        if token.token_type is TokenType.IDENTIFIER or token.token_type in _LITERALS:
            return token.text
        if not (token.text[:1].isalpha() or token.text[:1] == "_"):
            raise syntax_error(f"expected a name, found {token.text!r}")
        return token.text.upper()

    def parts(self) -> tuple[str, ...]:
        """A name of one to three parts."""
        found = [self.name()]
        while self.take("."):
            found.append(self.name())
        return tuple(found)

    def literal(self) -> str:
        """The text of a literal, or a bare word or number."""
        return self._next().text

    def group(self) -> str:
        """The text between the next parentheses."""
        if self.word() != "(":
            raise syntax_error(f"expected ( before: {self.rest[:60]}")
        first, last = self.place, closing(self.tokens, self.place)
        self.place = last + 1
        return self.sql[self.tokens[first].end + 1 : self.tokens[last].start].strip()

    def location(self) -> str:
        """A reference to a stage or file, quoted or bare: `@stage/folder`, `snow://…`, `file://…`."""
        token = self._next()
        if token.token_type in _LITERALS:
            return token.text
        end = token.end
        while not self.done and self.tokens[self.place].start == end + 1 and self.word() != ")":
            end = self._next().end
        return self.sql[token.start : end + 1]

    def options(self) -> dict[str, str]:
        """`NAME = value` pairs, up to the first word without `=`."""
        found: dict[str, str] = {}
        while not self.done and self.word(1) == "=":
            name = self.name()
            self.expect("=")
            found[name] = self.group() if self.word() == "(" else self.literal()
            while self.take("."):
                found[name] += f".{self.literal()}"
        return found

    def _next(self) -> Token:
        if self.done:
            raise syntax_error("the statement is incomplete")
        self.place += 1
        return self.tokens[self.place - 1]


def list_items(text: str) -> list[str]:
    """The items of a list, separated by the commas outside of brackets."""
    reader = Reader(text)
    depth, start, items = 0, 0, []
    for token in reader.tokens:
        depth += (token.text in "([{") - (token.text in ")]}") if len(token.text) == 1 else 0
        if token.text == "," and depth == 0:
            items.append(reader.sql[start : token.start].strip())
            start = token.end + 1
    return [*items, reader.sql[start:].strip()] if reader.sql else []

"""How the project writes English: short sentences, one a line in Markdown, without the habits that slow a reader down.

Covers the Markdown pages, and the docstrings, comments and messages of the package and the benchmarks.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("intent_platform_tests/**/*.md")])
MODULES = sorted([*ROOT.glob("intent_platform/**/*.py"), *ROOT.glob("bench/**/*.py")])

LONGEST_SENTENCE = 30  # words
USUAL_SENTENCE, SHARE_ABOVE_USUAL = 25, 0.10
HABITS = {
    r"(?<!there )\b(is|are|was|were) no (?!longer\b|more\b|one\b)[a-z]": "say 'is not a …' or 'there is no …'",
    r", so that\b": "a result follows with 'so' or in a sentence of its own",
    r"\bheld against\b": "say 'compared with' or name the objection",
    r"\bwhat (became|came) of\b": "use a noun: results, outcome",
    r"\bwhat (is|was) there\b": "name the thing that exists",
    r"\b(is|are|was|were) said\b": "name who says it, or state it",
    r";[^;]*;": "one semicolon a sentence at most",
}
_IGNORED_BLOCKS = ("```", "|", "#", "![", "<", "---")
_LIST_ITEM = re.compile(r"^\s*([-*]|\d+\.)\s+")
_LEAD_IN = re.compile(r"^\*\*[^*]+[.:]\*\*\s+")  # "**Roll back.** One command …"
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_`]*[A-Z0-9`])")
_SECTION = re.compile(r"^\s*(Args|Attributes|Raises|Returns|Yields|Example|Examples):\s*$")
_ENTRY = re.compile(r"^\s{2,}[\w, `]+: ")


def plain(text: str) -> str:
    """Text without markup: code counts as one word, a link as its text."""
    text = re.sub(r"`[^`]*`", "Code", text)
    text = re.sub(r"\]\([^)]*\)", "", text)
    text = re.sub(r"<https?://[^>]*>", "link", text)
    return re.sub(r"[*\[\]]", "", text)


def sentences(paragraph: str) -> Iterator[str]:
    """The sentences of one paragraph."""
    abbreviated = re.sub(r"\b([A-Z]|e\.g|i\.e|vs|cf|et al|pp?|no|Fig|Sect|approx)\.\s", r"\1 ", plain(paragraph))
    for sentence in _SENTENCE_END.split(" ".join(abbreviated.split())):
        if sentence.strip():
            yield sentence.strip()


def words(sentence: str) -> int:
    """How many words a sentence has; a dash or a number counts as none."""
    return sum(any(letter.isalpha() for letter in word) for word in sentence.split())


def prose_lines(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page that are prose, by number: not code, tables, headings, images or front matter."""
    in_code = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("```"):
            in_code = not in_code
        elif stripped and not in_code and not stripped.startswith(_IGNORED_BLOCKS):
            yield number, _LEAD_IN.sub("", _LIST_ITEM.sub("", line).strip())


def table_cells(page: Path) -> Iterator[str]:
    """The cells of a page's tables, each a paragraph of its own."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.strip().startswith("|"):
            yield from (cell.strip() for cell in re.sub(r"`[^`]*`", "code", line).strip("| \n").split("|"))


def paragraphs_of(docstring: str) -> Iterator[str]:
    """The paragraphs, list items and section entries of a docstring, without code examples."""
    paragraph: list[str] = []
    for line in [*docstring.splitlines(), ""]:
        begins_another = not line.strip() or _SECTION.match(line) or _LIST_ITEM.match(line) or _ENTRY.match(line)
        if begins_another and paragraph:
            yield " ".join(paragraph)
            paragraph = []
        if line.strip() and not _SECTION.match(line) and not line.strip().startswith(">>>"):
            paragraph.append(_LIST_ITEM.sub("", line).strip())


def comments_of(source: str) -> Iterator[str]:
    """The comments of a module, those on consecutive lines as one; directives for tools are left out."""
    paragraph: list[str] = []
    last = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        text = re.sub(r"^(noqa: [A-Z0-9, ]+|type: ignore(\[[\w, -]+\])?)\s*", "", token.string.lstrip("#:! "))
        alone = token.line.strip().startswith("#")
        if paragraph and (token.start[0] != last + 1 or not alone):
            yield " ".join(paragraph)
            paragraph = []
        paragraph.append(text)
        last = token.start[0]
    if paragraph:
        yield " ".join(paragraph)


def docstrings_of(tree: ast.Module) -> Iterator[str]:
    """Every docstring of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node, clean=True) or ""


def messages_of(tree: ast.Module) -> Iterator[str]:
    """Every text of a module that has words in it, without the docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings and " " in str(node.value):
            yield str(node.value)


def too_long(found: list[str]) -> list[str]:
    """What is wrong with the length of these sentences."""
    wrong = [f"{words(sentence)} words: {sentence}" for sentence in found if words(sentence) > LONGEST_SENTENCE]
    above = [sentence for sentence in found if words(sentence) > USUAL_SENTENCE]
    if len(above) > max(1, SHARE_ABOVE_USUAL * len(found)):
        wrong += [f"more than {SHARE_ABOVE_USUAL:.0%} of sentences over {USUAL_SENTENCE} words: {s}" for s in above]
    return wrong


def habits(texts: list[str]) -> list[str]:
    """The habits found in these texts, each with the advice."""
    return [
        f"{advice}: {text[:160]}" for text in texts for habit, advice in HABITS.items() if re.search(habit, plain(text))
    ]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
class TestPages:
    def test_sentences_are_short(self, page: Path):
        found = [sentence for _, line in prose_lines(page) for sentence in sentences(line)]
        cells = [sentence for cell in table_cells(page) for sentence in sentences(cell)]
        assert too_long(found) + too_long(cells) == []

    def test_habits_are_absent(self, page: Path):
        assert habits([*(line for _, line in prose_lines(page)), *table_cells(page)]) == []

    def test_one_sentence_a_line(self, page: Path):
        crowded = [f"{number}: {line}" for number, line in prose_lines(page) if len(list(sentences(line))) > 1]
        broken = [f"{number}: {line}" for number, line in prose_lines(page) if not re.search(r"[.!?:][\"')*_]*$", line)]
        assert crowded + broken == []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
class TestModules:
    def test_sentences_are_short(self, module: Path):
        source = module.read_text(encoding="utf-8")
        tree = ast.parse(source)
        paragraphs = [p for docstring in docstrings_of(tree) for p in paragraphs_of(docstring)]
        assert too_long([s for p in [*paragraphs, *comments_of(source)] for s in sentences(p)]) == []

    def test_habits_are_absent(self, module: Path):
        source = module.read_text(encoding="utf-8")
        tree = ast.parse(source)
        paragraphs = [p for docstring in docstrings_of(tree) for p in paragraphs_of(docstring)]
        found = [s for p in [*paragraphs, *comments_of(source), *messages_of(tree)] for s in sentences(p)]
        assert habits(found) == []

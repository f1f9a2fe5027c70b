"""T-SQL text into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from .seam import SqlError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<string>[Nn]?'(?:[^']|'')*')
  | (?P<bracket>\[(?:[^\]]|\]\])*\])
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<binary>0[xX][0-9a-fA-F]*)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d*)?)
  | (?P<variable>@@?[\w#$@]+)
  | (?P<word>[^\W\d][\w#$@]*|\#+\w+|\$action|\$\w+)
  | (?P<operator><>|<=|>=|!=|!<|!>|::|\+=|-=|\*=|[-+*/%=<>(),.;~&|^])
    """,
    re.VERBOSE,
)


@dataclass(slots=True)
class Token:
    """`kind`: word (an identifier or a keyword), name (a quoted identifier), string, nstring, binary, integer,
    decimal, float, variable, operator, end. `value` is what it means; `start` and `end` where it stands. `upper`: a
    word in capitals, nothing for another kind."""

    kind: str
    value: object
    start: int
    end: int
    line: int
    upper: str = ""


def _number(text: str) -> tuple[str, object]:
    if "e" in text.lower():
        if text[-1] in "eE+-":
            text += "0"
        return "float", float(text)
    if "." in text:
        return "decimal", Decimal(text)
    return "integer", int(text)


def _one(kind: str, text: str) -> tuple[str, object]:
    if kind == "string":
        if text[0] in "Nn":
            return "nstring", text[2:-1].replace("''", "'")
        return "string", text[1:-1].replace("''", "'")
    if kind == "bracket":
        return "name", text[1:-1].replace("]]", "]")
    if kind == "quoted":
        return "name", text[1:-1].replace('""', '"')
    if kind == "binary":
        digits = text[2:]
        return "binary", bytes.fromhex("0" * (len(digits) % 2) + digits)
    if kind == "number":
        return _number(text)
    return kind, text


def _end_of_comment(sql: str, at: int) -> int:
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(sql, at):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    raise SqlError(113, "Missing end comment mark '*/'.", severity=15)


def tokens_of(sql: str) -> list[Token]:
    """All tokens of a batch, the last of kind end. Raises SqlError 102 or 105."""
    tokens: list[Token] = []
    at, line = 0, 1
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:
            if sql[at] in "'\"[" or sql[at : at + 2].upper() == "N'":
                raise SqlError(105, f"Unclosed quotation mark after the character string '{sql[at + 1:][:128]}'.",
                               severity=15, line=line)
            raise SqlError(102, f"Incorrect syntax near '{sql[at]}'.", severity=15, line=line)
        kind, end = str(match.lastgroup), match.end()
        if kind == "comment":
            end = _end_of_comment(sql, at)
        elif kind != "space":
            kind, value = _one(kind, match.group())
            tokens.append(Token(kind, value, at, end, line, str(value).upper() if kind == "word" else ""))
        line += sql.count("\n", at, end)
        at = end
    tokens.append(Token("end", "", at, at, line))
    return tokens

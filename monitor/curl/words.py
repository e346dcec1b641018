"""The words of one command, as bash would make them; nothing is expanded and nothing is run. Pure.

Quotes ('…', "…", $'…'), backslashes and line continuations are understood. What a shell would act on, a
variable, a pipe, a substitution, is refused with its place: its value is not known here.
"""

import re

# https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html
_ESCAPE = re.compile(
    r"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})|u(?P<short>[0-9A-Fa-f]{1,4})"
    r"|U(?P<long>[0-9A-Fa-f]{1,8})|(?P<letter>.))",
    re.DOTALL,
)
_LETTERS = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_EXPANSION = re.compile(r"\$[A-Za-z0-9_{(@*#?$!-]|`")
_OPERATORS = {
    "|": "a pipe", "&": "an operator", ";": "a second command", "<": "a file", ">": "a file",
    "(": "a subshell", ")": "a subshell",
}  # fmt: skip


class NotUnderstood(Exception):
    """The command cannot be read; the message says what and where, and repeats no value."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def words(self) -> list[str]:
        found: list[str] = []
        while self.skip_space():
            found.append(self.word())
        return found

    def skip_space(self) -> bool:
        """Go to the next word. False at the end of the command; more lines after it are refused."""
        while self.at < len(self.text):
            if self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] in " \t":
                self.at += 1
            elif self.text[self.at] == "\n":
                if self.text[self.at :].strip():
                    raise self.refusal("a second command. A line that goes on ends with a backslash")
                return False
            else:
                return True
        return False

    def word(self) -> str:
        parts: list[str] = []
        while self.at < len(self.text) and self.text[self.at] not in " \t\n":
            parts.append(self.piece())
        return "".join(parts)

    def piece(self) -> str:
        """The next part of a word: what is quoted, what is escaped, or one character."""
        character = self.text[self.at]
        if character == "'":
            return self.until_quote()
        if character == '"':
            return self.double_quoted()
        if self.text.startswith("$'", self.at):
            return self.ansi_quoted()
        if character == "\\":
            self.at += 2
            escaped = self.text[self.at - 1 : self.at]
            return "" if escaped == "\n" else escaped
        if character in _OPERATORS:
            raise self.refusal(f"{_OPERATORS[character]} ({character}). Put what holds it in quotes")
        self.check_expansion()
        self.at += 1
        return character

    def until_quote(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise self.refusal("a quote (') that is not closed")
        inner = self.text[self.at + 1 : end]
        self.at = end + 1
        return inner

    def double_quoted(self) -> str:
        start = self.at
        parts: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return "".join(parts)
            if character == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\", "\n"):
                self.at += 1
                character = "" if self.text[self.at] == "\n" else self.text[self.at]
            else:
                self.check_expansion()
            parts.append(character)
            self.at += 1
        self.at = start
        raise self.refusal('a quote (") that is not closed')

    def ansi_quoted(self) -> str:
        match = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self.text, self.at)
        if match is None:
            raise self.refusal("a quote ($') that is not closed")
        inner = b"".join(
            piece if isinstance(piece, bytes) else piece.encode(errors="surrogatepass")
            for piece in _unescaped(match[1])
        )
        try:
            unescaped = inner.decode()
        except UnicodeDecodeError:
            raise self.refusal("bytes that are no text in UTF-8") from None
        self.at = match.end()
        return unescaped

    def check_expansion(self) -> None:
        if _EXPANSION.match(self.text, self.at):
            raise self.refusal("a variable or a substitution. Put its value in its place")

    def refusal(self, what: str) -> NotUnderstood:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - (self.text.rfind("\n", 0, self.at) + 1) + 1
        return NotUnderstood(f"Line {line}, column {column} has {what}.")


def _unescaped(inner: str) -> list[str | bytes]:
    """Texts and, for escapes that name bytes, bytes."""
    pieces: list[str | bytes] = []
    at = 0
    for match in _ESCAPE.finditer(inner):
        pieces.append(inner[at : match.start()])
        at = match.end()
        if match["octal"] or match["hex"]:
            pieces.append(bytes([int(match["octal"] or match["hex"], 8 if match["octal"] else 16) & 0xFF]))
        elif match["short"] or match["long"]:
            number = int(match["short"] or match["long"], 16)
            pieces.append(chr(number) if number <= 0x10FFFF else "\ufffd")
        else:
            pieces.append(_LETTERS.get(match["letter"], match[0]))
    return [*pieces, inner[at:]]


def words_of(command: str) -> list[str]:
    """The words. Raises NotUnderstood."""
    return _Reader(command).words()

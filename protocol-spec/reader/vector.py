"""A vector file: comments, then lines `key: value` (vectors/README.md, Format)."""

import re


class BadVector(Exception):
    """The file is not in the vectors' format."""


class Vector:
    """One file. A procedure takes its inputs by name; what it has not taken are the outputs that it must come to."""

    def __init__(self, text):
        lines = text.split("\n")
        if lines.pop() != "" or not lines or not lines[0].startswith("# "):
            raise BadVector("no comment at the beginning, or no line end at the end")
        pairs = [self.pair(line) for line in lines if not line.startswith("#")]
        if [key for key, _ in pairs[:3]] != ["rule", "what", "expect"]:
            raise BadVector("does not begin with rule, what, expect")
        (_, self.rule), (_, self.what), (_, expect) = pairs[:3]
        self.lines = pairs[3:]
        verdict, _, self.word = expect.partition(" ")
        if verdict not in ("accepted", "refused") or (verdict == "refused") != bool(self.word):
            raise BadVector(f"expect: {expect}")

    @staticmethod
    def pair(line):
        match = re.fullmatch(r"([a-z0-9_]+): (.*)", line)
        if not match:
            raise BadVector(line)
        return match[1], match[2]

    def take(self, key):
        """All values of a key, in order."""
        values = [value for name, value in self.lines if name == key]
        self.lines = [(name, value) for name, value in self.lines if name != key]
        return values

    def text(self, key):
        values = self.take(key)
        if len(values) != 1:
            raise BadVector(f"{len(values)} lines of {key}")
        return values[0]

    def optional_text(self, key):
        return self.text(key) if any(name == key for name, _ in self.lines) else None

    def number(self, key):
        value = self.text(key)
        if not re.fullmatch("0|[1-9][0-9]*", value):
            raise BadVector(f"not a number: {value[:40]}")
        return int(value)

    def optional_number(self, key):
        return self.number(key) if any(name == key for name, _ in self.lines) else None

    def bytes(self, key):
        return unhex(self.text(key))

    def optional_bytes(self, key):
        value = self.optional_text(key)
        return None if value is None else unhex(value)

    def bytes_list(self, key):
        return [unhex(value) for value in self.take(key)]


def unhex(value):
    """Bytes of lower-case hexadecimal; `-` where they are empty."""
    if value == "-":
        return b""
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", value):
        raise BadVector(f"not hexadecimal: {value[:40]}")
    return bytes.fromhex(value)


def written(value):
    """A value as it stands in an output line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, bytes):
        return value.hex() or "-"
    return str(value)


def lines(**outputs):
    """Output lines of names and values; a list stands as one line an item."""
    result = []
    for key, value in outputs.items():
        for item in value if isinstance(value, list) else [value]:
            result.append((key, written(item)))
    return result

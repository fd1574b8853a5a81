"""Encoding of values: chapter 02, section 1 (the presentation language of RFC 8446, section 3, with fixed choices).

A type is an object with `read(reader)` and `write(value)`. `decode` reads one value strictly: limits before bytes
[WIRE-03], nothing left over, and one encoding of each value [WIRE-02].
"""


class Refused(Exception):
    """What is read breaks a rule; `word` says which, from the closed list of the vectors' README."""

    def __init__(self, word, detail=""):
        super().__init__(f"{word}: {detail}" if detail else word)
        self.word = word


def require(condition, word, detail=""):
    """Refuse with `word` unless the condition holds."""
    if not condition:
        raise Refused(word, detail)


class Reader:
    """Bytes that are taken from the front."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        require(count <= len(self.data) - self.at, "cut_short", f"{count} bytes wanted at {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def integer(self, width):
        return int.from_bytes(self.take(width), "big")

    def left(self):
        return len(self.data) - self.at


def length_width(limit):
    """Bytes of a length: the fewest that can hold the limit [WIRE-01]."""
    return max(1, (limit.bit_length() + 7) // 8)


class Uint:
    """`uint8` to `uint64`, big-endian."""

    def __init__(self, width):
        self.width = width

    def read(self, reader):
        return reader.integer(self.width)

    def write(self, value):
        return value.to_bytes(self.width, "big")


class Version(Uint):
    """A version field: this protocol version alone (chapter 00, section 5)."""

    def __init__(self, width, word="invalid"):
        super().__init__(width)
        self.word = word

    def read(self, reader):
        value = reader.integer(self.width)
        require(value == 1, self.word, f"version {value}")
        return value


class Enum(Uint):
    """A number of a closed list [WIRE-04]."""

    def __init__(self, width, **names):
        super().__init__(width)
        self.names = {number: name for name, number in names.items()}

    def read(self, reader):
        value = reader.integer(self.width)
        require(value in self.names, "unknown_kind", str(value))
        return value


class Bool:
    """`uint8`, 0 or 1."""

    def read(self, reader):
        value = reader.integer(1)
        require(value in (0, 1), "invalid", f"bool {value}")
        return value == 1

    def write(self, value):
        return b"\x01" if value else b"\x00"


class Fixed:
    """`opaque x[N]`."""

    def __init__(self, size):
        self.size = size

    def read(self, reader):
        return reader.take(self.size)

    def write(self, value):
        assert len(value) == self.size
        return value


class Opaque:
    """`opaque x<least..most>`: a length, then the bytes."""

    def __init__(self, most, least=0):
        self.most = most
        self.least = least

    def read(self, reader):
        length = reader.integer(length_width(self.most))
        require(length <= self.most, "too_long", f"length {length} above {self.most}")
        value = reader.take(length)
        require(length >= self.least, "invalid", f"length {length} below {self.least}")
        return value

    def write(self, value):
        return len(value).to_bytes(length_width(self.most), "big") + value


class Text(Opaque):
    """`Text<MAX>`: valid UTF-8, and where a rule is given (chapter 03, section 2), text that keeps it [ID-02]."""

    def __init__(self, most, rule=lambda text: True):
        super().__init__(most)
        self.rule = rule

    def read(self, reader):
        value = super().read(reader)
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("invalid", "not UTF-8") from None
        require(self.rule(text), "invalid", repr(text))
        return text

    def write(self, value):
        return super().write(value.encode("utf-8"))


class List:
    """`T x[n]<MAX>`: `uint16 n`, then n items."""

    def __init__(self, item, most, least=0):
        self.item = item
        self.most = most
        self.least = least

    def read(self, reader):
        count = reader.integer(2)
        require(count <= self.most, "too_long", f"{count} items, at most {self.most}")
        require(count >= self.least, "invalid", f"{count} items, at least {self.least}")
        return [self.item.read(reader) for _ in range(count)]

    def write(self, value):
        return len(value).to_bytes(2, "big") + b"".join(self.item.write(item) for item in value)


class Optional:
    """`optional<T>`: 0; or 1 and then T."""

    def __init__(self, item):
        self.item = item

    def read(self, reader):
        mark = reader.integer(1)
        require(mark in (0, 1), "invalid", f"optional {mark}")
        return self.item.read(reader) if mark else None

    def write(self, value):
        return b"\x00" if value is None else b"\x01" + self.item.write(value)


class Struct:
    """Fields one after the other; a value is a dictionary of them."""

    def __init__(self, **fields):
        self.fields = fields

    def read(self, reader):
        return {name: kind.read(reader) for name, kind in self.fields.items()}

    def write(self, value):
        return b"".join(kind.write(value[name]) for name, kind in self.fields.items())


class Select:
    """`select`: a number, then the one value of that kind; a value is a pair (name, value)."""

    def __init__(self, cases, width=1):
        self.cases = cases
        self.width = width
        self.numbers = {name: number for number, (name, _) in cases.items()}

    def read(self, reader):
        number = reader.integer(self.width)
        require(number in self.cases, "unknown_kind", str(number))
        name, kind = self.cases[number]
        return name, kind.read(reader)

    def write(self, value):
        name, inner = value
        number = self.numbers[name]
        return number.to_bytes(self.width, "big") + self.cases[number][1].write(inner)


def decode(kind, data):
    """The one value whose encoding is `data`."""
    reader = Reader(data)
    value = kind.read(reader)
    require(reader.left() == 0, "left_over", f"{reader.left()} bytes left over")
    require(kind.write(value) == data, "invalid", "encodes otherwise")
    return value


U8, U16, U32, U64 = Uint(1), Uint(2), Uint(4), Uint(8)
TIME = U64
BOOL = Bool()
B16, B32, B64 = Fixed(16), Fixed(32), Fixed(64)
NOTHING = Struct()

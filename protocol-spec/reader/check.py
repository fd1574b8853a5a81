"""Reads the test vectors of protocol-spec/vectors and judges each from the specification alone.

    python3 protocol-spec/reader/check.py              all vectors
    python3 protocol-spec/reader/check.py FILE...      these
    python3 protocol-spec/reader/check.py --self-test  what the reader implements itself, against public known answers

One line for each vector that fails, and a summary for each folder; exit status 1 where one fails. Needs Python 3.11 and the
package `cryptography`; opens no connection.
"""

import sys
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True  # the folder stays as it is

import procedures_conversation
import procedures_delivery
import procedures_document
import procedures_identity
import procedures_link
import procedures_primitives
import procedures_wire
import self_test
from encoding import Refused
from vector import BadVector, Vector

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
PROCEDURES = {
    "primitives": procedures_primitives.PROCEDURES,
    "identity": procedures_identity.PROCEDURES,
    "wire": procedures_wire.PROCEDURES,
    "link": procedures_link.PROCEDURES,
    "conversation": procedures_conversation.PROCEDURES,
    "document": procedures_document.PROCEDURES,
    "delivery": procedures_delivery.PROCEDURES,
}


def shown(pairs):
    return "; ".join(f"{key}: {value}" for key, value in pairs)[:400]


def failure(path):
    """Why a vector fails, or nothing where the reader comes to what it expects."""
    try:
        vector = Vector(path.read_text(encoding="utf-8"))
        procedure = PROCEDURES.get(path.parent.name, {}).get(vector.what)
        if procedure is None:
            return f"unknown what: {vector.what}"
        outputs = procedure(vector)
    except BadVector as bad:
        return f"not in the vectors' format: {bad}"
    except Refused as refused:
        if vector.word == refused.word:
            return None
        return f"expected {vector.word or 'accepted'}, is refused: {refused}"
    if vector.word:
        return f"expected {vector.word}, is accepted"
    if outputs != vector.lines:
        wrong = [pair for pair in outputs if pair not in vector.lines], [pair for pair in vector.lines if pair not in outputs]
        return f"comes to [{shown(wrong[0])}] instead of [{shown(wrong[1])}]" if any(wrong) else "outputs in another order"
    return None


def check(paths):
    """Check these files; gives whether all are as they must be."""
    verified, failed = Counter(), Counter()
    for path in paths:
        reason = failure(path)
        (failed if reason else verified)[path.parent.name] += 1
        if reason:
            print(f"FAIL {path.parent.name}/{path.name}: {reason}")
    for folder in sorted({*verified, *failed}):
        print(f"{folder}: {verified[folder]} verified, {failed[folder]} failed")
    return not failed and bool(verified)


def main(arguments):
    if arguments == ["--self-test"]:
        self_test.run()
        return 0
    paths = [Path(argument).resolve() for argument in arguments] or sorted(VECTORS.glob("*/*.txt"))
    return 0 if check(paths) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The vectors of chapter 02."""

from encoding import List, Optional, Select, Struct, decode, require
from vector import lines, written
from wire import (ENTRY, FROM_RELAY, MESSAGE, TO_RELAY, check_add_again, check_commit_receipt, entry_seal, entry_seal_key,
                  roster_change, running_hashes)


# What a line is called where it is not the chapter's name: a list stands in the singular, `kind` is the message's own.
LINE_NAMES = {
    "kind": "unit_kind", "item": "direct", "joiners": "joiner", "cursors": "cursor", "devices": "device", "logs": "log",
    "revocations": "revocation", "entries": "entry", "packages": "package", "chains": "chain",
    "device_chain": "chain", "enrolment": "chain", "officer_chain": "chain",
}


def item_text(kind, value):
    """An item of a list: its parts in order; a list inside it as the number of its items."""
    if isinstance(kind, Struct):
        return " ".join(item_text(part, value[name]) for name, part in kind.fields.items())
    if isinstance(kind, Select):
        name, inner = value
        number = kind.numbers[name]
        return " ".join(filter(None, [str(number), item_text(kind.cases[number][1], inner)]))
    if isinstance(kind, Optional) and value is not None:
        return item_text(kind.item, value)
    if isinstance(kind, List):
        return str(len(value))
    return written(value.encode() if isinstance(value, str) else value)


def field_lines(kind, value):
    """The fields of a structure, each as a line."""
    result = []
    for name, part in kind.fields.items():
        inner, line = value[name], LINE_NAMES.get(name, name)
        if isinstance(part, List):
            result += [(line, item_text(part.item, item)) for item in inner]
        elif isinstance(part, Select):
            case, content = inner
            result.append((name, str(part.numbers[case])))
            chosen = part.cases[part.numbers[case]][1]
            if not isinstance(chosen, Struct):
                chosen, content = Struct(**{case: chosen}), {case: content}
            result += field_lines(chosen, content)
        else:
            result.append((line, item_text(part, inner)))
    return result


def message_lines(kind, vector):
    data = vector.bytes("message")
    require(len(data) <= MESSAGE, "too_long")
    name, value = decode(kind, data)
    number = kind.numbers[name]
    return [("kind", str(number)), *field_lines(kind.cases[number][1], value)]


def to_relay(vector):
    return message_lines(TO_RELAY, vector)


def from_relay(vector):
    return message_lines(FROM_RELAY, vector)


def commit_receipt(vector):
    body, receipt_id = check_commit_receipt(vector.bytes("relay_key"), vector.bytes("receipt"))
    return lines(**body, id=receipt_id)


def add_again(vector):
    asked = check_add_again(vector.bytes("device_key"), vector.bytes("add_again"))
    return lines(conversation=asked["conversation"], device=asked["device"], at=asked["at"])


def running(vector):
    return lines(running=running_hashes(vector.bytes_list("entry"))[-1])


def roster(vector):
    return lines(digest=roster_change(vector.bytes_list("added"), vector.bytes_list("removed")))


def seal(vector):
    key, conversation, data = vector.bytes("key"), vector.bytes("conversation"), vector.bytes("entry")
    entry = decode(ENTRY, data)
    require(entry_seal(key, conversation, entry, vector.bytes("running")) == entry["seal"], "does_not_open")
    return []


def seal_key(vector):
    return lines(key=entry_seal_key(vector.bytes("relay_signing")))


PROCEDURES = {
    "to_relay": to_relay, "from_relay": from_relay, "commit_receipt": commit_receipt, "add_again": add_again,
    "running_hash": running, "roster_change": roster, "entry_seal": seal, "entry_seal_key": seal_key,
}

"""What conversations are made of, above MLS: chapter 05, sections 2 to 5 and 7."""

from encoding import (B16, B32, B64, TIME, U16, U32, U64, Enum, List, Opaque, Refused, Struct, Text, Version, decode, require)
from primitives import TOLERANCE, H, signature_verifies, time_add
from statements import SUITE, TIER
from texts import DOMAIN, HANDLE
from wire import ADD_AGAIN, ROSTER, ADDS

# Sections 2 and 3.

LEAF_IDENTITY = Struct(version=Version(1), domain=DOMAIN, handle=HANDLE, device=B32)
CONVERSATION_KIND = Enum(1, direct=1, group=2)
GROUP_FACTS = Struct(version=Version(1, "newer"), conversation=B16, kind=CONVERSATION_KIND, tier=TIER, policy_version=U32,
                     relay=B32, suite=U16)
ADDRESS = Struct(domain=DOMAIN, handle=HANDLE)
ROLES = Struct(version=Version(1, "unknown_kind"), founder=ADDRESS, moderators=List(ADDRESS, 64))

# Sections 4 and 5.

VALIDITY = Struct(version=Version(1, "unknown_kind"), device=B32, made_at=TIME, not_after=TIME)
LEAVE_PROOF = Struct(device=B32, signature=B64)
COMMIT_FACTS = Struct(version=Version(1, "unknown_kind"), committed_at=TIME, status_number=U64, **ROSTER,
                      leaves=List(LEAVE_PROOF, 64), again=List(ADD_AGAIN, ADDS))

# Section 7.

CONTENT = Struct(version=Version(1, "newer"), seed=B16, counter=U64, previous=B32, lasting=U64, sent_at=TIME, content_type=U16,
                 body=Opaque(131_072))
FRAME = Struct(fixed=CONTENT, position=U64, running=B32)

RECEIPT, EXPIRING = 3, 9
DAY = 86_400_000
EXPIRABLE = (1, 2, 5, 10, 16)
RECEIPT_LINES = Struct(lines=List(Struct(device=B32, begins=U64, delivered=U64, read=U64), 1024))
BODIES = {
    RECEIPT: RECEIPT_LINES,
    5: Struct(to=B16, text=Text(65_536)),
    6: Struct(to=B16, text=Text(32)),
    7: Struct(of=B16, text=Text(65_536)),
    8: Struct(of=B16),
    EXPIRING: Struct(seconds=U32, content_type=U16, body=Opaque(131_072)),
    11: Struct(of=B16, version=B16),
    14: Struct(signature=B64),
}
PLAIN_TEXTS = {1: 65_536, 4: 256, 10: 65_536}


def ascending(keys):
    return all(before < after for before, after in zip(keys, keys[1:]))


def check_leaf_identity(data, device, signature_key, tier):
    """Section 2: whether a leaf is the verified device, cleared for the tier [CONV-04, CONV-05]; gives its fields."""
    try:
        identity = decode(LEAF_IDENTITY, data)
    except Refused as refused:
        raise Refused("credential", str(refused)) from None
    require(identity["device"] == device.device, "other_device")
    require(written(identity) == device.address, "other_address")
    require(signature_key == device.keys["signing"], "other_key")
    require(device.clearance >= tier, "clearance_too_low")
    return identity


def written(person):
    """An address as text."""
    return f"{person['handle']}@{person['domain']}"


def check_facts(data):
    """Section 3 [CONV-10]."""
    facts = decode(GROUP_FACTS, data)
    require(facts["policy_version"] == 0 and facts["suite"] == SUITE, "newer", "policy or suite")
    return facts


def check_validity(data, device, last_resort, at):
    """Section 4: a KeyPackage's extension, at the time of its use [CONV-20, CONV-21]."""
    validity = decode(VALIDITY, data)
    require(validity["device"] == device, "other_device")
    longest = (90 if last_resort else 30) * DAY
    require(validity["not_after"] <= time_add(validity["made_at"], longest), "too_lasting")
    require(validity["made_at"] <= time_add(at, TOLERANCE), "not_yet_valid")
    require(at <= validity["not_after"], "expired")
    return validity


def check_roles(data):
    """Section 3 [CONV-46]."""
    roles = decode(ROLES, data)
    order = [(person["handle"].encode(), person["domain"].encode()) for person in roles["moderators"]]
    require(ascending(order), "invalid", "order of moderators")
    require(roles["founder"] not in roles["moderators"], "invalid", "the founder among the moderators")
    return roles


def check_commit_facts(data):
    """Section 5 [CONV-15]: canonical, all lists ascending by device."""
    facts = decode(COMMIT_FACTS, data)
    for devices in (facts["roster_add"], facts["roster_remove"],
                    [proof["device"] for proof in facts["leaves"]], [asked["device"] for asked in facts["again"]]):
        require(ascending(devices), "invalid", "order of devices")
    return facts


def check_body(content_type, body):
    """The body of a content of a known type; gives its fields, or nothing where the type is not known."""
    if content_type in PLAIN_TEXTS:
        require(len(body) <= PLAIN_TEXTS[content_type], "too_long", "text")
        return {"text": decode(WholeText(), body)}
    if content_type not in BODIES:
        return None
    fields = decode(BODIES[content_type], body)
    if content_type == RECEIPT:
        require(ascending([line["device"] for line in fields["lines"]]), "invalid", "order of a receipt's lines")
        require(all(line["read"] <= line["delivered"] for line in fields["lines"]), "invalid", "read and not delivered")
    return fields


def check_expiring(body):
    """A content that goes so long after it was sent [CONV-60]; gives its fields and those of the body in it."""
    try:
        fields = decode(BODIES[EXPIRING], body)
    except Refused as refused:
        raise Refused("invalid", str(refused)) from None
    require(fields["seconds"] >= 1 and fields["content_type"] in EXPIRABLE, "invalid", "what expires")
    return fields, check_body(fields["content_type"], fields["body"])


class WholeText:
    """UTF-8 without a length, to the end."""

    def read(self, reader):
        try:
            return reader.take(reader.left()).decode("utf-8")
        except UnicodeDecodeError:
            require(False, "invalid", "not UTF-8")

    def write(self, value):
        return value.encode("utf-8")


def check_frame(data):
    """Section 7 [CONV-30]; gives the frame and the hash that the next content names."""
    frame = decode(FRAME, data)
    fixed = frame["fixed"]
    require(fixed["counter"] >= 1 and fixed["lasting"] < fixed["counter"], "invalid", "counters")
    return frame, H("content frame", CONTENT.write(fixed))


def check_leave(device_key, conversation, leaf, signature):
    """Section 3 [CONV-48]: a member asks to be removed; gives the hash of its leaf."""
    leaf_hash = H("leaf", leaf)
    require(signature_verifies(device_key, "leave", conversation + leaf_hash, signature), "bad_signature")
    return leaf_hash

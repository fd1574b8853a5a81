"""Messages of a link, as bytes: chapter 02."""

from blake3 import blake3_keyed
from encoding import (B16, B32, B64, BOOL, NOTHING, TIME, U16, U32, U64, Enum, List, Opaque, Optional, Select, Struct, Text,
                      decode, require)
from primitives import ZERO32, H, derive, signature_verifies

# Section 5.

MESSAGE, BODY, JOINER_PART, ADDS, REMOVES = 1_114_112, 1_048_576, 16_384, 50, 1_024
STATEMENT, CHAIN, KEY_PACKAGE, REVOCATION, KEY_PACKAGES = 16_384, 65_536, 16_384, 32_768, 100
DEVICES, CONVERSATIONS, ENTRIES, DIRECT_ITEMS, CHAINS = 64, 512, 1_024, 256, 64
QUERY, RECEIPT, REVOCATIONS = 128, 512, 256

# Section 3.

UNIT_KIND = Enum(1, message=1, commit=2, create=3)
RETENTION_CLASS = Enum(1, day=1, week=2, month=3, quarter=4, year=5)
ROSTER = {"roster_add": List(B32, ADDS), "roster_remove": List(B32, REMOVES)}
JOINERS = List(Struct(device=B32, group_secrets=Opaque(JOINER_PART)), ADDS)

UNIT = Struct(id=B16, conversation=B16, kind=UNIT_KIND, **{"class": RETENTION_CLASS}, seen_commit=U64, accepted_commit=U64,
              body=Opaque(BODY), **ROSTER, group_info=Opaque(BODY), joiners=JOINERS)
ENTRY = Struct(position=U64, kind=UNIT_KIND, stamp=TIME, sender=B32, unit=B16, seen_commit=U64, accepted_commit=U64,
               body=Opaque(BODY), gone=Optional(B32), receipt=Opaque(RECEIPT), **{"class": RETENTION_CLASS}, seal=B32)
HELD_ENTRY = Struct(entry=ENTRY, **ROSTER)
RESUPPLY = Struct(conversation=B16, after=U64, running=B32, entries=List(HELD_ENTRY, ENTRIES))
WELCOMES = Struct(conversation=B16, position=U64, group_info=Opaque(BODY), joiners=JOINERS)
RECEIPT_BODY = Struct(conversation=B16, position=U64, commit=B32, stamp=TIME, roster=B32, status_number=U64, previous=B32)
COMMIT_RECEIPT = Struct(body=RECEIPT_BODY, signature=B64)

# Section 2.

ADD_AGAIN_SIGNED = Struct(conversation=B16, device=B32, at=TIME)
ADD_AGAIN = Struct(**ADD_AGAIN_SIGNED.fields, signature=B64)
STATUS_UPDATE = Struct(signed_status=Opaque(CHAIN), first=U32, revocations=List(Opaque(REVOCATION), REVOCATIONS))
REQUEST = Select({
    1: ("ping", NOTHING),
    2: ("news", Struct(after=Optional(B16))),
    3: ("append", UNIT),
    4: ("read", Struct(conversation=B16, after=U64, max_entries=U16)),
    5: ("advance", Struct(cursors=List(Struct(conversation=B16, position=U64), CONVERSATIONS), direct=U64)),
    6: ("put_key_packages", Struct(one_time=List(Opaque(KEY_PACKAGE), KEY_PACKAGES), last_resort=Optional(Opaque(KEY_PACKAGE)))),
    7: ("claim_key_packages", Struct(devices=List(B32, ADDS))),
    8: ("people", Struct(query=Text(QUERY), after=Text(QUERY))),
    9: ("chains", Struct(devices=List(B32, DEVICES))),
    10: ("put_statement", STATUS_UPDATE),
    11: ("status", NOTHING),
    12: ("open_document", Struct(document=B16, conversation=B16, segments=U64, **{"class": RETENTION_CLASS})),
    13: ("put_segment", Struct(document=B16, index=U64, bytes=Opaque(BODY))),
    14: ("seal_document", Struct(document=B16)),
    15: ("get_segment", Struct(document=B16, index=U64)),
    16: ("decline", Struct(conversation=B16)),
    20: ("revocations", Struct(after=U32)),
    21: ("put_renewal", Struct(renewal=Opaque(CHAIN))),
    22: ("ask_again", ADD_AGAIN),
    25: ("put_approval", Struct(approval=Opaque(CHAIN))),
    26: ("own_devices", NOTHING),
    28: ("resupply", RESUPPLY),
    29: ("welcomes", WELCOMES),
    30: ("cursors", Struct(after=Optional(B16))),
    31: ("drop_key_packages", NOTHING),
    32: ("lapsed", Struct(after=Text(QUERY))),
})
# The hello's version is any number here: a relay answers another one than 1 with the refusal Version (chapter 07, section 2).
IDENTITY = Select({1: ("device_chain", Opaque(CHAIN)), 2: ("enrolment", Opaque(CHAIN)), 3: ("officer_chain", Opaque(CHAIN))})
TO_RELAY = Select({
    1: ("hello", Struct(version=U16, identity=IDENTITY)),
    2: ("request", Struct(number=U32, request=REQUEST)),
})

# Section 4.

REFUSAL = Enum(1, version=1, identity=2, expired=3, already_redeemed=4, revoked=5, not_allowed=6, unknown=7, exists=8, full=9,
               too_fast=10, malformed=11, failed=12, shutting_down=13, displaced=14, old_statement=16, not_approved=25,
               settling=28, officer_revoked=32)
LOG_STATE = Struct(conversation=B16, cursor=U64, head=U64, first_kept=U64)
DIRECT = Select({
    1: ("welcome", Struct(conversation=B16, position=U64, running=B32, sender=B32, receipt=Opaque(RECEIPT),
                          group_info=Opaque(BODY), group_secrets=Opaque(JOINER_PART))),
    2: ("last_resort_used", NOTHING),
    3: ("grant_reused", Struct(device=B32, at=TIME)),
    25: ("further_device", Struct(device=B32, approved=BOOL)),
})
DIRECT_ITEM = Struct(number=U64, body=DIRECT)
CHAIN_LIST = List(Opaque(CHAIN), CHAINS)
ANSWER = Select({
    1: ("done", NOTHING),
    2: ("refused", Struct(refusal=REFUSAL)),
    3: ("conflict", Struct(position=U64)),
    4: ("stale_epoch", Struct(position=U64)),
    5: ("appended", Struct(position=U64, stamp=TIME, running=B32, receipt=Opaque(RECEIPT), seal=B32)),
    6: ("news", Struct(logs=List(LOG_STATE, CONVERSATIONS), direct=List(DIRECT_ITEM, DIRECT_ITEMS), more_logs=Optional(B16),
                       more_direct=BOOL, key_packages=U16, last_resort_used=U32)),
    7: ("entries", Struct(entries=List(ENTRY, ENTRIES), running_before=B32, head=U64, first_kept=U64)),
    8: ("key_packages", Struct(packages=List(Struct(device=B32, key_package=Opaque(KEY_PACKAGE), last_resort=BOOL), ADDS))),
    9: ("chains", Struct(chains=CHAIN_LIST, more=BOOL)),
    10: ("status", Struct(signed_status=Opaque(CHAIN))),
    11: ("document", Struct(held=U64, sealed=BOOL)),
    12: ("segment", Struct(bytes=Opaque(BODY))),
    20: ("revocations", Struct(revocations=List(Opaque(REVOCATION), REVOCATIONS), more=BOOL)),
    25: ("devices", Struct(devices=List(Struct(chain=Opaque(CHAIN), pending=BOOL, seen=Optional(TIME)), CHAINS))),
    28: ("resupplied", Struct(head=U64)),
    30: ("cursors", Struct(logs=List(LOG_STATE, CONVERSATIONS), more=Optional(B16))),
    32: ("lapsed", Struct(chains=CHAIN_LIST, more=Optional(Text(QUERY)))),
})
FROM_RELAY = Select({
    1: ("ready", Struct(now=TIME, incarnation=B16, status=Opaque(CHAIN))),
    2: ("enrolled", Struct(receipt=Opaque(STATEMENT))),
    3: ("answer", Struct(number=U32, answer=ANSWER)),
    4: ("push", Struct(conversation=B16, entry=ENTRY)),
    5: ("push_direct", Struct(item=DIRECT_ITEM)),
    6: ("news_hint", NOTHING),
    7: ("push_status", Struct(signed_status=Opaque(CHAIN))),
    8: ("goodbye", Struct(refusal=REFUSAL)),
    9: ("push_again", ADD_AGAIN),
})


def check_commit_receipt(relay_key, data):
    """Section 3: the relay's signature over a commit's place; gives the body and its id."""
    receipt = decode(COMMIT_RECEIPT, data)
    body = RECEIPT_BODY.write(receipt["body"])
    require(signature_verifies(relay_key, "commit receipt", body, receipt["signature"]), "bad_signature")
    return receipt["body"], H("commit receipt id", body)


def check_add_again(device_key, data):
    """Section 2, request 22: signed by the device that asks; gives its fields."""
    asked = decode(ADD_AGAIN, data)
    signed = ADD_AGAIN_SIGNED.write(asked)
    require(signature_verifies(device_key, "add again", signed, asked["signature"]), "bad_signature")
    return asked


def running_hashes(entries):
    """R of a log at each position, from 0 on."""
    running = [ZERO32]
    for entry in (decode(ENTRY, data) for data in entries):
        ciphertext = entry["gone"] or H("ciphertext", entry["body"])
        running.append(H("running hash", running[-1], bytes([entry["kind"]]), ciphertext, entry["receipt"]))
    return running


def roster_change(added, removed):
    """`roster` of a receipt: one part, both lists ascending behind their number."""
    counted = (len(devices).to_bytes(8, "big") + b"".join(sorted(devices)) for devices in (added, removed))
    return H("roster change", b"".join(counted))


def entry_seal_key(relay_signing):
    return derive(relay_signing, b"", "entry seal")


def entry_seal(key, conversation, entry, running):
    """By it the relay knows an entry again."""
    order = ("position", "kind", "class", "stamp", "sender", "unit", "seen_commit", "accepted_commit")
    return blake3_keyed(key, conversation + b"".join(ENTRY.fields[name].write(entry[name]) for name in order) + running)

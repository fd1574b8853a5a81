"""The vectors of chapter 01."""

import re

from blake3 import blake3, blake3_keyed
from encoding import require
from primitives import (H, Refused, derive, noise_public, open_box, open_sealed, sealing_public, signature_verifies, signing_public,
                        xwing_decapsulate)
from statements import key_id
from vector import lines


def unlabelled(name):
    """A label without its common beginning [PRIM-01]."""
    require(name.startswith("amanat/1 "), "invalid", "a label that is none")
    return name.removeprefix("amanat/1 ")


def hash_of(vector):
    return lines(hash=H(unlabelled(vector.text("label")), *vector.bytes_list("part")))


def plain_hash(vector):
    return lines(hash=blake3(vector.bytes("message")))


def keyed_hash(vector):
    return lines(hash=blake3_keyed(vector.bytes("key"), vector.bytes("message")))


def signature(vector):
    key, name = vector.bytes("key"), unlabelled(vector.text("label"))
    require(signature_verifies(key, name, vector.bytes("message"), vector.bytes("signature")), "bad_signature")
    return []


def key_pair(vector):
    signing, noise = signing_public(vector.bytes("signing")), noise_public(vector.bytes("noise"))
    sealing = sealing_public(vector.bytes("sealing"))
    return lines(signing_public=signing, noise_public=noise, sealing_public=sealing, key_id=key_id(signing),
                 device_id=H("device id", signing, noise, sealing))


def sealed(vector):
    return lines(plain=open_sealed(vector.bytes("key"), vector.bytes("aad"), vector.bytes("sealed")))


def derived(vector):
    return lines(key=derive(vector.bytes("ikm"), vector.bytes("salt"), unlabelled(vector.text("label"))))


def encapsulated(vector):
    return lines(secret=xwing_decapsulate(vector.bytes("sealing"), vector.bytes("encapsulated")))


def passphrase_box(vector):
    return lines(plain=open_box(unlabelled(vector.text("label")), vector.text("passphrase"), vector.bytes("box")))


def id_text(vector):
    """Section 2 [PRIM-04]."""
    size, text = vector.number("bytes"), vector.text("text")
    if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
        raise Refused("not_an_id")
    return lines(id=bytes.fromhex(text))


def message_id(vector):
    """Section 2 [PRIM-20]."""
    return lines(id=H("message id", vector.bytes("conversation"), vector.bytes("sender"), vector.bytes("seed"))[:16])


def document_id(vector):
    return lines(id=H("document id", vector.bytes("conversation"), vector.bytes("sender"), vector.bytes("nonce"))[:16])


PROCEDURES = {
    "hash": hash_of, "plain_hash": plain_hash, "keyed_hash": keyed_hash, "signature": signature, "key_pair": key_pair,
    "sealed": sealed, "derived": derived, "encapsulated": encapsulated, "passphrase_box": passphrase_box, "id_text": id_text,
    "message_id": message_id, "document_id": document_id,
}

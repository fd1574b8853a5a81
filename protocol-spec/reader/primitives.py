"""Keys, hashes, signatures, seals and passphrases: chapter 01."""

import hashlib

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from blake3 import blake3, blake3_derive
from encoding import Fixed, Refused, Struct, U8, U32, decode, require

RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw
ZERO32 = bytes(32)


def label(name):
    """Section 1: every label begins with `amanat/1 ` [PRIM-01]."""
    return "amanat/1 " + name


def H(name, *parts):
    """Section 4: BLAKE3 in derive_key mode by label, over each part behind its length [PRIM-02]."""
    return blake3_derive(label(name), b"".join(len(part).to_bytes(8, "big") + part for part in parts))


# Section 5: signatures.

P25519 = 2**255 - 19
ORDER_EIGHT = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDER_Y = {0, 1, P25519 - 1, ORDER_EIGHT, P25519 - ORDER_EIGHT}


def is_small_order(point):
    """Whether an encoded Edwards point has an order of at most eight; its y alone tells."""
    return (int.from_bytes(point, "little") & (2**255 - 1)) % P25519 in SMALL_ORDER_Y


def signature_verifies(key, name, message, signature):
    """Strict Ed25519 over label, zero byte and message [PRIM-06, PRIM-07].

    The library refuses an `s` at or above the group's order, and compares its own encoding of R with the one that is
    given, so that no other form of R passes.
    """
    if len(key) != 32 or len(signature) != 64 or is_small_order(key) or is_small_order(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, label(name).encode() + b"\0" + message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signing_public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(*RAW)


# Section 6: key agreement.


def noise_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(*RAW)


def agree(secret, public):
    """X25519; an all-zero result is refused [LINK-10]."""
    try:
        return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Refused("does_not_open", "X25519 gives zero") from None


# Section 7: X-Wing (draft-connolly-cfrg-xwing-kem).

XWING_LABEL = rb"\.//^" + b"\\"


def xwing_expand(seed):
    """The ML-KEM-768 key and the X25519 secret of a seed."""
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), expanded[64:]


def sealing_public(seed):
    lattice, curve = xwing_expand(seed)
    return lattice.public_key().public_bytes_raw() + noise_public(curve)


def xwing_decapsulate(seed, encapsulated):
    """The 32-byte secret of a ciphertext of 1,120 bytes."""
    require(len(encapsulated) == 1120, "does_not_open", "length of an X-Wing ciphertext")
    lattice, curve = xwing_expand(seed)
    parts = lattice.decapsulate(encapsulated[:1088]) + agree(curve, encapsulated[1088:])
    return hashlib.sha3_256(parts + encapsulated[1088:] + noise_public(curve) + XWING_LABEL).digest()


# Section 8: authenticated encryption.


def hchacha20(key, nonce):
    """The subkey of XChaCha20 (draft-irtf-cfrg-xchacha, section 2.2)."""
    words = [int.from_bytes(block, "little") for data in (b"expand 32-byte k", key, nonce)
             for block in (data[at : at + 4] for at in range(0, len(data), 4))]
    quarters = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
    for _ in range(10):
        for a, b, c, d in quarters:
            for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                words[x] = (words[x] + words[y]) & 0xFFFFFFFF
                mixed = words[z] ^ words[x]
                words[z] = (mixed << turn | mixed >> 32 - turn) & 0xFFFFFFFF
    return b"".join(word.to_bytes(4, "little") for word in words[:4] + words[12:])


def chacha_open(key, nonce, aad, sealed):
    """ChaCha20-Poly1305 (RFC 8439)."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError):
        raise Refused("does_not_open") from None


def open_sealed(key, aad, sealed):
    """`Seal`: 24 bytes of nonce, then XChaCha20-Poly1305."""
    require(len(sealed) >= 40, "does_not_open", "shorter than nonce and tag")
    nonce = sealed[:24]
    return chacha_open(hchacha20(key, nonce[:16]), bytes(4) + nonce[16:], aad, sealed[24:])


def hkdf(ikm, salt, info):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(ikm)


def derive(ikm, salt, name):
    """Section 9 [PRIM-11]."""
    return hkdf(ikm, salt, label(name).encode())


# Section 10: time.

TOLERANCE = 600_000
TIME_MAX = 2**64 - 1


def time_add(time, span):
    """A sum of times stops at the ends of the range [PRIM-12]."""
    return max(0, min(TIME_MAX, time + span))


# Section 11: passphrases.

BOX_HEAD = Struct(magic=Fixed(8), version=U8, memory_kib=U32, passes=U32, lanes=U32, salt=Fixed(16))
BOX_HEAD_SIZE = 37


def open_box(name, passphrase, box):
    """The plain content of a PassphraseBox [PRIM-13, PRIM-14]."""
    require(len(box) >= BOX_HEAD_SIZE + 8 and blake3(box[:-8])[:8] == box[-8:], "damaged")
    head = decode(BOX_HEAD, box[:BOX_HEAD_SIZE])
    require(head["magic"] == b"amanatPB" and head["version"] == 1, "damaged")
    within = 262_144 <= head["memory_kib"] <= 1_048_576 and 1 <= head["passes"] <= 16 and 1 <= head["lanes"] <= 4
    require(within, "work")
    key = Argon2id(salt=head["salt"], length=32, iterations=head["passes"], lanes=head["lanes"],
                   memory_cost=head["memory_kib"]).derive(passphrase.encode())
    try:
        return open_sealed(key, label(name).encode() + b"\0" + box[:BOX_HEAD_SIZE], box[BOX_HEAD_SIZE:-8])
    except Refused:
        raise Refused("wrong_passphrase") from None

"""Noise (revision 34) with 25519, ChaChaPoly and BLAKE2s: handshake IK (chapter 04, section 3) and the one-way message
Xpsk1 (section 8)."""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from encoding import require
from primitives import agree, chacha_open, noise_public


def blake2s(data):
    return hashlib.blake2s(data).digest()


def noise_hkdf(chaining_key, material, count):
    """Noise, section 4.3."""
    secret = hmac.digest(chaining_key, material, "blake2s")
    outputs, last = [], b""
    for n in range(1, count + 1):
        last = hmac.digest(secret, last + bytes([n]), "blake2s")
        outputs.append(last)
    return outputs


class Cipher:
    """A CipherState: key and counter; the nonce is 4 zero bytes and the counter, little-endian."""

    def __init__(self, key):
        self.key = key
        self.counter = 0

    def nonce(self):
        self.counter += 1
        return bytes(4) + (self.counter - 1).to_bytes(8, "little")

    def seal(self, aad, plain):
        return ChaCha20Poly1305(self.key).encrypt(self.nonce(), plain, aad)

    def open(self, aad, sealed):
        return chacha_open(self.key, self.nonce(), aad, sealed)


class Handshake:
    """A HandshakeState. `keys` holds what this side has: secrets `s` and `e`, publics `rs` and `re`, and `psk`."""

    PATTERNS = {
        "IK": [["e", "es", "s", "ss"], ["e", "ee", "se"]],
        "Xpsk1": [["e", "es", "s", "ss", "psk"]],
    }

    def __init__(self, pattern, initiator, prologue, **keys):
        self.messages = [list(tokens) for tokens in self.PATTERNS[pattern]]
        self.initiator = initiator
        self.keys = keys
        name = f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2s".encode()
        self.hash = name.ljust(32, b"\0") if len(name) <= 32 else blake2s(name)
        self.chaining_key = self.hash
        self.cipher = None
        self.with_psk = "psk" in pattern
        self.mix_hash(prologue)
        self.mix_hash(keys["rs"] if initiator else noise_public(keys["s"]))

    def mix_hash(self, data):
        self.hash = blake2s(self.hash + data)

    def mix_key(self, material):
        self.chaining_key, key = noise_hkdf(self.chaining_key, material, 2)
        self.cipher = Cipher(key)

    def mix_psk(self):
        self.chaining_key, hashed, key = noise_hkdf(self.chaining_key, self.keys["psk"], 3)
        self.mix_hash(hashed)
        self.cipher = Cipher(key)

    def agreement(self, token):
        """`es`: the initiator's ephemeral key with the responder's static one, and so on."""
        mine, theirs = token if self.initiator else token[::-1]
        self.mix_key(agree(self.keys[mine], self.keys["r" + theirs]))

    def seal(self, plain):
        sealed = self.cipher.seal(self.hash, plain) if self.cipher else plain
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed):
        plain = self.cipher.open(self.hash, sealed) if self.cipher else sealed
        self.mix_hash(sealed)
        return plain

    def write(self, payload):
        message = b""
        for token in self.messages.pop(0):
            if token in ("e", "s"):
                public = noise_public(self.keys[token])
                if token == "s":
                    message += self.seal(public)
                    continue
                message += public
                self.mix_hash(public)
                if self.with_psk:
                    self.mix_key(public)
            elif token == "psk":
                self.mix_psk()
            else:
                self.agreement(token)
        return message + self.seal(payload)

    def read(self, message):
        for token in self.messages.pop(0):
            if token in ("e", "s"):
                size = 48 if token == "s" and self.cipher else 32
                require(len(message) >= size, "does_not_open", "handshake message is short")
                part, message = message[:size], message[size:]
                if token == "s":
                    self.keys["rs"] = self.open(part)
                    continue
                self.keys["re"] = part
                self.mix_hash(part)
                if self.with_psk:
                    self.mix_key(part)
            elif token == "psk":
                self.mix_psk()
            else:
                self.agreement(token)
        return self.open(message)

    def split(self):
        """Ciphers from the initiator and to it."""
        return [Cipher(key) for key in noise_hkdf(self.chaining_key, b"", 2)]

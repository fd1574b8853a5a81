"""Known answers of public standards for what this reader implements itself."""

from blake3 import blake3, blake3_derive, blake3_keyed
from encoding import Opaque, Refused, decode, length_width
from noise import Handshake
from primitives import hchacha20, is_small_order, noise_public, sealing_public, xwing_decapsulate

ELVISH = b"whats the Elvish word for friend"
CONTEXT = "BLAKE3 2019-12-27 16:29:52 test vectors context"

# BLAKE3's test_vectors.json: length of the input, then the first 32 bytes of hash, keyed_hash and derive_key.
BLAKE3_CASES = """
0 af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262 92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26 2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d
1 2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213 6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c
1023 10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11 c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e 74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5
1024 42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7 75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4 7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706
1025 d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444 357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69 effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb
2049 5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030 9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5 2ea477c5515cc3dd606512ee72bb3e0e758cfae7232826f35fb98ca1bcbdf273
3073 7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3 68dede9bef00ba89e43f31a6825f4cf433389fedae75c04ee9f0cf16a427c95a 72613c9ec9ff7e40f8f5c173784c532ad852e827dba2bf85b2ab4b76f7079081
"""

# Noise_IK_25519_ChaChaPoly_BLAKE2s of the vectors that come with noise-c.
IK_PROLOGUE = b"Prologue123"
IK_INITIATOR_STATIC = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1"
IK_INITIATOR_EPHEMERAL = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"
IK_RESPONDER_STATIC = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893"
IK_RESPONDER_EPHEMERAL = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"
IK_FIRST = (
    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79440b03ddc7aac5123d06a1b23b71670e32e76c28239a7ca4ac"
    "8f784de7e44c1adb78f2058771dfd4229fbdc85c5fba3b587b1d171ce368229c7b752ac25b8faf4e7b2fab7326f0d6fa1fdbef58de623245")
IK_SECOND = (
    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d9b5a8927f0ac9655ef76833bc7e55269c081ec38c61031f"
    "76fe15b2aaaad5")
IK_HASH = "45e34c56ca0de9c348e104edcf503035e5559ceed661ac22916f6f171696d994"
IK_TRANSPORT = "2c256ed08fcd08c2980f954ee4beaccb61c9581340f5dd2fd1cf3b"


def blake3_agrees():
    for case in BLAKE3_CASES.split("\n")[1:-1]:
        length, plain, keyed, derived = case.split()
        data = bytes(n % 251 for n in range(int(length)))
        assert blake3(data).hex() == plain
        assert blake3_keyed(ELVISH, data).hex() == keyed
        assert blake3_derive(CONTEXT, data).hex() == derived


def noise_agrees():
    secret = bytes.fromhex
    initiator = Handshake("IK", True, IK_PROLOGUE, s=secret(IK_INITIATOR_STATIC), e=secret(IK_INITIATOR_EPHEMERAL),
                          rs=noise_public(secret(IK_RESPONDER_STATIC)))
    responder = Handshake("IK", False, IK_PROLOGUE, s=secret(IK_RESPONDER_STATIC), e=secret(IK_RESPONDER_EPHEMERAL))
    first = initiator.write(b"Ludwig von Mises")
    assert first.hex() == IK_FIRST
    assert responder.read(first) == b"Ludwig von Mises"
    second = responder.write(b"Murray Rothbard")
    assert second.hex() == IK_SECOND
    assert initiator.read(second) == b"Murray Rothbard"
    assert initiator.hash == responder.hash == secret(IK_HASH)
    assert initiator.split()[0].seal(b"", b"F. A. Hayek").hex() == IK_TRANSPORT


def xchacha_agrees():
    """draft-irtf-cfrg-xchacha-03, section 2.2.1."""
    key = bytes(range(32))
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    assert hchacha20(key, nonce).hex() == "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"


def xwing_agrees():
    """The key of the draft's first test vector, and that an encapsulation to a key of ours opens with one length only."""
    seed = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    assert sealing_public(seed)[:16].hex() == "e2236b35a8c24b39b10aa1323a96a919"
    try:
        xwing_decapsulate(seed, bytes(1119))
    except Refused:
        return
    raise AssertionError("a short X-Wing ciphertext opened")


def ed25519_small_orders():
    assert all(is_small_order(bytes.fromhex(text)) for text in (
        "01" + "00" * 31, "00" * 32, "00" * 31 + "80", "ec" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"))
    assert not is_small_order(bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666"))


def lengths_have_their_width():
    assert [length_width(limit) for limit in (32, 255, 256, 65535, 65536, 1 << 20)] == [1, 1, 2, 2, 3, 3]
    for data, word in ((b"\x02a", "cut_short"), (b"\x05abcde", "too_long"), (b"\x01ab", "left_over")):
        try:
            decode(Opaque(4), data)
        except Refused as refused:
            assert refused.word == word
        else:
            raise AssertionError(word)


TESTS = (blake3_agrees, noise_agrees, xchacha_agrees, xwing_agrees, ed25519_small_orders, lengths_have_their_width)


def run():
    """Run all; an AssertionError names what disagrees."""
    for test in TESTS:
        test()
        print(f"ok   {test.__name__}")

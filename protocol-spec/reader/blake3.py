"""BLAKE3 as its specification (github.com/BLAKE3-team/BLAKE3-specs) describes it: hash, keyed hash, derive key.

Only the first 32 bytes of output are made, which is all that the protocol uses.
"""

import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED_HASH, DERIVE_KEY_CONTEXT, DERIVE_KEY_MATERIAL = (1 << n for n in range(7))
MASK = 0xFFFFFFFF
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def schedule():
    """For each of the seven rounds, which message words its eight mixes take."""
    order = tuple(range(16))
    rounds = []
    for _ in range(7):
        rounds.append(tuple(mix + order[2 * n : 2 * n + 2] for n, mix in enumerate(MIXES)))
        order = tuple(order[n] for n in PERMUTATION)
    return tuple(rounds)


SCHEDULE = schedule()


def compress(chaining, block, counter, length, flags):
    """The compression function, shortened to its first eight words."""
    words = struct.unpack("<16I", block)
    v = [*chaining, *IV[:4], counter & MASK, counter >> 32, length, flags]
    for mixes in SCHEDULE:
        for a, b, c, d, x, y in mixes:
            va, vb = (v[a] + v[b] + words[x]) & MASK, v[b]
            t = v[d] ^ va
            vd = (t >> 16 | t << 16) & MASK
            vc = (v[c] + vd) & MASK
            t = vb ^ vc
            vb = (t >> 12 | t << 20) & MASK
            va = (va + vb + words[y]) & MASK
            t = vd ^ va
            vd = (t >> 8 | t << 24) & MASK
            vc = (vc + vd) & MASK
            t = vb ^ vc
            v[a], v[b], v[c], v[d] = va, (t >> 7 | t << 25) & MASK, vc, vd
    return tuple(v[n] ^ v[n + 8] for n in range(8))


def chunk_value(key, data, index, flags):
    """Chaining value of one chunk of at most 1,024 bytes; `flags` holds ROOT where it is the whole input."""
    root, flags = flags & ROOT, flags & ~ROOT
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    value = key
    for n, block in enumerate(blocks):
        now = flags | (CHUNK_START if n == 0 else 0) | (CHUNK_END | root if n == len(blocks) - 1 else 0)
        value = compress(value, block.ljust(64, b"\0"), index, len(block), now)
    return value


def tree_value(key, data, index, flags):
    """Chaining value of a subtree: its left half holds the largest power of two of chunks that leaves a right half."""
    if len(data) <= 1024:
        return chunk_value(key, data, index, flags)
    left = 1 << ((len(data) - 1) // 1024).bit_length() - 1
    inner = flags & ~ROOT
    halves = tree_value(key, data[: left * 1024], index, inner) + tree_value(key, data[left * 1024 :], index + left, inner)
    return compress(key, struct.pack("<16I", *halves), 0, 64, flags | PARENT)


def run(key, data, flags):
    return struct.pack("<8I", *tree_value(key, bytes(data), 0, flags | ROOT))


def blake3(data):
    """Plain hash."""
    return run(IV, data, 0)


def blake3_keyed(key, data):
    """Keyed hash under 32 bytes."""
    return run(struct.unpack("<8I", key), data, KEYED_HASH)


def blake3_derive(context, material):
    """`derive_key` mode."""
    key = run(IV, context.encode("utf-8"), DERIVE_KEY_CONTEXT)
    return run(struct.unpack("<8I", key), material, DERIVE_KEY_MATERIAL)

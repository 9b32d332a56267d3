"""Known answers for packages/secagg, computed from the formulas with Python's whole numbers and hashlib alone.

    python3 packages/secagg/test/vectors/secagg_vectors.py > packages/secagg/test/vectors/secagg.json
"""

import hashlib
import json
import struct

P = 2**61 - 1


def sha256(*chunks):
    return hashlib.sha256(b"".join(chunks)).digest()


def rotated(value, by):
    return ((value << by) | (value >> (32 - by))) & 0xFFFFFFFF


def chacha20_block(key, counter, nonce):
    """RFC 8439, section 2.3."""
    start = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    start += [counter] + list(struct.unpack("<3I", nonce))
    state = start[:]

    def quarter(a, b, c, d):
        for one, two, three, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[one] = (state[one] + state[two]) & 0xFFFFFFFF
            state[three] = rotated(state[three] ^ state[one], by)

    for _ in range(10):
        for k in range(4):
            quarter(k, 4 + k, 8 + k, 12 + k)
        for k in range(4):
            quarter(k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4)
    return struct.pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(state, start)))


class Stream:
    def __init__(self, seed, purpose):
        self.seed, self.nonce, self.counter, self.rest = seed, sha256(purpose.encode())[:12], 0, b""

    def bytes(self, length):
        while len(self.rest) < length:
            self.rest += chacha20_block(self.seed, self.counter, self.nonce)
            self.counter += 1
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def element(self):
        low = int.from_bytes(self.bytes(8), "little") % 2**61
        return 0 if low == P else low

    def elements(self, length):
        return [self.element() for _ in range(length)]


def at_point(points, values, target):
    """The polynomial through these points, at another one."""
    total = 0
    for i, (x, y) in enumerate(zip(points, values)):
        factor = 1
        for j, other in enumerate(points):
            if j != i:
                factor = factor * (target - other) * pow(x - other, -1, P) % P
        total = (total + y * factor) % P
    return total


def shares_of(secret, members, threshold, packed, dealer, stream):
    """As dealVector: the members after the dealer hold what follows from a seed, the others what follows from those."""
    length = -(-len(secret) // packed)
    padded = secret + [0] * (length * packed - len(secret))
    pieces = [padded[j * length : (j + 1) * length] for j in range(packed)]
    seeded = [(dealer + 1 + k) % members for k in range(threshold)]
    seeds = [stream.bytes(32) for _ in seeded]
    known = pieces + [Stream(seed, "share").elements(length) for seed in seeds]
    points = [-j for j in range(packed)] + [member + 1 for member in seeded]
    shares = [
        [at_point(points, [vector[k] for vector in known], member + 1) for k in range(length)] for member in range(members)
    ]
    return seeds, shares


def signs_of(stream, rows, length):
    """The rows of −1, 0 and 1 of the range test."""
    signs = [[0] * length for _ in range(rows)]
    for first in range(0, length, 8):
        for row in range(rows):
            plus, minus = stream.bytes(1)[0], stream.bytes(1)[0]
            for bit in range(min(8, length - first)):
                signs[row][first + bit] = (plus >> bit & 1) - (minus >> bit & 1)
    return signs


def text(elements):
    return [str(element) for element in elements]


def main():
    seed = bytes(range(32))
    out = {"stream": Stream(seed, "a purpose").bytes(150).hex()}
    numbers = Stream(seed, "numbers")
    a, b = numbers.elements(20), numbers.elements(20)
    out["elements"] = {"a": text(a), "b": text(b), "products": text(x * y % P for x, y in zip(a, b))}

    out["dealings"] = []
    for members, threshold, packed, dealer, length in ((5, 2, 1, 0, 6), (7, 2, 1, 6, 9), (11, 2, 2, 3, 9)):
        secret = Stream(seed, f"secret {members}").elements(length)
        seeds, shares = shares_of(secret, members, threshold, packed, dealer, Stream(seed, f"dealing {members}"))
        points = Stream(seed, f"points {members}").elements(2)
        parcels = [sha256(bytes([member])) for member in range(members)]
        challenge = sha256(b"context", *parcels)
        drawn = Stream(challenge, "numbers")
        signs = signs_of(Stream(challenge, "signs"), 64, len(shares[0]))
        out["dealings"].append(
            {
                "members": members,
                "threshold": threshold,
                "packed": packed,
                "dealer": dealer,
                "secret": text(secret),
                "seeds": [one.hex() for one in seeds],
                "shares": [text(share) for share in shares],
                "points": text(points),
                "values": [
                    text(sum(x * pow(point, k, P) for k, x in enumerate(share)) % P for point in points) for share in shares
                ],
                "challenge": {"points": text(drawn.elements(2)), "factors": text(drawn.elements(members - 1))},
                "projections": [
                    text(sum(s * x for s, x in zip(row, share)) % P for row in signs) for share in shares[:2]
                ],
                "squares": text(
                    sum((x - y) ** 2 for x, y in zip(shares[i], shares[j])) % P
                    for i in range(members)
                    for j in range(i + 1, members)
                ),
            }
        )

    drawn = Stream(seed, "model")
    whole = [int.from_bytes(drawn.bytes(4), "little") for _ in range(60)]
    model = [struct.unpack("<f", struct.pack("<f", value / 2**31 - 1))[0] for value in whole]
    reference = [struct.unpack("<f", struct.pack("<f", value / 3))[0] for value in model[::-1]]
    rounding = Stream(seed, "rounding")
    scale = 20
    while 16 * 2**scale + 60**0.5 > 2**17:
        scale -= 1
    encoded = [
        int(((m - r) * 2.0**scale + int.from_bytes(rounding.bytes(4), "little") / 2**32) // 1) % P
        for m, r in zip(model, reference)
    ]
    out["encoding"] = {"model": model, "reference": reference, "range": 16, "scale": scale, "elements": text(encoded)}
    print(json.dumps(out, indent=1))


main()

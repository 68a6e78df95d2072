"""Squares of numbers transposed on the way between memory and vectors.

A vector is put together from parts of 16 bytes, each loaded from an address of its own. So loads
do the large moves, and the rest are shuffles within 16 bytes, which every CPU has.
"""


def group_size(emitter):
    """Return how many numbers 16 bytes hold."""
    return 16 // emitter.itemsize


def load_transposed(emitter, places):
    """Transpose the 16 bytes at each of as many addresses as a vector has lanes.

    Return one vector for each number that 16 bytes hold; its lane l comes from the address l.
    """
    size = group_size(emitter)
    vectors = [
        joined(emitter, [emitter.load_part(place, size) for place in places[i::size]])
        for i in range(size)
    ]
    return transposed(emitter, vectors)


def joined(emitter, parts):
    """Put vectors of equal lengths one after the other; their number is a power of two."""
    while len(parts) > 1:
        n = 2 * emitter.n_lanes_of(parts[0])
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [emitter.shuffle(a, b, range(n)) for a, b in pairs]
    return parts[0]


def transposed(emitter, vectors):
    """Transpose the squares that lie in each 16 bytes of 4 vectors of float32, or 2 of float64."""
    n = emitter.lanes
    firsts = range(0, n, len(vectors))  # the first lane of each 16 bytes
    if len(vectors) == 2:
        return [emitter.shuffle(*vectors, _pick(firsts, (i, n + i))) for i in (0, 1)]
    a, b, c, d = vectors
    result = []
    for i in (0, 2):
        alternate = _pick(firsts, (i, n + i, i + 1, n + i + 1))
        ab, cd = emitter.shuffle(a, b, alternate), emitter.shuffle(c, d, alternate)
        result += [
            emitter.shuffle(ab, cd, _pick(firsts, (j, j + 1, n + j, n + j + 1))) for j in (0, 2)
        ]
    return result


def _pick(firsts, lanes):
    return [first + lane for first in firsts for lane in lanes]

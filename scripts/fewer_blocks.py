#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a GGUF checkpoint that is another one without some of its blocks (layers): a weaker model of the same vocabulary, as
--contrast of generate needs one, or -md. With --idle, it has some more that do nothing: as slow as a larger model, to measure
with. Reads the whole file into memory."""
import argparse
import struct
import sys

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of a value, by its GGUF type
STRING, ARRAY, ALIGNMENT = 8, 9, 32


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, layout):
        value = struct.unpack_from("<" + layout, self.data, self.at)[0]
        self.at += struct.calcsize("<" + layout)
        return value

    def string(self):
        length = self.take("Q")
        self.at += length
        return self.data[self.at - length:self.at]

    def skip(self, kind):
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            inner, count = self.take("I"), self.take("Q")
            if inner != STRING:
                self.at += count * SIZES[inner]
            else:
                for _ in range(count):
                    self.string()
        else:
            self.at += SIZES[kind]


def align(size):
    return -size % ALIGNMENT


def write_fewer_blocks(source, target, kept, n_idle=0):
    """`kept`: the numbers of the blocks that stay, ascending. After them come n_idle whose parameters are zero."""
    with open(source, "rb") as file:
        data = file.read()
    reader = Reader(data)
    magic, version, n_tensors, n_values = reader.take("4s"), reader.take("I"), reader.take("Q"), reader.take("Q")
    head = bytearray()
    for _ in range(n_values):
        start = reader.at
        key, kind = reader.string(), reader.take("I")
        value = reader.at
        reader.skip(kind)
        count = struct.pack("<I", len(kept) + n_idle)
        head += data[start:value] + (count if key.endswith(b".block_count") else data[value:reader.at])
    tensors = []
    for _ in range(n_tensors):
        name, start = reader.string(), reader.at
        n_dims = reader.take("I")
        reader.at += 8 * n_dims + 4  # the shape and the type
        shape = data[start:reader.at]
        tensors.append((name, shape, reader.take("Q")))
    begin = reader.at + align(reader.at)
    ends = sorted(offset for _, _, offset in tensors) + [len(data) - begin]
    infos, pieces, offset = bytearray(), [], 0
    for name, shape, old in tensors:
        parts = name.split(b".")
        piece = data[begin + old:begin + next(end for end in ends if end > old)]
        numbers = [None]
        if parts[0] == b"blk":
            if int(parts[1]) not in kept:
                continue
            numbers = [kept.index(int(parts[1]))]
            if int(parts[1]) == kept[0]:
                numbers += range(len(kept), len(kept) + n_idle)
        for number in numbers:
            if number is not None:
                name = b".".join([parts[0], str(number).encode(), *parts[2:]])
            infos += struct.pack("<Q", len(name)) + name + shape + struct.pack("<Q", offset)
            pieces.append((piece if number is None or number < len(kept) else bytes(len(piece))) + bytes(align(len(piece))))
            offset += len(pieces[-1])
    front = struct.pack("<4sIQQ", magic, version, len(pieces), n_values) + head + infos
    with open(target, "wb") as file:
        file.write(front + bytes(align(len(front))))
        file.writelines(pieces)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", metavar="FROM")
    parser.add_argument("out", metavar="TO")
    parser.add_argument("--keep", metavar="0-11,16-29", required=True, help="the blocks that stay, ascending")
    parser.add_argument("--idle", metavar="N", type=int, default=0, help="blocks to add that do nothing")
    chosen = parser.parse_args()
    kept = []
    for part in chosen.keep.split(","):
        first, _, last = part.partition("-")
        kept += range(int(first), int(last or first) + 1)
    write_fewer_blocks(chosen.checkpoint, chosen.out, kept, chosen.idle)


if __name__ == "__main__":
    sys.exit(main())

/** MessagePack of any shape, for people to look at. What a mail has to be is in payload.ts. */
import { decode } from "@msgpack/msgpack";

/** Deeper than anything that people write. */
const MOST_DEEP = 32;
/** Values that are looked at. A mail has four. */
const MOST_VALUES = 10_000;

/**
 * The value that these bytes are. Null: they are no MessagePack, more than one value, or one of more than 10,000 values, 32 deep. Bytes
 * inside it stay a `Uint8Array`, and a time is a `Date`. A whole number of 64 bits is a `bigint`. What is not UTF-8 in a text becomes U+FFFD.
 */
export function messagePackValue(bytes: Uint8Array): { value: unknown } | null {
  if (!isModest(bytes)) return null;
  try {
    return { value: decode(bytes, { useBigInt64: true }) };
  } catch {
    return null;
  }
}

/**
 * Whether all values that are announced are there, and are few. The library makes room for what is announced before it looks: a
 * body of arrays in arrays would take all memory.
 */
function isModest(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // How many values are still to come on each level.
  const open = [1];
  let at = 0;
  let seen = 0;
  while (open.length > 0) {
    const left = open.pop() ?? 0;
    if (left === 0) continue;
    if (at >= bytes.length || ++seen > MOST_VALUES || open.length > MOST_DEEP) return false;
    const { skip, inside } = headerAt(view, at);
    at += skip;
    open.push(left - 1, inside);
  }
  return at === bytes.length;
}

/** Bytes after the header of a value with a length of its own, by its first byte: how long the length is, and what else there is. */
const LENGTHS: Record<number, [lengthBytes: 1 | 2 | 4, more: number]> = {
  0xc4: [1, 0],
  0xc5: [2, 0],
  0xc6: [4, 0],
  0xc7: [1, 1],
  0xc8: [2, 1],
  0xc9: [4, 1],
  0xd9: [1, 0],
  0xda: [2, 0],
  0xdb: [4, 0],
};
const COUNTS: Record<number, [lengthBytes: 2 | 4, valuesEach: number]> = {
  0xdc: [2, 1],
  0xdd: [4, 1],
  0xde: [2, 2],
  0xdf: [4, 2],
};
/** Bytes after the first one, from 0xca (a number) to 0xd8 (an extension of 16 bytes). */
const FIXED = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17];

/** How many bytes belong to the value that begins here, without the values inside it, and how many of those there are. */
function headerAt(view: DataView, at: number): { skip: number; inside: number } {
  const first = view.getUint8(at);
  if (first >= 0x80 && first < 0x90) return { skip: 1, inside: 2 * (first & 0x0f) };
  if (first >= 0x90 && first < 0xa0) return { skip: 1, inside: first & 0x0f };
  if (first >= 0xa0 && first < 0xc0) return { skip: 1 + (first & 0x1f), inside: 0 };
  const count = COUNTS[first];
  if (count) return { skip: 1 + count[0], inside: count[1] * numberAt(view, at + 1, count[0]) };
  const length = LENGTHS[first];
  if (length) return { skip: 1 + length[0] + length[1] + numberAt(view, at + 1, length[0]), inside: 0 };
  return { skip: 1 + (FIXED[first - 0xca] ?? 0), inside: 0 };
}

function numberAt(view: DataView, at: number, bytes: 1 | 2 | 4): number {
  if (at + bytes > view.byteLength) return Infinity;
  if (bytes === 1) return view.getUint8(at);
  return bytes === 2 ? view.getUint16(at) : view.getUint32(at);
}

/** How many units fit into the segments of a message. */
export interface SegmentUse {
  /** Units of each segment that are used, of `size`. */
  used: number[];
  size: number;
  /** Units until another segment begins. */
  left: number;
}

/** One segment is longer than each of several, which carry a header. */
const SIZES = { "GSM-7": { one: 160, each: 153 }, "UCS-2": { one: 70, each: 67 } };

export function segmentUse(
  encoding: keyof typeof SIZES,
  length: number,
  segments: number,
): SegmentUse {
  const size = segments <= 1 ? SIZES[encoding].one : SIZES[encoding].each;
  const used = Array.from({ length: Math.max(segments, 1) }, (_, i) =>
    Math.max(0, Math.min(size, length - i * size)),
  );
  return { used, size, left: Math.max(0, size * Math.max(segments, 1) - length) };
}

import type { Format, RawChunk, SplitLimits } from "../../../formats/formats.ts";
import { createSplitter, type SplitOptions } from "../../../formats/parts.ts";
import { isProblem, type Problem } from "../../../lib/errors.ts";

export const wide: SplitLimits = { chunkRecords: 5000, chunkBytes: 1 << 20, maxRecords: 1e7, maxRecordBytes: 1 << 20 };

export interface Settings extends Partial<SplitLimits>, SplitOptions {
  /** The size of the next piece. Without it the body comes in one piece. */
  piece?: () => number;
}

export function split(format: Format, body: string | Buffer, settings: Settings = {}) {
  const { piece, encoding, delimiter, read, hasHeader, ...limits } = settings;
  const splitter = createSplitter(format, { ...wide, ...limits }, { encoding, delimiter, read, hasHeader });
  const bytes = Buffer.from(body);
  const chunks: RawChunk[] = [];
  for (let at = 0; at < bytes.length; ) {
    // A copy that is wiped afterwards, because a chunk must not depend on a buffer that its owner uses again.
    const part = Buffer.from(bytes.subarray(at, at + (piece?.() ?? bytes.length)));
    chunks.push(...splitter.push(part));
    part.fill(0);
    at += part.length;
  }
  chunks.push(...splitter.end());
  return { chunks, envelope: splitter.envelope, records: splitter.records };
}

/** The lines of all chunks that are not blank. */
export function lines(result: { chunks: RawChunk[] }): string[] {
  const text = result.chunks.map((chunk) => chunk.data.toString()).join("");
  return text.split("\n").filter((line) => line.trim() !== "");
}

/** The problem that `work` throws: its code and its extra members. */
export function refusal(work: () => unknown): { code: string } & Record<string, unknown> {
  try {
    work();
  } catch (error) {
    if (isProblem(error)) return { code: error.type, ...((error as Problem).data as object) };
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Random numbers below `below`, the same for the same seed. */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export const oneByte = () => 1;

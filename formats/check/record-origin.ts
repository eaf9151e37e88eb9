import type { Envelope, Format } from "../formats.ts";
import type { ChunkContent } from "./chunk-verdict.ts";
import { csvRecordStarts } from "./csv-scan.ts";

const NEWLINE = 10;

/** Where each record of a chunk lies in its data, and on which line of it (from 0). */
function places(
  data: Buffer,
  format: Format,
  { delimiter = "," }: Envelope,
): { start: number; end: number; line: number }[] {
  if (format === "csv") return csvRecordStarts(data, delimiter);
  const found = [];
  for (let start = 0, line = 0; start < data.length; line++) {
    const newline = data.indexOf(NEWLINE, start);
    const end = newline === -1 ? data.length : newline;
    if (data.toString("utf8", start, end).trim() !== "") found.push({ start, end, line });
    start = end + 1;
  }
  return found;
}

/** The line and the text that records of a chunk came with, by their place in it; for records refused after they were checked. */
export function recordOrigins(chunk: ChunkContent, format: Format, envelope: Envelope, indexes: number[]) {
  const found = places(chunk.data, format, envelope);
  const decoder = new TextDecoder(envelope.charset ?? "utf-8");
  return indexes.map((index) => {
    const place = found[index];
    if (!place) throw new Error(`The chunk has no record at ${index}.`);
    const raw = decoder.decode(chunk.data.subarray(place.start, place.end)).replace(/[\r\n]+$/, "");
    return {
      line: chunk.firstLine === null ? null : chunk.firstLine + place.line,
      raw: raw.replaceAll("\0", "\uFFFD"),
    };
  });
}

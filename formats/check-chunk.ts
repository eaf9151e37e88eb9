import { checkCsvChunk } from "./check-csv.ts";
import { checkJsonLines } from "./check-ndjson.ts";
import type { CheckSpec, ChunkContent } from "./chunk-verdict.ts";
import type { CheckedChunk } from "./formats.ts";

export type { CheckSpec, ChunkContent } from "./chunk-verdict.ts";

/** Parses and checks the records of one chunk, as the splitter of its format cut it. Rejects records, never throws for one. */
export function checkChunk(chunk: ChunkContent, spec: CheckSpec): CheckedChunk {
  return spec.format === "csv" ? checkCsvChunk(chunk, spec) : checkJsonLines(chunk, spec);
}

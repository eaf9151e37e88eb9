import type { CheckedChunk } from "../formats.ts";
import type { CheckSpec, ChunkContent } from "./chunk-verdict.ts";
import { checkCsvChunk } from "./csv.ts";
import { checkJsonLines } from "./ndjson.ts";
import { Pace } from "./pace.ts";

export type { CheckSpec, ChunkContent } from "./chunk-verdict.ts";

/**
 * Parses and checks the records of one chunk, as the splitter of its format cut it. Rejects records, never throws for one.
 * Gives way to other work every few ms; throws the signal's reason where that is aborted meanwhile.
 */
export function checkChunk(chunk: ChunkContent, spec: CheckSpec, signal?: AbortSignal): Promise<CheckedChunk> {
  const pace = new Pace(spec.validator, signal);
  return spec.format === "csv" ? checkCsvChunk(chunk, spec, pace) : checkJsonLines(chunk, spec, pace);
}

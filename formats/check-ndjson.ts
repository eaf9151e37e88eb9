import { isUtf8 } from "node:buffer";
import type { Pace } from "./check-pace.ts";
import {
  assertRecords,
  type CheckSpec,
  type ChunkContent,
  ChunkVerdict,
  encodingFault,
  tooLarge,
  wholeFault,
} from "./chunk-verdict.ts";
import type { CheckedChunk } from "./formats.ts";
import { isDeeperThan } from "./schema-walk.ts";
import { MAX_DEPTH } from "./split-json-element.ts";

const LF = 10;
const OPENING_BRACE = 123;

/** Checks records that are one JSON text a line: NDJSON, and the elements of a JSON array. */
export async function checkJsonLines(chunk: ChunkContent, spec: CheckSpec, pace: Pace): Promise<CheckedChunk> {
  const verdict = new ChunkVerdict(spec.values);
  const checked =
    chunk.oversized.length === 0 && isUtf8(chunk.data)
      ? await checkText(chunk, spec, verdict, pace)
      : await checkBytes(chunk, spec, verdict, pace);
  assertRecords(verdict, chunk);
  return checked;
}

/** The fast way. Where each line is accepted as it stands, the chunk's own text is the answer. */
async function checkText(
  chunk: ChunkContent,
  spec: CheckSpec,
  verdict: ChunkVerdict,
  pace: Pace,
): Promise<CheckedChunk> {
  const text = chunk.data.toString();
  const whole = text.endsWith("\n") ? text.slice(0, -1) : text;
  const lines = whole.split("\n");
  let isWhole = true;
  await pace.each(lines.length, (i) => {
    const isKept = checkLine(lines[i] as string, lineNumber(chunk, i), spec, verdict);
    isWhole &&= isKept;
  });
  return verdict.end(isWhole ? whole : undefined);
}

/** The slow way, line by line: some record is too long or no UTF-8. */
async function checkBytes(
  chunk: ChunkContent,
  spec: CheckSpec,
  verdict: ChunkVerdict,
  pace: Pace,
): Promise<CheckedChunk> {
  const oversized = new Set(chunk.oversized);
  const lines = linesOf(chunk.data);
  await pace.each(lines.length, (i) => {
    const bytes = lines[i] as Buffer;
    const line = lineNumber(chunk, i);
    const text = bytes.toString();
    if (oversized.has(verdict.records) && !isBlank(text)) verdict.reject(line, text, tooLarge(spec.maxRecordBytes));
    else if (isUtf8(bytes)) checkLine(text, line, spec, verdict);
    else verdict.reject(line, withoutCr(text), encodingFault("UTF-8"));
  });
  return verdict.end();
}

function linesOf(data: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < data.length; ) {
    const found = data.indexOf(LF, start);
    const stop = found < 0 ? data.length : found;
    lines.push(data.subarray(start, stop));
    start = stop + 1;
  }
  return lines;
}

/** Whether the line is now an accepted record just as it stands. */
function checkLine(line: string, number: number | null, spec: CheckSpec, verdict: ChunkVerdict): boolean {
  if (line.charCodeAt(0) !== OPENING_BRACE && isBlank(line)) return false;
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line);
  } catch {
    verdict.reject(number, withoutCr(line), wholeFault("malformed", "The record is not valid JSON."));
    return false;
  }
  if (isTooDeep(line, value)) {
    verdict.reject(number, withoutCr(line), TOO_DEEP);
    return false;
  }
  const before = spec.validator.changes ? JSON.stringify(value) : "";
  const faults = spec.validator.check(value);
  if (faults !== null) {
    verdict.reject(number, withoutCr(line), faults);
    return false;
  }
  const isChanged = spec.validator.changes && JSON.stringify(value) !== before;
  const text = isChanged ? filled(line, value) : withoutCr(line);
  verdict.accept(text, value);
  return text === line;
}

const TOO_DEEP = wholeFault("malformed", `The record is nested deeper than ${MAX_DEPTH} levels.`);

/** Elements of an array have been refused by then. Each level takes two letters, so that most lines need no look. */
const isTooDeep = (line: string, value: unknown): boolean =>
  line.length > 2 * MAX_DEPTH && isDeeperThan(MAX_DEPTH, value);

/**
 * The record with the defaults that were put in. All else keeps its own digits: read as numbers, an id beyond 2^53 would
 * become another one, and 1e999 null.
 */
function filled(line: string, value: unknown): string {
  const exact: Reviver = (_name, inner, { source }) => (typeof inner === "number" ? rawJSON(source) : inner);
  return JSON.stringify(withDefaults((JSON.parse as ParseExactly)(line, exact), value));
}

/** Defaults are only ever added: what `own` lacks of `value`. */
function withDefaults(own: unknown, value: unknown): unknown {
  if (typeof own !== "object" || own === null || isRawJSON(own)) return own;
  const target = own as Record<string, unknown>;
  for (const [name, inner] of Object.entries(value as object)) {
    if (Object.hasOwn(target, name)) withDefaults(target[name], inner);
    else Object.defineProperty(target, name, { value: inner, enumerable: true, configurable: true, writable: true });
  }
  return own;
}

/** Of JSON.parse with source text access (V8 11.4), which TypeScript does not know yet. */
type Reviver = (name: string, value: unknown, context: { source: string }) => unknown;
type ParseExactly = (text: string, reviver: Reviver) => unknown;
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(source: string): object;
  isRawJSON(value: unknown): boolean;
};

const lineNumber = ({ firstLine }: ChunkContent, offset: number): number | null =>
  firstLine === null ? null : firstLine + offset;

const isBlank = (line: string): boolean => /^[ \t\r]*$/.test(line);

const withoutCr = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);

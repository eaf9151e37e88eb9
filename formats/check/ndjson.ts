import { isUtf8 } from "node:buffer";
import type { CheckedChunk, RecordFault } from "../formats.ts";
import { MAX_DEPTH } from "../split/json-element.ts";
import { countLines, lineBlocks } from "../text-lines.ts";
import {
  assertRecords,
  type CheckSpec,
  type ChunkContent,
  ChunkVerdict,
  encodingFault,
  tooLarge,
  wholeFault,
} from "./chunk-verdict.ts";
import { HugeExponent } from "./decimal.ts";
import { replaceInexact } from "./exact-json.ts";
import { withDefaults } from "./json-defaults.ts";
import { isNestedDeeper } from "./json-text.ts";
import { holdsInexact } from "./number-text.ts";
import type { Pace } from "./pace.ts";
import { RecordNumbers, TooManyNumbers } from "./record-numbers.ts";

const LF = 10;
const OPENING_BRACE = 123;

/** Checks records that are one JSON text a line: NDJSON, and the elements of a JSON array. */
export async function checkJsonLines(chunk: ChunkContent, spec: CheckSpec, pace: Pace): Promise<CheckedChunk> {
  const verdict = new ChunkVerdict(spec);
  const checked =
    chunk.oversized.length === 0 && isUtf8(chunk.data)
      ? await checkText(chunk, spec, verdict, pace)
      : await checkBytes(chunk, spec, verdict, pace);
  assertRecords(verdict, chunk);
  return checked;
}

/** More long numbers in a block are read line by line, between which other work has its turn. */
const NUMBERS_AT_ONCE = 100;

/** The fast way. Where each line is accepted as it stands, the chunk's own text is the answer. */
async function checkText(
  chunk: ChunkContent,
  spec: CheckSpec,
  verdict: ChunkVerdict,
  pace: Pace,
): Promise<CheckedChunk> {
  const { data } = chunk;
  const whole = data.at(-1) === LF ? data.subarray(0, -1) : data;
  const blocks = lineBlocks(whole);
  let lines: string[] = [];
  let next = 0;
  let mayBeInexact = false;
  let isWhole = true;
  await pace.each(countLines(whole), data.length, (i) => {
    if (next === lines.length) {
      const block = blocks.next().value as string;
      // Asked of all its lines at once it costs half; few blocks hold such a number.
      mayBeInexact = holdsInexact(block, NUMBERS_AT_ONCE);
      lines = block.split("\n");
      next = 0;
    }
    const line = lines[next++] as string;
    const isKept = checkLine(line, lineNumber(chunk, i), spec, verdict, mayBeInexact && holdsInexact(line));
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
  await pace.each(lines.length, chunk.data.length, (i) => {
    const bytes = lines[i] as Buffer;
    const line = lineNumber(chunk, i);
    const text = bytes.toString();
    if (oversized.has(verdict.records) && !isBlank(text)) verdict.reject(line, text, tooLarge(spec.maxRecordBytes));
    else if (isUtf8(bytes)) checkLine(text, line, spec, verdict, holdsInexact(text));
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
function checkLine(
  line: string,
  number: number | null,
  spec: CheckSpec,
  verdict: ChunkVerdict,
  isInexact: boolean,
): boolean {
  if (line.charCodeAt(0) !== OPENING_BRACE && isBlank(line)) return false;
  const numbers = isInexact ? new RecordNumbers() : NONE;
  const value = parsed(line, numbers);
  if (value instanceof NoRecord) {
    verdict.reject(number, withoutCr(line), value.faults);
    return false;
  }
  const faults = spec.validator.check(value, numbers) ?? verdict.growthFaults(value, line.length, false);
  if (faults !== null) {
    verdict.reject(number, withoutCr(line), faults);
    return false;
  }
  const sent = withoutCr(line);
  const text = spec.validator.filled ? withDefaults(sent, value) : sent;
  const delivered = spec.values && numbers.size > 0 ? numbers.delivered(value) : value;
  const full = verdict.accept(text, delivered, text.length - sent.length);
  if (full === null) return text === line;
  verdict.reject(number, sent, full);
  return false;
}

/** Of records whose numbers are all held by doubles. Nothing is converted in JSON, so nothing is ever added. */
const NONE = new RecordNumbers();

class NoRecord {
  readonly faults: RecordFault[];
  constructor(faults: RecordFault[]) {
    this.faults = faults;
  }
}

const malformed = (message: string) => new NoRecord(wholeFault("malformed", message));
const NO_JSON = malformed("The record is not valid JSON.");
const TOO_DEEP = malformed(`The record is nested deeper than ${MAX_DEPTH} levels.`);
const HUGE_EXPONENT = malformed("A number has an exponent of more than 15 digits.");

/** The line's value, with stand-ins for what goes to `numbers`. */
function parsed(line: string, numbers: RecordNumbers): Record<string, unknown> | NoRecord {
  try {
    const value = JSON.parse(line);
    if (isNestedDeeper(line, MAX_DEPTH)) return TOO_DEEP;
    return numbers === NONE ? value : JSON.parse(replaceInexact(line, (source) => numbers.add(source)));
  } catch (error) {
    if (error instanceof HugeExponent) return HUGE_EXPONENT;
    return error instanceof TooManyNumbers ? new NoRecord([error.fault]) : NO_JSON;
  }
}

const lineNumber = ({ firstLine }: ChunkContent, offset: number): number | null =>
  firstLine === null ? null : firstLine + offset;

const isBlank = (line: string): boolean => /^[ \t\r]*$/.test(line);

const withoutCr = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);

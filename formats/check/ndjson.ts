import { isUtf8 } from "node:buffer";
import { faultOf } from "../../lib/json-fault.ts";
import type { CheckedChunk, RecordFault } from "../formats.ts";
import { shownJson, shownText } from "../read/shown.ts";
import { jsonStart } from "../recognise/json-start.ts";
import { MAX_DEPTH } from "../split/json-element.ts";
import { countLines, lineBlocks } from "../text-lines.ts";
import {
  assertRecords,
  type CheckSpec,
  type ChunkContent,
  ChunkVerdict,
  encodingFault,
  notRejectedFault,
  tooLarge,
  wholeFault,
} from "./chunk-verdict.ts";
import { HugeExponent } from "./decimal.ts";
import { replaceInexact } from "./exact-json.ts";
import { withDefaults } from "./json-defaults.ts";
import { nameTwice } from "./json-names.ts";
import { isNestedDeeper } from "./json-text.ts";
import { jsonValue } from "./json-value.ts";
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

/** Where each record of a chunk is in its data, and on which line (from 0). Blank lines are left out. */
export function lineStarts(data: Buffer): { start: number; end: number; line: number }[] {
  const found = [];
  for (let start = 0, line = 0; start < data.length; line++) {
    const newline = data.indexOf(LF, start);
    const end = newline === -1 ? data.length : newline;
    if (isVisible(data[start]) || data.toString("utf8", start, end).trim() !== "") found.push({ start, end, line });
    start = end + 1;
  }
  return found;
}

/** A letter of ASCII that is no blank, as nearly all records begin with. */
const isVisible = (byte = 0): boolean => byte > 32 && byte < 127;

/** The fast path: if every line is accepted as it is, the chunk's own text is the result. */
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
      // One search over all lines costs half as much as one for each line, and few blocks hold such a number.
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
    else verdict.reject(line, withoutCr(text), encodingFault(spec.envelope.encoding ?? "UTF-8"));
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

/** Whether the line, unchanged, is an accepted record. */
function checkLine(
  line: string,
  number: number | null,
  spec: CheckSpec,
  verdict: ChunkVerdict,
  isInexact: boolean,
): boolean {
  if (line.charCodeAt(0) !== OPENING_BRACE && isBlank(line)) return false;
  if (spec.naming?.has(verdict.records)) {
    verdict.reject(number, withoutCr(line), notRejectedFault(0));
    return false;
  }
  const numbers = isInexact ? new RecordNumbers() : NONE;
  const value = parsed(line, numbers);
  if (value instanceof NoRecord) {
    verdict.reject(number, withoutCr(line), value.faults);
    return false;
  }
  const faults = spec.isReadOnly
    ? isObject(value)
      ? null
      : []
    : (spec.validator.check(value, numbers) ?? verdict.growthFaults(value, line.length, false));
  if (faults !== null) {
    verdict.reject(number, withoutCr(line), faults);
    return false;
  }
  const sent = withoutCr(line);
  const text = spec.validator.filled && !spec.isReadOnly ? withDefaults(sent, value) : sent;
  const delivered = spec.values && numbers.size > 0 ? numbers.delivered(value) : value;
  const full = verdict.accept(text, delivered, text.length - sent.length);
  if (full === null) return text === line;
  verdict.reject(number, sent, full);
  return false;
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** For records whose numbers doubles can hold. JSON needs no conversion, so nothing is ever added. */
const NONE = new RecordNumbers();

class NoRecord {
  readonly faults: RecordFault[];
  constructor(faults: RecordFault[]) {
    this.faults = faults;
  }
}

/** The fault of a text that is not JSON, and the character where it is. */
function noJson(line: string): NoRecord {
  const text = withoutCr(line);
  if (mayBeDeep(text)) return malformed("The record is not valid JSON.");
  const at = faultOf(text);
  if (at >= text.length) return malformed(`The record is not valid JSON: it ends too early, at character ${at + 1}.`);
  return malformed(
    `The record is not valid JSON: ${shownText(text.charAt(at))} is out of place at character ${at + 1}.`,
  );
}

/** The fault of a text with more brackets is not searched for, because the search recurses into each bracket. */
const MOST_BRACKETS = 1000;

function mayBeDeep(text: string): boolean {
  let found = 0;
  for (const bracket of ["{", "["])
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1))
      if (++found > MOST_BRACKETS) return true;
  return false;
}

const malformed = (message: string) => new NoRecord(wholeFault("malformed", message));
const TWO_RECORDS = malformed(
  "Two records stand on one line. curl -d takes line ends out of a file: use curl --data-binary.",
);
const TOO_DEEP = malformed(`The record is nested deeper than ${MAX_DEPTH} levels.`);
const HUGE_EXPONENT = malformed("A number has an exponent of more than 15 digits.");

/** The line's value. Numbers that no double holds are in `numbers`, and their stand-ins are in the value. */
function parsed(line: string, numbers: RecordNumbers): Record<string, unknown> | NoRecord {
  try {
    const value = jsonValue(line) as Record<string, unknown>;
    if (isNestedDeeper(line, MAX_DEPTH)) return TOO_DEEP;
    const twice = nameTwice(line, value);
    if (twice !== null) {
      const { name, at } = twice;
      return malformed(`The name ${shownJson(name, null)} comes twice in an object, at character ${at}.`);
    }
    return numbers === NONE
      ? value
      : (jsonValue(replaceInexact(line, (source) => numbers.add(source))) as Record<string, unknown>);
  } catch (error) {
    if (error instanceof HugeExponent) return HUGE_EXPONENT;
    if (error instanceof TooManyNumbers) return new NoRecord([error.fault]);
    return isFollowed(line) ? TWO_RECORDS : noJson(line);
  }
}

/** Whether the record ends where another one begins. */
function isFollowed(line: string): boolean {
  const { state, end } = jsonStart(line, 0, true);
  return state === "closed" && /^[ \t\r]*\{/.test(line.slice(end));
}

const lineNumber = ({ firstLine }: ChunkContent, offset: number): number | null =>
  firstLine === null ? null : firstLine + offset;

const isBlank = (line: string): boolean => /^[ \t\r]*$/.test(line);

const withoutCr = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);

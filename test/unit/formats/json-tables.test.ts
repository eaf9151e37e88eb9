/** The promise: any records of RFC 8259, however they are spelled, are stored as they were sent, in whatever pieces they come. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { checkChunk, createSplitter } from "../../../formats/parts.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";
import { rounds } from "../../helpers/seeded.ts";
import { wide } from "./split-kit.ts";

/** Blanks between tokens. CR and LF are allowed only if a record is not a line. */
const blanks = fc.constantFrom("", "", " ", "\t", " \t ");

const letters = fc.constantFrom("a", "é", "😀", " ", ",", ":", "{", "}", "[", "]", "/", "\u007f", "\u2028", "\ufeff");
const escapes = fc.constantFrom('\\"', "\\\\", "\\/", "\\n", "\\u0061", "\\ud83d\\ude00", "\\u0000", "\\ud800");
const texts = fc.array(fc.oneof(letters, escapes), { maxLength: 5 }).map((parts) => `"${parts.join("")}"`);
const numbers = fc.constantFrom("0", "-0", "-1.5", "0.10", "1E+2", "1e-7", "-0.0e-0", "9007199254740993", "1e400");
const scalars = fc.oneof(texts, numbers, fc.constantFrom("true", "false", "null"));

/** Names without a backslash, because Node 24.21's JSON.parse confuses the keys `\` and `"` of objects that begin alike. */
const names = fc.tuple(fc.constantFrom("a", "", "__proto__", "1", "é:,{"), letters).map((parts) => parts.join(""));

const { value, record } = fc.letrec<{ value: string; record: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalars, tie("record"), listOf("[", fc.array(tie("value"), { maxLength: 3 }), "]")),
  record: listOf("{", members(tie("value")), "}"),
}));

function members(values: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  const member = fc.tuple(names, blanks, values);
  return fc
    .uniqueArray(member, { selector: ([name]) => name, maxLength: 4 })
    .map((all) => all.map(([name, blank, one]) => `${JSON.stringify(name)}${blank}:${blank}${one}`));
}

function listOf(start: string, items: fc.Arbitrary<string[]>, end: string): fc.Arbitrary<string> {
  return fc
    .tuple(items, blanks, blanks)
    .map(([all, before, behind]) => start + before + all.join(`${behind},${before}`) + behind + end);
}

/** The value of a JSON text, with the digits of its numbers. */
const meaningOf = (text: string): unknown =>
  (JSON.parse as (text: string, reviver: (name: string, value: unknown, of: { source: string }) => unknown) => unknown)(
    text,
    (_, value, { source }) => (typeof value === "number" ? { digits: source } : value),
  );

const bodies = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 4 }),
  format: fc.constantFrom("ndjson" as const, "json" as const),
  isWrapped: fc.boolean(),
  blank: fc.constantFrom("", "\n", "\r\n\t"),
  encoding: fc.constantFrom("utf8", "bom", "utf16le", "utf16be"),
});
type Body = typeof bodies extends fc.Arbitrary<infer T> ? T : never;

function bytesOf({ records, format, isWrapped, blank, encoding }: Body): Buffer {
  const list = `${blank}[${blank}${records.join(`${blank},${blank}`)}${blank}]${blank}`;
  const json = isWrapped ? `${blank}{${blank}"records"${blank}:${list}}${blank}` : list;
  const text = format === "json" ? json : records.map((one) => `${one}\n${blank}`).join("");
  if (encoding === "utf8") return Buffer.from(text);
  if (encoding === "bom") return Buffer.from(`\ufeff${text}`);
  const wideText = Buffer.from(`\ufeff${text}`, "utf16le");
  return encoding === "utf16le" ? wideText : wideText.swap16();
}

const validator = compileRecordSchema({ type: "object" }, { coerce: false });

/** The records of a body, as they would be stored. The body is cut at these places. */
async function stored(body: Body, cuts: readonly number[]): Promise<string[]> {
  const bytes = bytesOf(body);
  const splitter = createSplitter(body.format, { ...wide, chunkRecords: 2 });
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const pieces = [0, ...places].map((from, i) => Buffer.from(bytes.subarray(from, places[i] ?? bytes.length)));
  const chunks = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
  const found: string[] = [];
  for (const chunk of chunks) {
    const { envelope } = splitter;
    const spec = { format: body.format, envelope, validator, values: false, maxRecordBytes: 1e6 };
    const { text, rejected } = await checkChunk(chunk, spec);
    if (rejected.length > 0) expect(rejected).toEqual([]);
    found.push(...text.toString().split("\n"));
  }
  return found;
}

test("in any pieces", async () => {
  await fc.assert(
    fc.asyncProperty(bodies, fc.array(fc.nat(), { maxLength: 6 }), async (body, cuts) => {
      const found = await stored(body, cuts);
      expect(found.map(meaningOf)).toEqual(body.records.map(meaningOf));
    }),
    { numRuns: rounds(200) },
  );
});

test("cut at every byte", async () => {
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const whole = await stored(body, []);
      const { length } = bytesOf(body);
      for (let cut = 0; cut <= length; cut++) {
        const found = await stored(body, [cut]);
        // Thousands of Jest's comparisons take seconds, so Jest compares only values that differ.
        if (!isDeepStrictEqual(found, whole)) expect(found).toEqual(whole);
      }
      expect(
        await stored(
          body,
          Array.from({ length }, (_, i) => i),
        ),
      ).toEqual(whole);
    }),
    { numRuns: rounds(10) },
  );
});

test("a single value of any kind is refused, or is the record that it is", async () => {
  await fc.assert(
    fc.asyncProperty(value, async (text) => {
      const splitter = createSplitter("json", wide);
      const chunks = [...splitter.push(Buffer.from(`[${text}]`)), ...splitter.end()];
      const [chunk] = chunks as [(typeof chunks)[0]];
      const spec = { format: "json" as const, envelope: {}, validator, values: false, maxRecordBytes: 1e6 };
      const found = await checkChunk(chunk, spec);
      if (text.startsWith("{")) expect(meaningOf(found.text.toString())).toEqual(meaningOf(text));
      else expect(found.rejected).toMatchObject([{ errors: [{ code: "malformed" }] }]);
    }),
    { numRuns: 300 },
  );
});

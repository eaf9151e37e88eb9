/**
 * The promise: the rejected rows of any file, once they are corrected, become the records that the file itself would have become.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { casesFolder, knownCases } from "../helpers/cases.ts";
import { admin, type Batch, get, newClient, type TestClient } from "../helpers/http.ts";
import { rounds } from "../helpers/seeded.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { outcomeOf } from "./imported.ts";

interface Case {
  id: string;
  file: string;
  request: { contentType: string; contentEncoding?: string; query?: string };
  dataset: string;
  want: { status: number };
}

const { datasets, cases } = knownCases<Case>();
const taken = cases.filter(({ want }) => want.status === 202);

let url: string;
let system: System;
beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

async function imported(own: TestClient, body: Buffer, headers: Record<string, string>, query = "") {
  const init = { method: "POST", body: Uint8Array.from(body), headers: { authorization: own.auth, ...headers } };
  const response = await fetch(`${url}/imports?${query}`, init);
  const batch = (await response.json()) as Batch;
  expect([response.status, response.status === 202 ? "" : batch]).toEqual([202, ""]);
  const outcome = await outcomeOf(url, own, batch.id);
  return { ...outcome, id: batch.id, data: outcome.records.map(({ data }) => data) };
}

async function rejectedOf(own: TestClient, id: string) {
  const response = await get(url, own, `/imports/${id}/rejected`);
  expect(response.status).toBe(200);
  return {
    bytes: Buffer.from(await response.arrayBuffer()),
    type: response.headers.get("content-type") as string,
  };
}

/** The file of rejected records as text, decoded by the encoding that its type names. */
const textOf = (bytes: Buffer, type: string): string =>
  new TextDecoder(/charset=([\w-]+)/.exec(type)?.[1] ?? "utf-8").decode(bytes);

describe("the files of test/cases, first under a schema that refuses every record", () => {
  test.each(taken.map((one) => [one.id, one] as const))("%s", async (_, { file, request, dataset }) => {
    const { description: _text, formats: _formats, ...policy } = datasets[dataset] as Record<string, unknown>;
    const schema = policy.schema as { minProperties?: number };
    const body = readFileSync(join(casesFolder, file));
    const headers = {
      "content-type": request.contentType,
      ...(request.contentEncoding && { "content-encoding": request.contentEncoding }),
    };
    const right = await imported(await newClient(url, policy), body, headers, request.query);

    const own = await newClient(url, { ...policy, schema: { ...schema, minProperties: 1_000 } });
    const refused = await imported(own, body, headers, request.query);
    expect(refused.data).toEqual([]);
    const { bytes, type } = await rejectedOf(own, refused.id);
    const text = textOf(bytes, type);
    const isText = type.startsWith("text/csv") && !file.includes("xlsx");
    for (const { raw, errors } of refused.errors)
      if (isText && errors[0]?.code !== "encoding") expect(text).toContain(`${raw}\r\n`);

    const change = JSON.stringify({ schema: { minProperties: 0 } });
    expect((await admin(url, `/clients/${own.id}/policy`, { method: "PATCH", body: change })).status).toBe(200);
    const corrected = await imported(own, bytes, { "content-type": type }, `corrects=${refused.id}`);
    expect(corrected.data).toEqual(right.data);
    expect(corrected.batch.counts).toMatchObject({ accepted: right.data.length });
  });
});

/** How a character is encoded in the body. Bytes before the text are the sender's byte order mark; without them it is UTF-8. */
const encodings = {
  "utf-8": { charset: "", encode: (text: string) => Buffer.from(text), marks: "" },
  "utf-8 with a mark": { charset: "", encode: (text: string) => Buffer.from(text), marks: "\ufeff" },
  "utf-16le": { charset: "", encode: (text: string) => Buffer.from(text, "utf16le"), marks: "\ufeff" },
  "utf-16be": { charset: "", encode: (text: string) => Buffer.from(text, "utf16le").swap16(), marks: "\ufeff" },
  "windows-1252": {
    charset: "; charset=windows-1252",
    encode: (text: string) => Buffer.from(text, "latin1"),
    marks: "",
  },
};
const delimiters = { comma: ",", semicolon: ";", tab: "\t", pipe: "|" };
const oneOf = <T extends object>(all: T) => fc.constantFrom(...(Object.keys(all) as (keyof T)[]));
const note = fc
  .array(fc.constantFrom("a", "é", "ß", '"', ",", ";", "\t", "|", "\n", "\r\n", " ", "=", "1"), { maxLength: 8 })
  .map((parts) => `n${parts.join("")}`);
const tables = fc
  .array(fc.record({ note, amount: fc.nat(), isWrong: fc.boolean() }), { minLength: 1, maxLength: 12 })
  .filter((all) => all.some(({ isWrong }) => isWrong));
type Row = { note: string; amount: number; isWrong: boolean };

const files = {
  csv: fc
    .record({
      encoding: oneOf(encodings),
      delimiter: oneOf(delimiters),
      end: fc.constantFrom("\n", "\r\n", "\r"),
      isQuoted: fc.boolean(),
    })
    .map(({ encoding, delimiter, end, isQuoted }) => {
      const by = delimiters[delimiter];
      const cell = (text: string) => (isQuoted || /[",;\t|\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      return {
        ...encodings[encoding],
        type: `text/csv; delimiter=${delimiter}${encodings[encoding].charset}`,
        row: (i: number, amount: string, { note }: Row) => [note, amount, `k${i}`].map(cell).join(by),
        wrong: (i: number) => `x${i}x`,
        body: (texts: string[]) => ["note", "amount", "id"].map(cell).join(by) + end + texts.join(end) + end,
        kept: (row: string) => row,
      };
    }),
  json: fc.record({ isArray: fc.boolean(), blank: fc.constantFrom("", " ", "  ") }).map(({ isArray, blank }) => ({
    ...encodings["utf-8"],
    type: isArray ? "application/json" : "application/x-ndjson",
    row: (i: number, amount: string, { note }: Row) =>
      `{${blank}"note" :${JSON.stringify(note)},${blank}"amount":${amount},"id":"k${i}"${blank}}`,
    wrong: (i: number) => `"x${i}x"`,
    body: (texts: string[]) => (isArray ? `[${texts.join(",\n")}]` : texts.join("\n")),
    // The new members come before the record's own.
    kept: (row: string) => row.slice(1).trim(),
  })),
};

function replaced(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const at = bytes.indexOf(from);
  expect(at).toBeGreaterThanOrEqual(0);
  return Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)]);
}

/** The text of `_errors` is ASCII, so every encoding can write it, and the file keeps its own encoding. */
test.each(["csv", "json"] as const)(
  "%s: cells that are mended where they stand, whatever stands beside them",
  async (kind) => {
    const schema = { required: ["id"], properties: { amount: { type: "integer" } } };
    const own = await newClient(url, { schema });
    await fc.assert(
      fc.asyncProperty(files[kind], tables, async ({ type, encode, marks, row, wrong, body, kept }, all) => {
        const good = all.map((one, i) => row(i, String(one.amount), one));
        const bad = all.map((one, i) => row(i, one.isWrong ? wrong(i) : String(one.amount), one));
        const headers = { "content-type": type };
        const right = await imported(own, encode(marks + body(good)), headers);
        expect(right.data).toHaveLength(all.length);
        const first = await imported(own, encode(marks + body(bad)), headers);
        const file = await rejectedOf(own, first.id);
        const mended = all.reduce<Buffer>(
          (bytes, { isWrong }, i) =>
            isWrong ? replaced(bytes, encode(kept(bad[i] as string)), encode(kept(good[i] as string))) : bytes,
          file.bytes,
        );
        const corrected = await imported(own, mended, { "content-type": file.type }, `corrects=${first.id}`);
        expect(corrected.data).toEqual(right.data.filter((_, i) => all[i]?.isWrong));
        expect(first.data).toEqual(right.data.filter((_, i) => !all[i]?.isWrong));
      }),
      { numRuns: rounds(12) },
    );
  },
);

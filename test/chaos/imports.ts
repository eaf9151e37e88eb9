/** Imports whose content follows from their number, so that each stored character can be checked. */
import { gzipSync } from "node:zlib";
import { type CompanyTable, slotOf } from "./company.ts";

export { seeded as randomBy } from "../helpers/seeded.ts";

export const schema = {
  type: "object",
  required: ["i", "amount"],
  properties: { i: { type: "integer" }, amount: { type: "number", minimum: 0 }, note: { type: "string" } },
};

/** The schema of records that go into a table of the company. */
export const tableSchema = {
  ...schema,
  required: [...schema.required, "slot"],
  properties: { ...schema.properties, slot: { type: "integer" }, op: { enum: ["U", "D"] } },
};

const formats = ["ndjson", "csv", "json"] as const;
const mediaTypes = { ndjson: "application/x-ndjson", csv: "text/csv", json: "application/json" };

export interface Import {
  /** Sent as X-Request-Id, which the batch stores. It identifies the batch of an import that was never answered. */
  key: string;
  format: (typeof formats)[number];
  isGzip: boolean;
  records: number;
  /** One record of this many is wrong; 0: none. */
  wrongEvery: number;
  noteLength: number;
  /** Null: DataFlow's own table. */
  table: CompanyTable | null;
}

export function randomImport(
  key: string,
  random: () => number,
  isLarge: boolean,
  table: CompanyTable | null = null,
): Import {
  const isWide = isLarge && random() < 0.15;
  return {
    key,
    format: formats[Math.floor(random() * 3)] as Import["format"],
    isGzip: random() < 0.3,
    records: 1 + Math.floor(random() * (isWide ? 1_500 : isLarge ? 3_000 : 20)),
    wrongEvery: random() < 0.5 ? 0 : 3 + Math.floor(random() * 50),
    noteLength: isWide ? 2_000 : Math.floor(random() * 40),
    table,
  };
}

export interface Line {
  text: string;
  /** The physical line where the record begins. A record of a JSON array has none. */
  line: number | null;
  isWrong: boolean;
  data: { i: number; amount: number; note: string; slot?: number; op?: "U" | "D" };
}

/** Yields the records of an import in their order. */
export function* linesOf({ key, format, records, wrongEvery, noteLength, table }: Import): Generator<Line> {
  let line = format === "csv" ? 2 : 1;
  for (let i = 1; i <= records; i++) {
    const place = table && slotOf(i, table);
    const hasWrongAmount = wrongEvery > 0 && i % wrongEvery === 0;
    // A record that deletes a row is not checked for its amount.
    const isWrong = hasWrongAmount && place?.op !== "D";
    const breaks = format === "csv" && i % 5 === 0 ? "\n" : "";
    const data = { i, amount: hasWrongAmount ? -i : i / 2, note: `${key}${breaks}${"ä".repeat(noteLength)}`, ...place };
    const more = place ? `,${place.slot},${place.op}` : "";
    const text = format === "csv" ? `${i},${data.amount},"${data.note}"${more}` : JSON.stringify(data);
    yield { text, line: format === "json" ? null : line, isWrong, data };
    line += 1 + breaks.length;
  }
}

export function bodyOf(one: Import): Uint8Array<ArrayBuffer> {
  const texts = Array.from(linesOf(one), ({ text }) => text);
  const plain = {
    ndjson: () => texts.join("\n"),
    csv: () => `i,amount,note${one.table ? ",slot,op" : ""}\n${texts.join("\n")}\n`,
    json: () => `[\n${texts.join(",\n")}\n]`,
  }[one.format]();
  return new Uint8Array(one.isGzip ? gzipSync(plain) : Buffer.from(plain));
}

export const headersOf = ({ format, key, isGzip }: Import): Record<string, string> => ({
  "content-type": mediaTypes[format],
  "x-request-id": key,
  ...(isGzip ? { "content-encoding": "gzip" } : {}),
});

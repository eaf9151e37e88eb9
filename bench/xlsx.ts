/** How fast a node reads a workbook of a million rows, and how much its memory grows. */
import { strToU8, Zip, ZipDeflate } from "fflate";
import { endOf, newPartner, upload } from "./kit/http.ts";
import { memoryOf, startNode } from "./kit/node.ts";
import type { Benchmark } from "./kit/report.ts";

const MOST_GROWTH = 200e6;
const LEAST_CELLS = 100_000;
const ROWS_AT_ONCE = 1_000;
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const relations = (of: [id: string, type: string, target: string][]) =>
  `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${of
    .map(([id, type, target]) => `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"/>`)
    .join("")}</Relationships>`;

const header = ["order_id", "sku", "quantity", "unit_price", "order_date", "note"];
/** The schema of the orders in `workbook`. */
export const schema = {
  type: "object",
  properties: {
    order_id: { type: "string" },
    sku: { type: "string" },
    quantity: { type: "integer" },
    unit_price: { type: "number" },
    order_date: { type: "string", format: "date" },
    note: { type: "string" },
  },
  required: header,
};

const row = (n: number): string =>
  `<row r="${n}"><c r="A${n}" t="s"><v>${n + 4}</v></c><c r="B${n}" t="inlineStr"><is><t>SKU-${n % 997}</t></is></c><c r="C${n}"><v>${n % 50}</v></c><c r="D${n}"><v>${(n % 10_000) / 100}</v></c><c r="E${n}" s="1"><v>${46_000 + (n % 300)}</v></c><c r="F${n}" t="inlineStr"><is><t>left at the door, number ${n % 90}</t></is></c></row>`;

/** The files inside the workbook. Each order has a shared string of its own, which is the most expensive case. */
function* partsOf(rows: number): Generator<[name: string, text: string]> {
  yield ["_rels/.rels", relations([["r1", "officeDocument", "xl/workbook.xml"]])];
  yield [
    "xl/workbook.xml",
    `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>`,
  ];
  yield [
    "xl/_rels/workbook.xml.rels",
    relations([
      ["r1", "worksheet", "worksheets/sheet1.xml"],
      ["r2", "sharedStrings", "sharedStrings.xml"],
      ["r3", "styles", "styles.xml"],
    ]),
  ];
  yield [
    "xl/styles.xml",
    `<styleSheet xmlns="${MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`,
  ];
  const shared = "xl/sharedStrings.xml";
  yield [shared, `<sst xmlns="${MAIN}">${header.map((name) => `<si><t>${name}</t></si>`).join("")}`];
  for (let n = 0; n < rows; n += ROWS_AT_ONCE)
    yield [
      shared,
      Array.from({ length: ROWS_AT_ONCE }, (_, i) => `<si><t>SO-${100_000_000 + n + i}</t></si>`).join(""),
    ];
  yield [shared, "</sst>"];
  const sheet = "xl/worksheets/sheet1.xml";
  const names = header.map((_, i) => `<c t="s"><v>${i}</v></c>`).join("");
  yield [sheet, `<worksheet xmlns="${MAIN}"><sheetData><row r="1">${names}</row>`];
  for (let n = 2; n < rows + 2; n += ROWS_AT_ONCE)
    yield [sheet, Array.from({ length: ROWS_AT_ONCE }, (_, i) => row(n + i)).join("")];
  yield [sheet, "</sheetData></worksheet>"];
}

export function workbook(rows: number): Buffer[] {
  const pieces: Buffer[] = [];
  const zip = new Zip((error, data) => {
    if (error) throw error;
    pieces.push(Buffer.from(data));
  });
  const parts: ZipDeflate[] = [];
  const end = () => parts.at(-1)?.push(new Uint8Array(0), true);
  for (const [name, text] of partsOf(rows)) {
    if (parts.at(-1)?.filename !== name) {
      end();
      parts.push(new ZipDeflate(name, { level: 6 }));
      zip.add(parts.at(-1) as ZipDeflate);
    }
    parts.at(-1)?.push(strToU8(text));
  }
  end();
  zip.end();
  return pieces;
}

export const xlsx: Benchmark = async ({ size }) => {
  const rows = size === "quick" ? 100_000 : 1_000_000;
  const body = workbook(rows);
  const node = await startNode();
  const partner = await newPartner(node.url, { schema, maxBytes: 2 ** 40, maxRecords: 1e9 });
  const before = memoryOf(node.pid, "VmRSS");
  const began = Date.now();
  const { id } = await upload(partner, "xlsx", body);
  const seconds = (Date.now() - began) / 1000;
  const { counts } = await endOf(partner, id);
  const growth = memoryOf(node.pid, "VmHWM") - before;
  await node.stop();
  if (counts.accepted !== rows) throw new Error(`${counts.accepted} of ${rows} rows were accepted.`);
  const cells = (rows * header.length) / seconds;
  const bytes = body.reduce((sum, piece) => sum + piece.length, 0);
  return {
    title: `xlsx: a workbook of ${rows.toLocaleString("en-US")} rows and ${(bytes / 1e6).toFixed(0)} MB, until it is stored`,
    lines: [
      {
        label: "cells",
        figure: `${Math.round(cells).toLocaleString("en-US")} cells/s until the answer`,
        goal: { text: `≥ ${LEAST_CELLS.toLocaleString("en-US")} cells/s`, isMet: cells >= LEAST_CELLS },
      },
      {
        label: "memory",
        figure: `+${(growth / 1e6).toFixed(0)} MB over ${(before / 1e6).toFixed(0)} MB`,
        goal: { text: "< 200 MB", isMet: growth < MOST_GROWTH },
      },
    ],
  };
};

/** The promise: the template of a dataset is a file that can be imported as it is, and that shows a partner what to write. */
import { batchWhen, get, lines, type TestClient } from "../helpers/http.ts";
import { type Json, startAdmin, url } from "./admin.kit.ts";
import { granted, made, orders, send } from "./datasets.kit.ts";

startAdmin();

async function templateOf(client: TestClient, name: string, query = "") {
  const response = await get(url, client, `/datasets/${name}/template${query}`);
  // As bytes, because a text would lose its byte order mark.
  return {
    status: response.status,
    headers: response.headers,
    bytes: new Uint8Array(await response.arrayBuffer()),
  };
}

/** Imports the template of a dataset with this document, and answers the result. */
async function imported(document: object, query = "") {
  const name = await made(document);
  const client = await granted(name);
  const { bytes, headers } = await templateOf(client, name, query);
  const text = Buffer.from(bytes).toString();
  const type = (headers.get("content-type") ?? "").split(";")[0] as string;
  const response = await send(client, name, bytes, { "content-type": type });
  const { id } = (await response.json()) as { id: string };
  expect(response.status).toBe(202);
  const { counts } = await batchWhen(url, client, id);
  expect(counts).toMatchObject({ received: 1, accepted: 1 });
  const [stored] = await lines<{ data: Json }>(get(url, client, `/imports/${id}/records`));
  return { text, headers, data: stored?.data };
}

const german = {
  schema: {
    type: "object",
    required: ["order_id", "unit_price", "address"],
    additionalProperties: false,
    properties: {
      order_id: { type: "string", examples: ["B-1;2"] },
      unit_price: { type: "number", default: 12.5 },
      order_date: { type: "string", format: "date", examples: ["2026-01-31"] },
      active: { type: "boolean" },
      status: { enum: ["neu", "alt"] },
      tags: { type: "array", items: { type: "string" }, examples: [["rot", "blau"]] },
      address: {
        type: "object",
        required: ["zip"],
        properties: { zip: { type: "string", minLength: 5 }, city: { type: ["null", "string"], maxLength: 2 } },
      },
      pieces: { type: "integer", minimum: 12, multipleOf: 10 },
      code: { type: "string", pattern: "^[A-Z]{3}$" },
    },
  },
  read: {
    dialect: { delimiter: ";" },
    fields: {
      order_id: { titles: ["Bestellnr.", "Nr"] },
      unit_price: { titles: ["Preis"], decimalChar: "," },
      order_date: { format: ["%d.%m.%Y", "%Y-%m-%d"] },
      active: { trueValues: ["ja", "x"] },
      tags: { separator: "|" },
      "address.zip": { titles: ["PLZ"] },
    },
  },
};

test("CSV: titles, the declared delimiter, decimal character, date, word and separator", async () => {
  const { text, headers, data } = await imported(german);
  expect(text).toBe(
    'Bestellnr.;Preis;order_date;active;status;tags;PLZ;address.city;pieces;code\r\n"B-1;2";12,5;31.01.2026;ja;neu;"rot|blau";textx;te;20;AAA\r\n',
  );
  expect(data).toEqual({
    order_id: "B-1;2",
    unit_price: 12.5,
    order_date: "2026-01-31",
    active: true,
    status: "neu",
    tags: ["rot", "blau"],
    address: { zip: "textx", city: "te" },
    pieces: 20,
    code: "AAA",
  });
  expect(headers.get("content-disposition")).toMatch(/^attachment; filename="orders-\d+-template\.csv"$/);
});

test("NDJSON: the same record, as JSON", async () => {
  const csv = await imported(german, "?format=csv");
  const { text, data } = await imported(german, "?format=ndjson");
  expect(data).toEqual(csv.data);
  expect(JSON.parse(text)).toEqual(csv.data);
});

test("XLSX: the same record, with numbers and booleans as such", async () => {
  const csv = await imported(german, "?format=csv");
  const { data, headers } = await imported(german, "?format=xlsx");
  expect(data).toEqual(csv.data);
  expect(headers.get("content-disposition")).toMatch(/^attachment; filename="orders-\d+-template\.xlsx"$/);
});

test.each<[string, object]>([
  ["the third sheet, behind a preamble", { dialect: { sheetNumber: 3, headerRows: [3, 4] } }],
  ["a named sheet without a header", { dialect: { sheetName: "A & B", header: false }, columns: ["b", "A"] }],
])("a workbook with %s", async (_name, read) => {
  const properties = { a: { type: "string", examples: ["_x0041_ <é>\r"] }, b: { type: "number", exclusiveMinimum: 2 } };
  const { data } = await imported({ schema: { properties }, read }, "?format=xlsx");
  expect(data).toEqual({ a: "_x0041_ <é>\r", b: 3 });
});

test.each<[string, object]>([
  ["any object", {}],
  ["a quote of its own, with an escape", { read: { dialect: { quoteChar: "'", escapeChar: "\\" } }, text: "it's \\" }],
  ["a header on later lines", { read: { dialect: { headerRows: [3, 4] } } }],
  ["no header", { read: { dialect: { header: false }, columns: ["b", "A"] } }],
  ["another encoding", { read: { encoding: "windows-1252" }, text: "Größe" }],
  ["a comment's sign", { read: { dialect: { commentChar: "#" } }, text: "#1" }],
  ["a decimal comma with commas between", { read: { fields: { b: { decimalChar: "," } } } }],
  ["times", { read: { fields: { t: { format: "%H.%M" }, z: { format: "%Y%m%d%H%M%S%z" } } } }],
])("a file of %s", async (_name, { read = null, text }: { read?: object | null; text?: string }) => {
  const properties = {
    a: { type: "string", examples: [text ?? "a"] },
    b: { type: "number", exclusiveMinimum: 2 },
    t: { type: "string", format: "time" },
    z: { type: "string", format: "date-time", examples: ["2026-11-29T08:30:00+02:00"] },
  };
  const { data } = await imported({ ...(read && { schema: { properties }, read }) });
  if (read) expect(data).toMatchObject({ a: text ?? "a", b: 3 });
});

const dates = { type: "array", items: { type: "string", format: "date" }, examples: [["2026-01-31", "2026-02-01"]] };

test.each<[string, object, string]>([
  ["the name of a delimiter", { read: { dialect: { delimiter: "tab" } } }, "order_id\tn\r\ntext\t1\r\n"],
  [
    "patterns",
    {
      schema: {
        required: ["sku", "tags"],
        properties: {
          sku: { type: "string", pattern: "^[A-Z]{2}-\\d{4,}$" },
          tags: { type: "array", items: { type: "string", pattern: "^(new|old)$" } },
          note: { type: "string", pattern: "^a$b" },
        },
      },
      read: { fields: { tags: { separator: "|" } } },
    },
    "sku,tags,note\r\nAA-1111,new,\r\n",
  ],
  ["fields that are required alone", { schema: { required: ["a", "b"] } }, "a,b\r\ntext,text\r\n"],
  [
    "dates in a list",
    { schema: { properties: { dates } }, read: { fields: { dates: { separator: "|", format: "%d.%m.%Y" } } } },
    'dates\r\n"31.01.2026|01.02.2026"\r\n',
  ],
  [
    "so many in a list, and a narrow range",
    {
      schema: {
        properties: {
          list: { type: "array", items: { enum: ["p", "q"] }, minItems: 2 },
          n: { type: "number", exclusiveMinimum: 1, exclusiveMaximum: 2 },
        },
      },
      read: { fields: { list: { separator: "/" } } },
    },
    "list,n\r\np/q,1.5\r\n",
  ],
])("CSV with %s", async (_name, document, expected) => {
  const { schema = orders.schema } = document as { schema?: object };
  expect((await imported({ ...document, schema })).text).toBe(expected);
});

test("examples of the whole record go before those of its fields", async () => {
  const schema = {
    properties: { a: { examples: ["x"] }, b: { type: "integer", const: 7 } },
    examples: [{ a: "whole" }],
  };
  expect((await imported({ schema })).text).toBe("a,b\r\nwhole,7\r\n");
});

test("a format that the dataset does not take is refused, and so is one that nobody knows", async () => {
  const name = await made({ formats: ["ndjson"] });
  const client = await granted(name);
  expect((await templateOf(client, name)).status).toBe(415);
  expect((await templateOf(client, name, "?format=ndjson")).status).toBe(200);
  expect((await templateOf(client, name, "?format=pdf")).status).toBe(422);
  expect((await templateOf(client, "never")).status).toBe(404);
  expect((await templateOf(client, "default")).status).toBe(200);
});

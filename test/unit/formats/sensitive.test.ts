/** The promise: no fault of a record shows the value of a sensitive field, and no text of a handler quotes it. */
import { isSensitive, withoutValues } from "../../../formats/check/sensitive.ts";
import type { Envelope, Format } from "../../../formats/formats.ts";
import { checkChunk } from "../../../formats/parts.ts";
import { foundIn } from "../../../formats/read/sent.ts";
import { sentAs } from "../../../formats/read/sent-as.ts";
import { compileRecordSchema } from "../../../formats/schema/record-schema.ts";

const sensitive = ["iban", "person.taxId"];

test.each<[string, boolean]>([
  ["iban", true],
  ["iban[0].x", true],
  ["iban.country", true],
  ["person", true],
  ["person.taxId", true],
  ["person.taxIdOld", false],
  ["person.name", false],
  ["ibans", false],
  ["iba", false],
  ["", false],
])("the field %j", (field, is) => {
  expect(isSensitive(field, sensitive)).toBe(is);
});

const schema = {
  type: "object",
  properties: {
    iban: { type: "string", maxLength: 4 },
    person: { type: "object", maxProperties: 2, properties: { taxId: { type: "integer" }, name: { maxLength: 1 } } },
  },
};

function check(format: Format, envelope: Envelope, records: number, data: string) {
  const validator = compileRecordSchema(schema, { coerce: format !== "ndjson" });
  const spec = { format, envelope, validator, values: false, maxRecordBytes: 1000, sensitive };
  return checkChunk({ firstLine: 1, records, data: Buffer.from(data), oversized: [] }, spec);
}

const faultsOf = ({ rejected }: Awaited<ReturnType<typeof check>>) =>
  rejected.flatMap(({ errors }) => errors.map(({ field, code, value }) => [field, code, value]));

test("faults of JSON records, and their groups", async () => {
  const lines = [
    { iban: "DE1234" },
    { person: { taxId: "secret", name: "Ann" } },
    { person: { taxId: 1, name: "A", c: 1 } },
  ];
  const checked = await check("ndjson", {}, 3, lines.map((line) => JSON.stringify(line)).join("\n"));
  expect(faultsOf(checked)).toEqual([
    ["iban", "maxLength", "•••"],
    ["person.taxId", "type", "•••"],
    ["person.name", "maxLength", '"Ann"'],
    ["person", "maxProperties", "•••"],
  ]);
  expect(checked.grouped.groups.map(({ values }) => values)).toEqual([["•••"], ["•••"], ['"Ann"'], ["•••"]]);
  // The record's own text keeps the value, because the partner corrects it.
  expect(checked.rejected[0]?.raw).toBe('{"iban":"DE1234"}');
});

test("faults of cells, and their groups", async () => {
  const envelope = { header: ["iban", "person.taxId", "person.name"], isMapped: true, delimiter: "," };
  const checked = await check("csv", envelope, 1, "DE1234,secret,Ann\n");
  expect(faultsOf(checked)).toEqual([
    ["iban", "maxLength", "•••"],
    ["person.taxId", "type", "•••"],
    ["person.name", "maxLength", "Ann"],
  ]);
  expect(JSON.stringify(checked.grouped)).not.toMatch(/DE1234|secret/);
});

test.each<[Format, string]>([
  ["ndjson", '{"iban":"DE1234","person":{"name":"Ann"}}'],
  ["csv", "DE1234,Ann"],
])("faults that show only once a record of %s was read", (format, raw) => {
  const envelope = { header: ["iban", "person.name"], isMapped: true };
  const sent = sentAs({ format, envelope }, { read: null, sensitive }, compileRecordSchema(schema, { coerce: true }));
  expect(foundIn(raw, ["iban"], sent).value).toBe("•••");
  expect(foundIn(raw, ["person", "name"], sent).value).toMatch("Ann");
  expect(foundIn(raw, ["person", "taxId"], sent)).toEqual({});
});

test.each<[string, unknown, string]>([
  ["the IBAN DE1234 is closed", { iban: "DE1234" }, "the IBAN ••• is closed"],
  ["DE1234 is in DE12345", { iban: ["DE1234", "DE12345"] }, "••• is in •••"],
  ["no 17 of Ann", { person: { taxId: 17, name: "Ann" } }, "no ••• of Ann"],
  ["no 17", { "person.taxId": 17 }, "no •••"],
  ["true, and empty", { iban: "", person: { taxId: true } }, "true, and empty"],
  ["of another", { person: null }, "of another"],
])("a text: %s", (text, record, told) => {
  expect(withoutValues(text, [record], sensitive)).toBe(told);
});

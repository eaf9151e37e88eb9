/**
 * The promise: in the official tests of JSON Schema 2020-12 each case has the right verdict, or its schema is refused with the
 * place.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RecordNumbers } from "../../../formats/check/record-numbers.ts";
import { compileSchema } from "../../../formats/schema/compile.ts";
import { compileRecordSchema, recordSchemaFaults } from "../../../formats/schema/record-schema.ts";
import { exceptions } from "./json-schema-suite.exceptions.ts";

interface Group {
  description: string;
  schema: boolean | Record<string, unknown>;
  tests: { description: string; data: unknown; valid: boolean }[];
}

const folder = join(__dirname, "../../vendor/json-schema-test-suite/draft2020-12");
const groupsOf = (file: string): Group[] => JSON.parse(readFileSync(join(folder, file), "utf8"));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
  (name) => name.endsWith(".json") && groupsOf(name).length > 0,
);

/** A schema is tested in two ways: as the schema of the record, and as that of one of its fields. */
const asRoot = (schema: Group["schema"]) => (typeof schema === "boolean" ? { allOf: [schema] } : schema);
const asField = (schema: Group["schema"]) => ({
  properties: {
    value: typeof schema === "boolean" ? schema : { $id: "https://suite.example/case", ...schema },
  },
});

/** Our answer to a group: where its schema is refused, or which of its tests have another verdict. */
function answer(schema: object, tests: Group["tests"], validatorOf: (schema: object) => (data: unknown) => boolean) {
  const faults = recordSchemaFaults(schema);
  if (faults.length > 0) return { refused: faults.map(({ pointer }) => pointer), differs: [] };
  const isValid = validatorOf(schema);
  const differs = tests.filter(({ data, valid }) => isValid(JSON.parse(JSON.stringify(data))) !== valid);
  return { refused: null, differs: differs.map(({ description }) => description) };
}

const listed = (file: string, group: string) => ({
  isRefused: exceptions.some(({ refused }) => refused?.[file]?.includes(group)),
  differs: exceptions.flatMap(({ differs }) => differs?.[file]?.[group] ?? []),
});

describe.each(files)("%s", (file) => {
  test.each(groupsOf(file).map(({ description, ...group }) => [description, group] as const))("%s", (name, group) => {
    const { isRefused, differs } = listed(file, name);
    const root = answer(
      asRoot(group.schema),
      group.tests,
      (schema) => compileSchema(schema) as (data: unknown) => boolean,
    );
    const field = answer(asField(group.schema), group.tests, (schema) => {
      const validator = compileRecordSchema(schema, { coerce: false });
      return (value) => validator.check({ value }, new RecordNumbers()) === null;
    });
    for (const { refused, differs: found } of [root, field]) {
      expect(refused !== null).toBe(isRefused);
      expect(found).toEqual(differs);
      for (const pointer of refused ?? []) expect(pointer).toMatch(/^\/./);
    }
  });
});

test("each exception is a case of the suite", () => {
  const known = new Set(files.flatMap((file) => groupsOf(file).map(({ description }) => `${file}: ${description}`)));
  const named = exceptions.flatMap(({ refused = {}, differs = {} }) => [
    ...Object.entries(refused).flatMap(([file, groups]) => groups.map((group) => `${file}: ${group}`)),
    ...Object.entries(differs).flatMap(([file, groups]) => Object.keys(groups).map((group) => `${file}: ${group}`)),
  ]);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

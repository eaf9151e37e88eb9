/** The promise: the OpenAPI document is valid, complete, and agrees with the code from which it is made. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { problems } from "../../../lib/errors.ts";
import { root } from "../../../root.cjs";
import { jsonSchemaOf } from "../../../services/api/http/schema.ts";
import { openApi } from "../../../services/api/openapi/document.ts";
import { problemCodes } from "../../../services/api/openapi/problems.ts";
import { allRoutes } from "../../../services/api/routes/routes.ts";
import { defaultPolicy } from "../../../services/policy/policy.schema.ts";

const document = openApi();

type Finding = { severity: string; ruleId: string; message: string; at: string };

function lint(...sources: string[]): Finding[][] {
  const helper = join(root, "test", "helpers", "lint-openapi.ts");
  const input = JSON.stringify(sources);
  const { stdout, stderr, status } = spawnSync(process.execPath, [helper], { input, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

test("a linter finds no fault, and would find a wrong example", () => {
  const right = JSON.stringify(document);
  const wrong = right.replace('"status":"completed_with_errors"', '"status":"done"');
  const [found, foundInWrong] = lint(right, wrong);
  expect(found).toEqual([]);
  expect(foundInWrong?.map(({ ruleId }) => ruleId)).toContain("no-invalid-media-type-examples");
});

test("every route is in it, and nothing else", () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
  );
  expect(described.sort()).toEqual(allRoutes().sort());
});

test("every problem is in it by its code and status", () => {
  const { oneOf, discriminator } = document.components.schemas.Problem as {
    oneOf: { $ref: string }[];
    discriminator: { mapping: Record<string, string> };
  };
  expect(Object.keys(discriminator.mapping)).toEqual(Object.keys(problems));
  const told = oneOf.map(({ $ref }) => {
    const { properties } = document.components.schemas[$ref.split("/").at(-1) as string] as {
      properties: Record<"code" | "status", { const: unknown }>;
    };
    return [properties.code.const, properties.status.const];
  });
  expect(told).toEqual(problemCodes.map((code) => [code, problems[code].status]));
});

test("every problem belongs to some call, two to all calls", () => {
  const met = Object.keys(document.components.responses).flatMap((name) => name.split("."));
  const codes = new Set([...met, "internal", "method-not-allowed"]);
  expect([...codes].filter((code) => code !== "problem" && code !== "client").sort()).toEqual([...problemCodes].sort());
});

test("every operation has a name of its own and an example of each of its bodies that are text", () => {
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods)) as {
    operationId: string;
    requestBody?: { content: Record<string, { examples: object; schema: object }> };
  }[];
  const names = operations.map(({ operationId }) => operationId);
  expect(new Set(names).size).toBe(names.length);
  for (const { operationId, requestBody } of operations)
    for (const { examples, schema } of Object.values(requestBody?.content ?? {}))
      if (!Object.hasOwn(schema, "contentMediaType"))
        expect({ operationId, examples: Object.keys(examples) }).not.toEqual({ operationId, examples: [] });
});

test("the policy has its defaults and its bounds", () => {
  const { PolicyInput, Policy } = document.components.schemas as Record<
    string,
    { properties: Record<string, Record<string, unknown>>; required?: string[] }
  >;
  const defaults = Object.entries(PolicyInput?.properties ?? {}).map(([name, schema]) => [name, schema.default]);
  expect(Object.fromEntries(defaults)).toEqual(defaultPolicy);
  expect(Policy?.required).toEqual(Object.keys(defaultPolicy));
  expect(PolicyInput?.properties.weight).toMatchObject({ type: "integer", minimum: 1, maximum: 1000, default: 1 });
  expect(PolicyInput?.properties.bytesPerDay).toMatchObject({ type: ["integer", "null"], maximum: 2 ** 50 });
});

test("what is checked with fastest-validator is the same in JSON Schema", () => {
  const rules = {
    name: { type: "string", min: 1, max: 5, pattern: /^a/ },
    age: { type: "number", integer: true, min: 0, optional: true },
    kind: { type: "enum", values: ["x", "y"], optional: true, jsonSchema: { description: "Which." } },
    on: { type: "boolean", optional: true },
    any: { type: "any", optional: true },
  } as const;
  expect(jsonSchemaOf(rules)).toEqual({
    type: "object",
    properties: {
      name: { type: "string", minLength: 1, maxLength: 5, pattern: "^a" },
      age: { type: "integer", minimum: 0 },
      kind: { type: "string", enum: ["x", "y"], description: "Which." },
      on: { type: "boolean" },
      any: {},
    },
    required: ["name"],
    additionalProperties: false,
  });
  expect(() => jsonSchemaOf({ at: { type: "date" } })).toThrow('There is no JSON Schema for the type "date".');
});

test("its version is the package's", () => {
  expect(document.info.version).toBe(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version);
});

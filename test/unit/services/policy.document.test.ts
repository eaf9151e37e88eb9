import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../root.cjs";
import { defaultPolicy, policyFields } from "../../../services/policy/policy.document.ts";
import { mergePatch } from "../../../services/policy/policy.patch.ts";
import { completePolicy, policyFaults } from "../../../services/policy/policy.rules.ts";
import { policyInput, policyOutput, policyPatch } from "../../../services/policy/policy.schema.ts";

const afterCheck = { requiresApproval: "afterValidation" };
const faults = (input: unknown) => policyFaults(input, { isHandler: (name) => name === "orders.import" });

test("the defaults are a policy, and complete", () => {
  expect(faults(defaultPolicy)).toEqual([]);
  expect(completePolicy({})).toEqual(defaultPolicy);
});

test.each<[unknown]>([
  [{}],
  [{ formats: ["csv"], handler: "orders.import", maxErrors: 0, weight: 1000 }],
  [{ window: { from: "22:00", to: "06:00", timeZone: "Europe/Lisbon" }, maxBytes: 2 ** 40, maxRecords: 1e9 }],
  [{ schema: { properties: { a: { type: "string", pattern: "^(a+)+$" } } } }],
  [{ webhook: null }],
  [{ webhook: { url: "https://partner.example/hooks", events: ["batch.created", "batch.completed"] } }],
  [{ backoff: { type: "fixed", delayMs: 5, maxMs: 5 }, rate: { requests: 1 } }],
  [{ ...afterCheck, approveWhen: { rejectedOver: 100, rejectedPercentOver: 2.5, recordsOver: null, deletedOver: 0 } }],
  [{ ...afterCheck, approveWhen: null }],
])("%j is right", (policy) => {
  expect(faults(policy)).toEqual([]);
});

test("a webhook hears of the end where nothing else is said, and may be private where that is allowed", () => {
  const webhook = { url: "http://10.0.0.1/" };
  expect(completePolicy({ webhook } as never).webhook).toEqual({ ...webhook, events: ["batch.completed"] });
  expect(policyFaults({ webhook }, { isHandler: () => false, allowedHosts: ["10.0.0.0/8"] })).toEqual([]);
});

test("limits of an approval that are not named limit nothing", () => {
  const approveWhen = { rejectedOver: 1, rejectedPercentOver: null, recordsOver: null, deletedOver: null };
  expect(completePolicy({ ...afterCheck, approveWhen: { rejectedOver: 1 } } as never).approveWhen).toEqual(approveWhen);
});

const closed = { properties: { a: true, o: {} }, additionalProperties: false };

test("the unique key may be any field, unless the schema allows no other", () => {
  const { additionalProperties: _, ...open } = closed;
  const faults = (policy: object) => policyFaults(policy, { isHandler: () => true });
  expect(faults({ schema: closed, uniqueKey: ["a", "o.deep"] })).toEqual([]);
  expect(faults({ schema: open, uniqueKey: ["b"] })).toEqual([]);
  expect(faults({ schema: { ...closed, patternProperties: { "^x": {} } }, uniqueKey: "x1" })).toEqual([]);
});

test("sensitive fields are those of the schema, also within objects", () => {
  const nested = { properties: { iban: {}, person: { properties: { taxId: {} } } } };
  const sensitive = ["iban", "person", "person.taxId"];
  expect(policyFaults({ schema: nested, sensitive }, { isHandler: () => true })).toEqual([]);
});

test.each<[unknown, string, RegExp]>([
  [[], "", /object/],
  [{ nope: 1 }, "/nope", /^unknown field$/],
  [{ "a/b": 1 }, "/a~1b", /unknown/],
  [{ toString: 1 }, "/toString", /unknown/],
  [JSON.parse('{"__proto__":1}'), "/__proto__", /unknown/],
  [{ formats: [] }, "/formats", /one or more of csv, ndjson, json/],
  [{ formats: ["csv", "csv"] }, "/formats/1", /"csv" only once/],
  [{ formats: ["csv", "xml"] }, "/formats/1", /"ndjson"/],
  [{ maxBytes: 0 }, "/maxBytes", /from 1 to 1099511627776/],
  [{ maxRecords: 1e9 + 1 }, "/maxRecords", /1000000000/],
  [{ maxRecordBytes: 2 ** 24 + 1 }, "/maxRecordBytes", /16777216/],
  [{ chunkRecords: 1.5 }, "/chunkRecords", /integer from 1 to 100000/],
  [{ handlerTimeoutMs: 99 }, "/handlerTimeoutMs", /from 100 to 3600000/],
  [{ maxAttempts: "5" }, "/maxAttempts", /integer/],
  [{ maxErrors: -1 }, "/maxErrors", /at least 0, or null/],
  [{ weight: 0 }, "/weight", /from 1 to 1000/],
  [{ onInvalid: "stop" }, "/onInvalid", /"skip" or "rejectBatch"/],
  [{ dedup: "ignore" }, "/dedup", /"allow" or "reject" or "returnExisting"/],
  [{ dedupHours: 0 }, "/dedupHours", /from 1 to 8760/],
  [{ uniqueKeyDays: 0 }, "/uniqueKeyDays", /from 1 to 3650, or null/],
  [{ bytesPerDay: 0 }, "/bytesPerDay", /or null/],
  [{ recordsPerDay: 1.5 }, "/recordsPerDay", /or null/],
  [{ requiresApproval: 1 }, "/requiresApproval", /true or false/],
  [{ requiresApproval: "before" }, "/requiresApproval", /"afterValidation"/],
  [{ approveWhen: {} }, "/approveWhen", /unless requiresApproval is "afterValidation"/],
  [{ requiresApproval: true, approveWhen: {} }, "/approveWhen", /unless requiresApproval is "afterValidation"/],
  [
    { ...afterCheck, approveWhen: { rejectedPercentOver: 101 } },
    "/approveWhen/rejectedPercentOver",
    /0 to 100, or null/,
  ],
  [{ ...afterCheck, approveWhen: { rejectedPercentOver: "5" } }, "/approveWhen/rejectedPercentOver", /number/],
  [{ ...afterCheck, approveWhen: { rejectedPercentOver: -1 } }, "/approveWhen/rejectedPercentOver", /number/],
  [{ ...afterCheck, approveWhen: { deletedOver: -1 } }, "/approveWhen/deletedOver", /at least 0, or null/],
  [{ rate: { requests: 0 } }, "/rate/requests", /from 1/],
  [{ rate: { windowSeconds: 86_401 } }, "/rate/windowSeconds", /86400/],
  [{ rate: { per: 1 } }, "/rate/per", /^unknown field; there are requests, windowSeconds$/],
  [{ rate: null }, "/rate", /object/],
  [{ window: { from: "24:00", to: "06:00", timeZone: "UTC" } }, "/window/from", /time of day/],
  [{ window: { from: "22:00", to: "06:00", timeZone: "Mars/Base" } }, "/window/timeZone", /IANA/],
  [{ window: { from: "22:00", to: "06:00" } }, "/window/timeZone", /missing/],
  [{ window: { from: "22:00", to: "22:00", timeZone: "UTC" } }, "/window/to", /another time/],
  [{ window: 1 }, "/window", /or null/],
  [{ handler: "other.action" }, "/handler", /importHandler/],
  [{ webhook: "https://partner.example/" }, "/webhook", /object of url, events, or null/],
  [{ webhook: { events: ["batch.ready"] } }, "/webhook/url", /missing/],
  [{ webhook: { url: "http://10.0.0.1/" } }, "/webhook/url", /10.0.0.1 is not a global address/],
  [{ webhook: { url: "https://partner.example/", events: ["batch.lost"] } }, "/webhook/events/0", /batch.completed/],
  [{ backoff: { delayMs: 100, maxMs: 99 } }, "/backoff/maxMs", /at least delayMs \(100\)/],
  [{ backoff: { delayMs: 70_000 } }, "/backoff/maxMs", /found 60000/],
  [{ schema: closed, uniqueKey: "b" }, "/uniqueKey", /allows no other/],
  [{ schema: closed, uniqueKey: ["a", "o.x", "c.x"] }, "/uniqueKey/2", /allows no other/],
  [
    { schema: closed, sensitive: ["a", "o.x"] },
    "/sensitive/1",
    /^expected the path of a field of the schema, found "o.x"$/,
  ],
  [{ sensitive: ["a"] }, "/sensitive/0", /of the schema/],
  [{ sensitive: "a" }, "/sensitive", /list of up to 100 paths/],
  [{ schema: closed, sensitive: ["a", "a"] }, "/sensitive", /none twice/],
  [{ schema: true }, "/schema", /object/],
  [{ schema: { properties: { a: { pattern: "(?=x)" } } } }, "/schema/properties/a/pattern", /RE2/],
])("%j is wrong", (policy, pointer, detail) => {
  const found = faults(policy);
  expect(found.map((fault) => fault.pointer)).toEqual([pointer]);
  expect(found[0]?.detail).toMatch(detail);
});

test("docs/policy.md has a row for each field, as it is declared", () => {
  const rows = readFileSync(join(root, "docs/policy.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  const declared = Object.entries(policyFields).map(
    ([name, { check, byDefault, meaning }]) =>
      `| \`${name}\` | ${check.expected} | \`${JSON.stringify(byDefault)}\` | ${meaning} |`,
  );
  expect(rows).toEqual(declared);
});

test.each([policyInput, policyOutput, policyPatch])(
  "OpenAPI has each field with its meaning ($description)",
  (schema) => {
    const properties = schema.properties as Record<string, { description: string }>;
    const told = Object.entries(properties).map(([name, { description }]) => [name, description]);
    expect(told).toEqual(Object.entries(policyFields).map(([name, { meaning }]) => [name, meaning]));
  },
);

test("all wrong fields are told at once", () => {
  expect(faults({ weight: 0, nope: 1, rate: { requests: 0, windowSeconds: 0 } })).toHaveLength(4);
});

test("nested defaults are filled in", () => {
  const policy = completePolicy({ rate: { requests: 5 }, backoff: { delayMs: 1 } } as never);
  expect(policy.rate).toEqual({ requests: 5, windowSeconds: 60 });
  expect(policy.backoff).toEqual({ type: "exponential", delayMs: 1, maxMs: 60_000 });
});

test("null in a patch restores a default", () => {
  const policy = completePolicy({ weight: 7, rate: { requests: 5, windowSeconds: 6 } });
  const patched = completePolicy(mergePatch(policy, { weight: null, rate: { requests: null } }) as never);
  expect(patched).toEqual({ ...defaultPolicy, rate: { requests: 600, windowSeconds: 6 } });
});

// The examples of RFC 7396, appendix A.
test.each<[unknown, unknown, unknown]>([
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])("%j patched with %j", (target, patch, result) => {
  const before = JSON.stringify(target);
  expect(mergePatch(target, patch)).toEqual(result);
  expect(JSON.stringify(target)).toBe(before);
});

test("a member named __proto__ stays a member", () => {
  const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}'));
  expect(Object.keys(merged as object)).toEqual(["__proto__"]);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

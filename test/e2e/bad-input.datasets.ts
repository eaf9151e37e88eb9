/** Documents of datasets, overrides and names that must be refused, and uploads to datasets that do not exist. */
import type { BadCase, Request } from "./bad-input.kit.ts";
import { wrongPolicies, wrongReads } from "./bad-input.policies.ts";

type Expected = Pick<BadCase, "status" | "code" | "has" | "pointers" | "headers">;
const json = { "content-type": "application/json" };
const mergePatch = { "content-type": "application/merge-patch+json" };
const wrong = (...pointers: string[]): Expected => ({ status: 422, code: "validation", pointers });
const malformed = (offset: number): Expected => ({ status: 400, code: "malformed-body", has: { offset } });
const missing: Expected = { status: 404, code: "not-found" };
const stale: Expected = { status: 412, code: "precondition-failed" };
const taken: Expected = { status: 409, code: "conflict" };
const wantsJson: Expected = { status: 415, code: "unsupported-media-type", headers: { accept: /application\/json/ } };

const asked = (as: string, name: string, request: Request, expected: Expected): BadCase => ({
  name: `${request.method ?? "GET"} ${request.path}: ${name}`,
  as,
  request,
  ...expected,
});
const textOf = (body: unknown) => (typeof body === "string" ? body : JSON.stringify(body));
const operator = (method: string, path: string, name: string, body: unknown, expected: Expected, headers = json) =>
  asked("operator", name, { method, path: `/admin${path}`, headers, body: textOf(body) }, expected);
const put = (name: string, body: unknown, expected: Expected, headers?: Record<string, string>) =>
  operator("PUT", "/datasets/wrong-one", name, body, expected, headers as typeof json);

const ofClients = /^\/(rate|bytesPerDay|recordsPerDay|maxConcurrentBatches|weight|maxConcurrentUploads|webhook)\b/;

/** Each fault of a policy is a fault of a dataset, too, except in the fields of clients, which a dataset does not have. */
const wrongDatasets = [...wrongPolicies, ...wrongReads].filter(
  ([, ...pointers]) => !pointers.some((pointer) => ofClients.test(pointer)),
);

const documents: BadCase[] = [
  ...wrongDatasets.map(([body, ...pointers]) => put(textOf(body).slice(-80), body, wrong(...pointers))),
  ...["rate", "bytesPerDay", "recordsPerDay", "maxConcurrentBatches", "weight", "maxConcurrentUploads", "webhook"].map(
    (field) => put(`a client's ${field}`, { [field]: null }, wrong(`/${field}`)),
  ),
  ...["name", "version", "__proto__", "constructor"].map((field) =>
    put(`the member ${field}`, `{"${field}": "x"}`, wrong(`/${field}`)),
  ),
  put("a description that is none", { description: "" }, wrong("/description")),
  put("a long description", { description: "x".repeat(1_001) }, wrong("/description")),
  put("no body", "", malformed(0)),
  put("no body, and no type for it", "", malformed(0), {}),
  put("a member twice", '{"maxErrors":1,"maxErrors":2}', malformed(15)),
  put(
    "a member twice, deep in it",
    '{"schema":{"properties":{"é":{},"b":{"type":"string","type":"null"}}}}',
    malformed(54),
  ),
  put("half an object", '{"schema":', malformed(10)),
  put("a merge patch", {}, wantsJson, mergePatch),
  put("a version of nothing", {}, stale, { ...json, "if-match": '"1"' }),
  put("any version of nothing", {}, stale, { ...json, "if-match": "*" }),
  operator("PUT", "/datasets/wrong-one?dryRun=perhaps", "another word", {}, wrong("/dryRun")),
  operator("PUT", "/datasets/wrong-one?force=true", "another query", {}, wrong("/force")),
  ...["A", "a b", "1", "-", "a.b", "%00", "%F0%9F%98%80", "a".repeat(65)].map((name) =>
    operator("PUT", `/datasets/${encodeURI(decodeURI(name))}`, "a name that is none", {}, wrong("/name")),
  ),
  operator("PUT", "/datasets/default", "the name that is taken", {}, taken),
  operator("PATCH", "/datasets/never", "nothing", {}, missing, mergePatch),
  operator("DELETE", "/datasets/never", "nothing", "", missing),
  operator("DELETE", "/datasets/default", "the client's own", "", missing),
];

const draftForm = (...parts: string[]) =>
  `${parts.map((part) => `--x\r\nContent-Disposition: form-data; ${part}\r\n`).join("")}--x--\r\n`;
const aDraft = 'name="dataset"\r\n\r\n{}';
const tries: BadCase[] = (
  [
    ["a form that breaks off", draftForm(aDraft).slice(0, -6), { status: 400, code: "malformed-body" }],
    [
      "half a draft",
      draftForm('name="dataset"\r\n\r\n{"a":'),
      { status: 400, code: "malformed-body", has: { offset: 5 } },
    ],
    ["a draft that is wrong", draftForm('name="dataset"\r\n\r\n{"maxErrors":-1}'), wrong("/dataset/maxErrors")],
    ["no file", draftForm(aDraft), wrong("/")],
    ["JSON", "{}", { status: 415, code: "unsupported-media-type" }],
  ] as [string, string, Expected][]
).map(([name, body, expected]) =>
  operator("POST", "/datasets/orders/try", name, body, expected, {
    "content-type": body === "{}" ? "application/json" : "multipart/form-data; boundary=x",
  }),
);

const override = (name: string, body: unknown, expected: Expected, headers?: Record<string, string>) =>
  operator("PUT", "/clients/{client}/datasets/orders", name, body, expected, headers as typeof json);
/** Nulls for members that do not exist. A merge patch would remove them silently. */
const nulls: [patch: unknown, pointer: string][] = [
  [{ nope: null }, "/nope"],
  [{ version: null }, "/version"],
  [{ weight: null }, "/weight"],
  [{ backoff: { nope: null } }, "/backoff/nope"],
  [{ read: { nope: null } }, "/read/nope"],
  [{ read: { dialect: { nope: null } } }, "/read/dialect/nope"],
  [{ read: { fields: { a: { nope: null } } } }, "/read/fields/a/nope"],
];

const grants: BadCase[] = [
  ...wrongDatasets.map(([body, ...pointers]) => override(textOf(body).slice(-80), body, wrong(...pointers))),
  ...nulls.map(([body, pointer]) => override(textOf(body), body, wrong(pointer))),
  ...nulls.map(([body, pointer]) =>
    operator("PATCH", "/datasets/orders", textOf(body), body, wrong(pointer), mergePatch as never),
  ),
  operator(
    "PATCH",
    "/clients/{client}/policy",
    "null for nothing",
    { nope: null },
    wrong("/nope"),
    mergePatch as never,
  ),
  override("no body", "", malformed(0)),
  override("no body, and no type for it", "", malformed(0), {}),
  override("blanks", " \n", malformed(2)),
  operator("PUT", "/clients/{client}/datasets/never", "nothing", {}, missing),
  operator("PUT", "/clients/{client}/datasets/default", "the client's own", {}, taken),
  operator("PUT", "/clients/{client}/datasets/never", "a list", [], wrong("")),
  operator("PUT", "/clients/{client}/datasets/never", "no body", "", malformed(0)),
  operator("DELETE", "/clients/{client}/datasets/never", "nothing", "", missing),
  operator("DELETE", "/clients/{client}/datasets/%00", "no name", "", missing),
  ...["never", "%00", "NEVER", "default"].flatMap((name) => [
    asked("operator", "nothing", { path: `/admin/datasets/${name}/versions` }, missing),
    asked("operator", "nothing", { path: `/admin/datasets/${name}?version=1` }, missing),
  ]),
  asked("operator", "a cursor of nobody", { path: "/admin/datasets?cursor=AAAA" }, wrong("/cursor")),
  asked("operator", "a limit", { path: "/admin/clients/{client}/datasets?limit=201" }, wrong("/limit")),
];

const ndjson = { "content-type": "application/x-ndjson" };
const clients: BadCase[] = ["never", "%00", "NEVER", "a".repeat(200)].flatMap((name) => [
  asked("free", "nothing", { method: "POST", path: `/datasets/${name}/imports`, headers: ndjson, body: "{}" }, missing),
  asked("free", "nothing", { path: `/datasets/${name}` }, missing),
  asked("free", "nothing", { path: `/datasets/${name}/template` }, missing),
]);

export const datasets: BadCase[] = [
  ...documents,
  ...tries,
  ...grants,
  ...clients,
  asked("free", "no such format", { path: "/datasets/default/template?format=pdf" }, wrong("/format")),
  asked("free", "twice", { path: "/datasets/default/template?format=csv&format=csv" }, wrong("/format")),
  asked("free", "twice", { path: "/imports?dataset=a&dataset=b" }, wrong("/dataset")),
];

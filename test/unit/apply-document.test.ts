/**
 * The promise: a file that is no valid document of `npm run apply` is refused with all its faults, before any request is sent.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApplyFaults, wantedOf } from "../../scripts/apply-document.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-apply-document-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Reads the files. Answers what they ask for, or the faults. */
function read(...contents: string[]) {
  const files = contents.map((content, i) => {
    const file = { name: `${i + 1}.yaml`, path: join(folder, `${i + 1}.yaml`) };
    writeFileSync(file.path, content, "latin1");
    return file;
  });
  try {
    return wantedOf(files);
  } catch (error) {
    if (!(error instanceof ApplyFaults)) throw error;
    return error.faults;
  }
}

test.each<[name: string, content: string, ...faults: string[]]>([
  ["a list", "[1]", "the document: expected an object"],
  ["a text", "datasets", "the document: expected an object"],
  ["a number", "5", "the document: expected an object"],
  ["bytes of something else", "\x1f\x8b\x08\x00", "the document: expected an object"],
  ["an unknown member", "dataset: {}", "/dataset: unknown field, expected datasets, clients"],
  ["a member of another case", "Datasets: {}", "/Datasets: unknown field, expected datasets, clients"],
  ["a list of datasets", "datasets: [a]", "/datasets: expected an object"],
  ["the name of a dataset", "datasets: orders", "/datasets: expected an object"],
  ["a dataset that is a list", "datasets: {a: []}", "/datasets/a: expected an object"],
  ["a dataset that is a number", "datasets: {a: 1}", "/datasets/a: expected an object"],
  ["a dataset that is a text", 'datasets: {a: ""}', "/datasets/a: expected an object"],
  ["infinity", "datasets: {a: {maxErrors: .inf}}", "/datasets/a: expected values that JSON has"],
  ["no number", "datasets: {a: {schema: {minimum: .nan}}}", "/datasets/a: expected values that JSON has"],
  ["a list of clients", "clients: [a]", "/clients: expected an object"],
  ["a client that is a text", "clients: {a: shop}", "/clients/a: expected an object"],
  [
    "an unknown member of a client",
    "clients: {a: {weight: 5}}",
    "/clients/a/weight: unknown field, expected name, policy, datasets",
  ],
  [
    "a client's secret",
    "clients: {a: {secret: x}}",
    "/clients/a/secret: unknown field, expected name, policy, datasets",
  ],
  ["a name that is a number", "clients: {a: {name: 5}}", "/clients/a/name: expected a text"],
  ["a name that is null", "clients: {a: {name: null}}", "/clients/a/name: expected a text"],
  ["a policy that is a list", "clients: {a: {policy: []}}", "/clients/a/policy: expected an object"],
  [
    "infinity in a policy",
    "clients: {a: {policy: {weight: -.inf}}}",
    "/clients/a/policy: expected values that JSON has",
  ],
  ["a list of grants", "clients: {a: {datasets: [orders]}}", "/clients/a/datasets: expected an object"],
  ["a grant that is a text", "clients: {a: {datasets: {o: all}}}", "/clients/a/datasets/o: expected an object"],
  [
    "fields beside the override",
    "clients: {a: {datasets: {o: {maxErrors: 5}}}}",
    "/clients/a/datasets/o/maxErrors: unknown field, expected override",
  ],
  [
    "an override that is a list",
    "clients: {a: {datasets: {o: {override: []}}}}",
    "/clients/a/datasets/o/override: expected an object",
  ],
  [
    "a rounded number",
    "datasets: {a: {maxErrors: 9007199254740993}}",
    "expected a number that is kept as it is, found 9007199254740993",
  ],
  [
    "digits beyond a double",
    "datasets: {a: {schema: {minimum: 0.12345678901234567890}}}",
    "expected a number that is kept as it is, found 0.12345678901234567890",
  ],
  ["a tag", "datasets: {a: {maxErrors: !int 5}}", "Unresolved tag: !int at line 1, column 27:"],
  ["a name twice", "datasets: {a: {}, a: {}}", "Map keys must be unique at line 1, column 19:"],
  [
    "a field twice",
    '{"datasets": {"a": {"maxErrors": 1, "maxErrors": 2}}}',
    "Map keys must be unique at line 1, column 37:",
  ],
  ["an alias of nothing", "datasets: {a: *none}", "Unresolved alias (the anchor must be set before the alias): none"],
  [
    "all faults at once",
    "x: 1\ndatasets: {a: 1}\nclients: {b: {name: 1}}",
    "/x: unknown field, expected datasets, clients",
    "/datasets/a: expected an object",
    "/clients/b/name: expected a text",
  ],
])("%s is refused", (_name, content, ...faults) => {
  expect(read(content)).toEqual(faults.map((fault) => `1.yaml: ${fault}`));
});

test.each([
  ["a flow that never ends", "datasets: {a: ["],
  ["tabs", "datasets:\n\ta: {}"],
  ["two documents", "datasets: {}\n---\nclients: {}"],
  ["JSON that is cut off", '{"datasets": {"a": {"schema": '],
  [
    "aliases that grow",
    `a: &a [${"x,".repeat(9)}]\n${["b", "c", "d", "e", "f"].map((name, i) => `${name}: &${name} [${`*${"abcde"[i]},`.repeat(9)}]\n`).join("")}`,
  ],
  ["deep nesting", `{"datasets": {"a": {"schema": ${'{"not":'.repeat(5_000)}{}${"}".repeat(5_003)}`],
])("%s is refused", (_name, content) => {
  expect(read(content)).toContainEqual(expect.stringMatching(/^1\.yaml: ./));
});

test("the same name in two files is told for the second one", () => {
  expect(read("datasets: {a: {}}\nclients: {c: {}}", "datasets: {a: {}}\nclients: {c: {}}")).toEqual([
    "2.yaml: /datasets/a: another file has it as well",
    "2.yaml: /clients/c: another file has it as well",
  ]);
});

test("members without a value are empty ones; a policy without a value is none", () => {
  for (const nothing of ["", "# later", "{}", "datasets:\nclients:"])
    expect(read(nothing)).toEqual({ datasets: new Map(), clients: new Map() });
  expect(read("datasets: {a: }\nclients: {c: {policy: , datasets: {a: {override: }}}}")).toEqual({
    datasets: new Map([["a", {}]]),
    clients: new Map([["c", { datasets: new Map([["a", {}]]) }]]),
  });
});

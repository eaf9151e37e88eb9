/** The promise: each code block of the documents is run by a test, checked here, or has a comment that says why it is neither. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as tables from "../../database/schema/tables.ts";
import { root } from "../../root.cjs";
import { folderForDatabase } from "../helpers/folder.ts";
import { excerptFaults, operations } from "../helpers/openapi.ts";
import { copyTemplate } from "../helpers/template.ts";
import { type Block, blocksOf, pages, placeOf } from "./documents.kit.ts";
import { commandFaults, commandsOf, fileFaults } from "./documents.shell.ts";
import { wordsTests } from "./documents.words.suite.ts";

/** The tests that run all blocks of a page in these languages. */
const run: Record<string, Record<string, string>> = {
  "README.md": { bash: "test/e2e/readme.test.ts" },
  "docs/backup.md": { sh: "test/e2e/backup.test.ts" },
  "docs/datasets.md": { json: "test/e2e/datasets-docs.test.ts" },
  "docs/many-nodes.md": { sql: "test/integration/postgres/documents.test.ts" },
  "docs/postgresql.md": { sql: "test/integration/postgres/documents.test.ts" },
  "docs/partners/start.md": { "bash|json|js|python": "test/e2e/start-docs.test.ts" },
  "docs/tables.md": { json: "test/e2e/tables-docs.test.ts", sql: "test/integration/postgres/documents.test.ts" },
  "docs/webhooks.md": { "js|python": "test/e2e/webhook-docs.test.ts" },
};

const text = (path: string) => readFileSync(join(root, path), "utf8");
const all = pages.flatMap(blocksOf);
const isRun = ({ page, language }: Block) =>
  Object.keys(run[page] ?? {}).some((languages) => languages.split("|").includes(language));
const left = all.filter((block) => !isRun(block));
const of = (...languages: string[]) => left.filter(({ language }) => languages.includes(language));
/** The faults of all blocks, each with the page and the line of its block. */
const placed = (blocks: Block[], faultsIn: (block: Block) => string[]) =>
  blocks.flatMap((block) => faultsIn(block).map((fault) => `${placeOf(block)}: ${fault}`));
const rows = (blocks: Block[]) => blocks.map((block) => [placeOf(block), block] as const);

test("a test that is said to run a page's blocks reads the page", () => {
  for (const [page, tests] of Object.entries(run))
    for (const [languages, path] of Object.entries(tests)) {
      expect([path, existsSync(join(root, path))]).toEqual([path, true]);
      expect(text(path)).toContain(`"${page}"`);
      for (const language of languages.split("|"))
        expect(all.filter((block) => block.page === page && block.language === language)).not.toEqual([]);
    }
});

test("a block that nobody runs and nobody needs to run has no language of ours", () => {
  const data = ["", "csv", "ndjson", "yaml"];
  const code = ["sh", "bash", "http", "json", "sql", "ts", "js", "dockerfile"];
  const others = left.filter(({ language, notRun }) => ![...data, ...code].includes(language) && notRun === null);
  expect(others.map((block) => `${placeOf(block)}: ${block.language}`)).toEqual([]);
  const commands =
    /^(?:[A-Z_]+=|(?:cp|curl|docker|export|grep|install|kubectl|npm|npx|psql|rabbitmqctl|rm|systemctl) )/m;
  expect(
    of("")
      .filter((block) => commands.test(block.text))
      .map(placeOf),
  ).toEqual([]);
});

test("a block that is run is not marked as one that is not", () => {
  expect(all.filter((block) => isRun(block) && block.notRun !== null).map(placeOf)).toEqual([]);
});

describe("commands", () => {
  const blocks = of("sh", "bash");

  test("name files of the repository that are there", () => {
    expect(placed(blocks, (block) => commandsOf(block.text).flatMap(fileFaults))).toEqual([]);
  });

  test.each(rows(blocks.filter(({ notRun }) => notRun === null)))(
    "%s: exist, with their options, routes and settings",
    (_place, block) => {
      for (const words of commandsOf(block.text))
        expect([
          words.join(" "),
          commandFaults(words) ?? "nobody checks this command: run it, or say why it is not run",
        ]).toEqual([words.join(" "), []]);
    },
  );
});

describe("SQL", () => {
  const blocks = of("sql");
  const names = new Set(
    Object.values(tables).flatMap((table) => (typeof table === "object" && "name" in table ? [table.name] : [])),
  );

  test("names tables that are there", () => {
    const faults = (block: Block) =>
      [...block.text.matchAll(/\bdataflow\.(\w+)/g)].map(([, name = ""]) => name).filter((name) => !names.has(name));
    expect(placed(blocks, faults)).toEqual([]);
  });

  test("that changes rows is understood by a database; other statements say why nobody runs them", () => {
    const path = join(folderForDatabase(), "documents.db");
    copyTemplate(path);
    const database = new DatabaseSync(path, { readOnly: true });
    const faults = (block: Block) => {
      const statements = block.text.split(/;\s*/).filter((statement) => statement.trim() !== "");
      return statements.flatMap((statement) => {
        try {
          database.prepare(statement.replaceAll("dataflow.", "").replaceAll("NOW_MS", "0"));
          return [];
        } catch (error) {
          return [`${statement}: ${(error as Error).message}`];
        }
      });
    };
    expect(
      placed(
        blocks.filter(({ notRun }) => notRun === null),
        faults,
      ),
    ).toEqual([]);
    database.close();
  });
});

/** What the JSON blocks of a page show, in their order: a schema of the OpenAPI document, or a part of an answer. */
const shown: Record<string, object[]> = {
  "docs/alerts.md": [answerOf("testAlert")],
  "docs/errors.md": [ref("ErrorSummary")],
  "docs/events.md": [ref("BatchCompleted")],
  "docs/operations.md": [ref("PolicyPatch")],
  "docs/partners/files.md": [
    ref("WrongColumnsProblem"),
    ref("PolicyPatch"),
    ref("RejectedRecord/properties/errors/items"),
  ],
  "docs/uploads.md": [ref("Preview")],
  "docs/webhooks.md": [answerOf("replayDeliveries"), answerOf("testWebhook")],
};

function ref(name: string) {
  return { $ref: `#/components/schemas/${name}` };
}
function answerOf(operationId: string): object {
  const operation = operations.find((one) => one.operationId === operationId);
  return operation?.responses["200"]?.content?.["application/json"]?.schema ?? {};
}

describe("JSON", () => {
  const blocks = of("json");
  /** A page may show a member without the braces around it. */
  const shownIn = ({ text }: Block) => JSON.parse(text.startsWith('"') ? `{${text}}` : text) as unknown;

  test("each block is said to be something", () => {
    const counts = Object.fromEntries(Object.entries(shown).map(([page, schemas]) => [page, schemas.length]));
    const found: Record<string, number> = {};
    for (const { page } of blocks) found[page] = (found[page] ?? 0) + 1;
    expect(found).toEqual(counts);
  });

  test.each(rows(blocks))("%s: has only members that the API's document names", (_place, block) => {
    const nth = blocks.filter(({ page }) => page === block.page).indexOf(block);
    expect(excerptFaults(shown[block.page]?.[nth] as Record<string, unknown>, shownIn(block))).toEqual([]);
  });
});

test("requests that are shown as HTTP are routes, with headers that they take", () => {
  const faults = ({ text }: Block) => {
    const [first = "", ...headers] = text.trim().split("\n");
    const [method, path] = first.split(" ");
    const operation = operations.find((one) => one.method === method && one.path === path);
    const taken = operation?.parameters.map(({ name }) => name.toLowerCase()) ?? [];
    const unknown = headers
      .map((line) => line.split(":")[0] ?? "")
      .filter((name) => !taken.includes(name.toLowerCase()));
    return operation ? unknown.map((name) => `no header ${name}`) : [`no route ${first}`];
  };
  expect(placed(of("http"), faults)).toEqual([]);
});

test("the handler that is shown is one that is compiled", () => {
  const blocks = of("ts").filter(({ notRun }) => notRun === null);
  const compiled = text("test/unit/documents.handler.ts");
  expect(
    placed(blocks, (block) =>
      compiled.includes(block.text.trim()) ? [] : ["it is not in test/unit/documents.handler.ts"],
    ),
  ).toEqual([]);
});

test("the console's page that is shown imports what is there", () => {
  const faults = ({ text: block }: Block) =>
    [...block.matchAll(/import \{ ([^}]+) \} from "\.\.\/([\w./-]+)"/g)].flatMap(([, names = "", path = ""]) => {
      const file = join(root, "console", path);
      const source = existsSync(file) ? readFileSync(file, "utf8") : "";
      return names
        .split(", ")
        .filter((name) => !new RegExp(`\\b${name}\\b`).test(source))
        .map((name) => `${path} has no ${name}`);
    });
  expect(placed(of("js"), faults)).toEqual([]);
});

test("packages that an image adds are those of package.json", () => {
  const { optionalDependencies = {}, devDependencies = {} } = JSON.parse(text("package.json")) as Record<
    string,
    Record<string, string>
  >;
  const faults = ({ text: block }: Block) =>
    [...block.matchAll(/(@[\w-]+\/[\w-]+)@([\d.]+)/g)]
      .filter(
        ([, name = "", range = ""]) =>
          !(optionalDependencies[name] ?? devDependencies[name])?.replace(/^\D/, "").startsWith(range),
      )
      .map(([all]) => `${all} is not in package.json`);
  expect(placed(of("dockerfile"), faults)).toEqual([]);
});

wordsTests();

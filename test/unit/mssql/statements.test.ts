/**
 * Checks every statement for SQL Server as text, because no such server runs with these tests. It looks for everything that a
 * server would reject. The snapshots have the dialect's statements, for comparison with PostgreSQL's.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ddl } from "../../../database/dialects/mssql/ddl.ts";
import { batchColumns, MADE, madeOf } from "../../../database/dialects/mssql/rows.ts";
import { kinds } from "../../../database/dialects/mssql/sql.ts";
import { mssqlDeliveries, mssqlLocks, mssqlStore } from "../../../database/dialects/mssql/store.ts";
import { tableNames, namesIn as tablesIn } from "../../../database/schema/names.ts";
import { LISTED, WHOLE } from "../../../database/units/batches.ts";
import { cases } from "./statements.cases.ts";
import { isMarked, MARK, type Sent, sentBy, sentByAll } from "./statements.kit.ts";
import { columnTypes } from "./statements.schema.ts";

/** Words of other databases, and parts of T-SQL that not every server has (docs/architecture.md, Storage). */
const foreign = [
  /\bMERGE\b/,
  /\bCREATE OR ALTER\b/,
  /\bALTER COLUMN\b/,
  /\bLIMIT\b/,
  /\bON CONFLICT\b/,
  /\bRETURNING\b/,
  /::/,
  /\bstring_to_table\b/,
  /\bSTRING_SPLIT\b/,
  /\b(GREATEST|LEAST)\b/,
  /\bNOW\(/,
  /\bILIKE\b/,
  /\b(TRUE|FALSE)\b/,
  /\|\|/,
  /\bEXCLUDED\b/,
  /\bUSING\b/,
  /\bLATERAL\b/,
  /\bRECURSIVE\b/,
  /\bFOR (UPDATE|JSON|NO KEY)\b/,
  /\bRETURN\b/,
  /\bGOTO\b/,
  /\bEXEC/,
  /\bNULLS (FIRST|LAST)\b/,
  // An error if READ_COMMITTED_SNAPSHOT is on.
  /\(READPAST/,
];

/** The order in which tables are locked. Tables that are not named come last. */
const order: Record<string, number> = {
  // Only batches of datasets with an order lock this table, before any other.
  order_lane: -1,
  batch: 0,
  // The row of a client's day. Only the client's uploads lock it, before they write anything else.
  client_usage: 0,
  batch_work: 1,
  client_queue: 2,
  record_key: 3,
  content_key: 3,
  idempotency_key: 3,
};

/**
 * The clause at the end of a statement that says how it is planned. The parser does not know it. Only these hints are allowed,
 * because others may leave the server without a plan.
 */
const HINT = /\s+OPTION \((?:LOOP JOIN|RECOMPILE|MAXRECURSION 0)\)(?=;)/g;

const withoutStrings = (text: string) => text.replaceAll(/'(?:[^']|'')*'/g, "''");
const statementsOf = (text: string) => text.split(/;\n|;$/).map((one) => one.trim());
const namesIn = (text: string) => new Set(withoutStrings(text).match(/(?<!@)@[A-Za-z]\w*/g) ?? []);
const declaredIn = (text: string) => [...text.matchAll(/DECLARE (@\w+) (TABLE|[A-Z]+(?:\(\w+\))?)/g)];
const writesOf = (text: string) =>
  [...text.matchAll(/\b(?:UPDATE|INSERT INTO|DELETE FROM) ([#@]?\w+)/g)].map(([, table]) => table as string);

/** Shortens a text that many statements contain and that has a snapshot of its own. */
const brief = (text: string) =>
  text
    .replaceAll(MADE, "@made TABLE (columns of a batch)")
    .replaceAll(batchColumns("made"), "made as a batch")
    .replaceAll(batchColumns(), "a batch")
    .replaceAll(madeOf("@id"), "INSERT INTO @made a live batch")
    .replaceAll(WHOLE, "a whole batch")
    .replaceAll(LISTED, "a batch without its envelope");

/** Checks that everything that is declared or given is used, and that nothing else is used. */
function expectUsed(text: string, names: string[]): void {
  const declared = declaredIn(text).map(([, name]) => name as string);
  const given = names.map((name) => `@${name}`);
  expect(new Set([...declared, ...given]).size).toBe(declared.length + given.length);
  expect([...namesIn(text)].sort()).toEqual([...declared, ...given].sort());
  const bare = withoutStrings(text);
  for (const name of declared) {
    const [first, ...uses] = [...bare.matchAll(new RegExp(`(?<!@)${name}\\b`, "g"))];
    expect(uses.length).toBeGreaterThan(0);
    expect(bare.slice(0, first?.index).endsWith("DECLARE ")).toBe(true);
  }
}

test("parts that many statements share", () => {
  expect(`\n${[MADE, batchColumns(), madeOf("@id"), WHOLE, LISTED].join("\n\n")}\n`).toMatchSnapshot();
});

describe.each(cases)("$name", (unit) => {
  let sent: Sent[];
  beforeAll(async () => {
    sent = await sentBy(unit);
  });
  const each = (look: (one: Sent) => void) => {
    expect(sent).not.toHaveLength(0);
    for (const one of sent) look(one);
  };

  test("is what it was", () => {
    const pages = sent.map(({ text, types, staged }) => {
      const given = Object.entries(types).map(([name, type]) => `-- @${name} ${type}`);
      const tables = Object.entries(staged).map(([name, columns]) => `-- ${name} (${columns.join(", ")})`);
      return [...tables, ...given, brief(text)].join("\n");
    });
    expect(`\n${pages.join("\n\n-- then\n\n")}\n`).toMatchSnapshot();
  });

  test("is nothing but what every server has", () =>
    each(({ text }) => {
      for (const word of foreign) expect(withoutStrings(text)).not.toMatch(word);
      expect(text.endsWith(";")).toBe(true);
      expect(text).not.toMatch(/BEGIN\s+END/);
    }));

  test("has no value in its text", () =>
    each(({ text, values, rows }) => {
      expect(text).not.toMatch(new RegExp(`${MARK}|777`));
      expect([...values, ...rows.flat()].filter(isMarked).length).toBeGreaterThan(values.length === 0 ? -1 : 0);
    }));

  test("uses what it is given and what it declares, and nothing else", () =>
    each(({ text: loaded, types, few }) => {
      const ways = [{ text: loaded, names: Object.keys(types) }, ...(few ? [few] : [])];
      for (const { text, names } of ways) expectUsed(text, names);
    }));

  test("compares columns with values of their own type", () =>
    each(({ text, types }) => {
      const local = declaredIn(text).map(([, name, type]) => [name, type as string]);
      const known = Object.fromEntries([...Object.entries(types).map(([name, type]) => [`@${name}`, type]), ...local]);
      for (const [, column, name] of text.matchAll(/\b(?:\w+\.)?"?(\w+)"? (?:=|<>|<=|>=|<|>) (@\w+)\b(?! [-+*/%])/g)) {
        const possible = columnTypes(column as string);
        if (possible.size > 0)
          expect([column, [...possible]]).toEqual([column, expect.arrayContaining([known[name as string]])]);
      }
    }));

  test("ends what it begins, and asks for a count right after the write that it counts", () =>
    each(({ text }) => {
      const statements = statementsOf(text);
      const begun = statements.filter((one) => one === "BEGIN TRAN").length;
      expect(begun).toBeLessThanOrEqual(1);
      expect(text.match(/\bROLLBACK\b/g)?.length ?? 0).toBe(
        text.includes("BEGIN TRAN") && text.includes("@held") ? 1 : 0,
      );
      expect(text.match(/\bCOMMIT\b/g)?.length ?? 0).toBe(begun);
      if (begun === 1) {
        const end = text.includes("@held")
          ? /;\nIF @held = 1\n {2}COMMIT;\nELSE\n {2}ROLLBACK;\nSELECT [^;]*@held = 1;$/
          : /;\nCOMMIT;\nSELECT [^;]*;$/;
        expect(text).toMatch(end);
      }
      for (const [n, statement] of statements.entries())
        if (statement.includes("@@ROWCOUNT")) {
          expect(statement).toMatch(/^SET @\w+ = (@\w+ - )?@@ROWCOUNT$/);
          expect(statements[n - 1]).toMatch(
            /^(IF @(?:held|changed) = [01]\s+)?(BEGIN\s+)?(UPDATE|INSERT INTO|DELETE FROM) /,
          );
        }
    }));

  test("locks in the order of all units", () =>
    each(({ text }) => {
      if (!text.includes("BEGIN TRAN")) return;
      const tables = writesOf(text).filter((table) => !/[@#]/.test(table));
      const first = tables.filter((table, n) => tables.indexOf(table) === n);
      // A table that is locked last is held while its transaction waits for nothing.
      const ranks = first.map((table) => order[table] ?? 4);
      const last = first.at(-1) === tables.at(-1) && first.at(-1) === "client_queue" ? ranks.slice(0, -1) : ranks;
      expect(last).toEqual([...last].sort((a, b) => a - b));
    }));
});

/** The faults by another process, which needs as long to load its parser as to parse. */
const faultsOf = (texts: string[]): string[] =>
  JSON.parse(
    execFileSync(process.execPath, [join(__dirname, "statements.parse.mjs")], {
      input: JSON.stringify(texts.map((one) => one.replaceAll(HINT, ""))),
      encoding: "utf8",
    }),
  );

test("a parser of T-SQL takes every statement, also in a schema of their own, and no nonsense", async () => {
  const sent = await sentByAll(cases);
  const names = tablesIn("dataflow", "TRIGGER");
  const inSchema = sent.map(({ text }) => names.in(text));
  const bare = new RegExp(`(?:FROM|JOIN|INTO|UPDATE|,)\\s+(?:${tableNames.join("|")})\\b(?![.(])`);
  for (const text of inSchema) expect(withoutStrings(text)).not.toMatch(bare);
  const nonsense = ["UPDATE batch SET a = 1 OUTPUT inserted.a INTO @a, WHERE id = 1;", "SELECT TOP (1 a FROM b;"];
  const texts = sent.flatMap(({ text, few }) => [text, few?.text ?? text]);
  const faults = faultsOf([...new Set([...texts, ...inSchema]), ...nonsense]);
  expect(faults).toEqual(nonsense.map((one) => expect.stringContaining(one)));
});

test("a name of a temporary table stands for one list of columns", async () => {
  const known = new Map<string, string>();
  for (const { text, staged, few } of await sentByAll(cases)) {
    expect(few === null).toBe(Object.keys(staged).length === 0);
    expect(few?.text ?? "").not.toContain("#");
    for (const [name, columns] of Object.entries(staged)) {
      expect([name, known.get(name) ?? `${columns}`]).toEqual([name, `${columns}`]);
      known.set(name, `${columns}`);
    }
    expect(new Set(text.match(/#\w+/g))).toEqual(new Set(Object.keys(staged)));
  }
  expect(known.size).toBe(6);
});

test("every method of the seams is looked at", () => {
  const seams = [mssqlStore({} as never), mssqlLocks({} as never), mssqlDeliveries({} as never)];
  const names = seams
    .flatMap((seam) => Object.keys(seam))
    .filter((name) => !["leastCompressed", "keepsOrder"].includes(name));
  const covered = new Set(cases.map(({ name }) => name.split(":")[0]));
  expect(names.filter((name) => !covered.has(name))).toEqual([]);
});

test("a small upload is one batch, whatever is decided with it", async () => {
  const small = cases.find(({ name }) => name === "commitUpload: with quotas");
  const made = { id: 1, state: "ready", envelope: "{}", reason: null, contentHash: null };
  expect(await sentBy({ ...(small as (typeof cases)[number]), answers: [[made]] })).toHaveLength(1);
});

test("staged columns and table variables have the types of the schema", () => {
  const sent = {
    uuid: kinds.uuid.sql,
    name: kinds.name.sql,
    text: kinds.text.sql,
    hash: kinds.hash.sql,
    key: kinds.key.sql,
  };
  expect(ddl.types).toMatchObject({ ...sent, bigint: kinds.big.sql, int: kinds.int.sql, bytes: kinds.bytes.sql });
});

/** How PostgreSQL reads where its statistics may be wrong, because it may keep a plan from a time when the tables were empty. */
import pg from "pg";
import { LOOKED_AT } from "../../../database/counts.ts";
import { runnerOn } from "../../../database/dialects/postgres/render.ts";
import type { Sql } from "../../../database/dialects/postgres/sql.ts";
import { CANDIDATES } from "../../../database/dialects/postgres/units/fairness.ts";
import { CLAIM_GROUP } from "../../../database/dialects/postgres/units/group.ts";
import { CLAIM } from "../../../database/dialects/postgres/units/work.ts";
import { fairnessUnits } from "../../../database/units/fairness.ts";
import { figureUnits } from "../../../database/units/figures.ts";
import { undoUnits } from "../../../database/units/undo.ts";
import { Units } from "../../../database/units/unit.ts";
import { describePostgres, freshPostgres } from "../../helpers/database.ts";

/** How many times the server plans for the values of a call. Then it keeps one plan for all calls. */
const OWN_PLANS = 6;

/** The statements that `ask` sends. `answers`: what each is answered with, by a word in it. */
async function sentBy(
  ask: (on: Units) => Promise<unknown>,
  answers: Record<string, unknown[]> = {},
): Promise<string[]> {
  const sent: string[] = [];
  const run = async (text: string) => {
    sent.push(text);
    const word = Object.keys(answers).find((one) => text.includes(one));
    return { rows: word ? answers[word] : [], rowCount: 0 };
  };
  await ask(new Units(runnerOn({ run } as unknown as Sql)));
  return sent;
}

/** Enough rows of clients at their cap that the search for the oldest batch has to go on behind them. */
const HIDDEN = Array.from({ length: LOOKED_AT.batches }, () => ({ kind: "ready", clientId: 1, at: 0 }));
const figures = (glance: object[] = [{ kind: "full", clientId: 1 }, ...HIDDEN]) =>
  sentBy((on) => figureUnits(on).stats(), { "q.running >= q.cap": glance });

const batches = (state: string, from: number, to: number) => `
  INSERT INTO batch (public_id, client_id, policy_version, state, format, envelope, bytes, records, chunks, phase, next_chunk,
    accepted, rejected, duplicate, fence, due_at, attempt, attempts_total, version, created_at)
  SELECT gen_random_uuid(), 1, 1, '${state}', 'ndjson', '{}', 1, 1, 1, 'deliver', 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
  FROM generate_series(${from}, ${to}) n`;

interface Plan {
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  Plans?: Plan[];
}

const partsOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(partsOf)];

/** How many rows of `table` the plan reads, including rows that it discards. */
const readIn = (plan: Plan, table = "batch"): number =>
  partsOf(plan)
    .filter((part) => part["Relation Name"] === table)
    .reduce((sum, { "Actual Rows": rows, "Actual Loops": loops, ...part }) => {
      return sum + (rows + (part["Rows Removed by Filter"] ?? 0)) * loops;
    }, 0);

/** What a statement reads once a client has a history, by the plan that was made while there was none. */
async function planAfter(statement: string, history: number, values = ""): Promise<[found: number, plan: Plan]> {
  const at = await freshPostgres();
  const client = new pg.Client(at.url);
  await client.connect();
  try {
    await client.query(
      "INSERT INTO client_queue (client_id, running, pass, cap, weight, due_at) VALUES (1, 0, 0, 5, 1, 0)",
    );
    await client.query(`PREPARE asked AS ${statement}`);
    for (let i = 0; i < OWN_PLANS; i++) await client.query(`EXECUTE asked${values}`);
    await client.query(batches("completed", 1, history));
    await client.query(batches("ready", history + 1, history + 1));
    const { rowCount } = await client.query(`EXECUTE asked${values}`);
    const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked${values}`);
    return [rowCount ?? 0, rows[0]["QUERY PLAN"][0].Plan];
  } finally {
    await client.end();
    await at.remove();
  }
}

/** One client in a hundred has a waiting batch. All clients had batches before. */
const CLIENTS = 3_000;
const waitingClients = [
  `INSERT INTO client_queue (client_id, running, pass, cap, weight, began, due_at)
   SELECT n, n % 2, n, 5, 1, n - 1000, CASE WHEN n % 100 = 0 THEN 0 END FROM generate_series(1, ${CLIENTS}) n`,
  `${batches("ready", 1, CLIENTS / 100)};
   UPDATE batch SET client_id = 100 * id`,
];

/** A batch that is taken back, with its keys. */
const undoneKeys = [
  batches("undoing", 1, 1),
  `INSERT INTO record_key (client_id, key_hash, batch_id, chunk_no)
   SELECT 1, decode(md5(n::text), 'hex'), 1, 0 FROM generate_series(1, 3000) n`,
];

/** How many rows of `table` a statement reads when there are many, by the plan that was made while there were none. */
async function rowsRead(table: string, fills: string[], statement: string, values: string): Promise<number> {
  const at = await freshPostgres();
  const client = new pg.Client(at.url);
  await client.connect();
  try {
    await client.query(`PREPARE asked AS ${statement}`);
    for (let i = 0; i < OWN_PLANS; i++) await client.query(`EXECUTE asked${values}`);
    for (const fill of fills) await client.query(fill);
    const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked${values}`);
    return readIn(rows[0]["QUERY PLAN"][0].Plan, table);
  } finally {
    await client.end();
    await at.remove();
  }
}

describePostgres("PostgreSQL's plans", () => {
  it.each([
    ["a claim", async () => [CLAIM], "(1, 'node', 30000)", 4],
    ["a claim of a group", async () => [CLAIM_GROUP], "(ARRAY[1, 2, 3]::bigint[], 'node', 30000)", 12],
    ["a look for candidates", async () => [CANDIDATES], "(4, 16, 32)", 21],
    ["whether a client is overtaken", () => sentBy((on) => fairnessUnits(on).isOvertaken(1)), "(1)", 2],
  ])("%s reads the rows of few clients", async (_name, sent, values, most) => {
    const [statement = ""] = await sent();
    const read = await rowsRead("client_queue", waitingClients, statement, values);
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThanOrEqual(most);
  });

  it("taking back a piece of a batch reads the keys of the piece only", async () => {
    const [statement = ""] = await sentBy((on) => undoUnits(on).undoRecords(1, 2, []));
    const keys = "ARRAY['c4ca4238a0b923820dcc509a6f75849b', 'c81e728d9d4c2f636f067f89cc14862c']"; // The MD5 hashes of 1 and 2.
    expect(await rowsRead("record_key", undoneKeys, statement, `(1, ${keys}, 2)`)).toBe(2);
  });

  it("choosing a batch reads none of those that its client sent before", async () => {
    const [found, plan] = await planAfter(CANDIDATES, 1_000, "(1, 16, 32)");
    const skipped = partsOf(plan).reduce((sum, part) => sum + (part["Rows Removed by Filter"] ?? 0), 0);
    expect([found, skipped]).toEqual([1, 0]);
  });

  it("the figures are one statement while no client is at its cap", async () => {
    expect(await figures([])).toHaveLength(1);
  });

  it("the figures read no batch that has ended", async () => {
    const statements = await figures();
    expect(statements).toHaveLength(3);
    for (const text of statements) {
      const [, plan] = await planAfter(text, 1_000, text.includes("$1") ? "('{1}')" : "");
      expect([text, readIn(plan) < 10]).toEqual([text, true]);
    }
  });
});

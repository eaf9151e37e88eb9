/**
 * The promise: the commands of docs/backup.md make a copy while batches run, and a node on the restored copy has exact counts.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { openDatabase } from "../../database/database.ts";
import { root } from "../../root.cjs";
import { describePostgres, POSTGRES_URL } from "../helpers/database.ts";
import { accepted, type Batch, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { blocksOf, pageOf, pasted } from "./docs.kit.ts";

const RECORDS = 300;
const [, sqlite = "", postgres = ""] = pageOf("docs/backup.md").split(/^## /m);
const blocks = (section: string) => blocksOf(section, "sh").map(([, text]) => text);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-backup-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const orders = (name: string) =>
  Array.from({ length: RECORDS }, (_, at) => JSON.stringify({ id: `${name}-${at}` })).join("\n");

async function paste(block: string | undefined, env: Record<string, string> = {}): Promise<void> {
  const path = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  await pasted([block ?? ""], { cwd: folder, env: { ...env, PATH: path } });
}

const storedBy = async (url: string, client: TestClient, id: string): Promise<number> => {
  const response = await fetch(`${url}/imports/${id}/records`, { headers: { authorization: client.auth } });
  return (await response.text()).trim().split("\n").length;
};

/** The rights to a file that others than its user have. */
const readersOf = (file: string) => statSync(join(folder, file)).mode & 0o077;

/**
 * Copies a database with an ended and a waiting batch. A third batch comes after the copy. Then the original is lost, and a node
 * runs on the copy.
 */
async function drill(at: {
  env: Record<string, string>;
  backup(): Promise<void>;
  restore(): Promise<Record<string, string>>;
}) {
  let system: System = await startSystem({ env: at.env });
  try {
    const client = await newClient(system.url, { schema: { type: "object", required: ["id"] } });
    const ended = await accepted(system.url, client, orders("ended"));
    await batchWhen(system.url, client, ended.id);
    await system.broker.call("batchProcessor.pause");
    const waiting = await accepted(system.url, client, orders("waiting"));
    await at.backup();
    const late = await accepted(system.url, client, orders("late"));
    await system.stop();

    const env = await at.restore();
    system = await startSystem({ env });
    const found: Batch[] = [];
    for (const { id } of [ended, waiting]) found.push(await batchWhen(system.url, client, id));
    expect(found.map(({ counts }) => counts.accepted)).toEqual([RECORDS, RECORDS]);
    for (const { id } of [ended, waiting]) expect(await storedBy(system.url, client, id)).toBe(RECORDS);
    const gone = await fetch(`${system.url}/imports/${late.id}`, { headers: { authorization: client.auth } });
    expect(gone.status).toBe(404);
  } finally {
    await system.stop();
  }
}

test("SQLite: a copy of the file, made while a batch waits", async () => {
  mkdirSync(join(folder, "data"));
  const url = `sqlite:${join(folder, "data/dataflow.db")}`;
  const database = await openDatabase({ url });
  await database.migrate();
  await database.close();
  const env = { DATABASE_URL: url };
  await drill({
    env,
    backup: () => paste(blocks(sqlite)[0]),
    restore: async () => {
      expect(readersOf("backup.db")).toBe(0);
      await paste(blocks(sqlite)[1]);
      return env;
    },
  });
});

describePostgres("PostgreSQL", () => {
  const names = ["", "_restored"].map((end) => `dataflow_backup_${randomBytes(4).toString("hex")}${end}`);
  const urlTo = (name = "") => Object.assign(new URL(POSTGRES_URL), { pathname: `/${name}` }).href;
  const bySuperuser = (command: string) =>
    paste(`psql --quiet "$SERVER_URL" --command='${command}'`, { SERVER_URL: POSTGRES_URL });
  afterEach(async () => {
    for (const name of names) await bySuperuser(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });

  test("a dump, made while a batch waits, restored into another database", async () => {
    const [name = "", restored = ""] = names;
    await bySuperuser(`CREATE DATABASE ${name}`);
    const database = await openDatabase({ url: urlTo(name) });
    await database.migrate();
    await database.close();
    await drill({
      env: { DATABASE_URL: urlTo(name) },
      backup: () => paste(blocks(postgres)[0], { DATABASE_URL: urlTo(name) }),
      restore: async () => {
        expect(readersOf("backup.dump")).toBe(0);
        const block = blocks(postgres)[1]?.replace("dataflow_restored", restored);
        await paste(block, { SERVER_URL: POSTGRES_URL, RESTORED_URL: urlTo(restored) });
        return { DATABASE_URL: urlTo(restored) };
      },
    });
  });
});

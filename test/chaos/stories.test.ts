/**
 * The promise: a process is killed repeatedly while partners check, commit and correct, and operators take batches back. At the
 * end each record that had to be delivered is there once, records that were taken back are gone, and the counts are exact.
 * CHAOS_ROUNDS=120 makes a long run; CHAOS_SEED repeats the stories and moments of an earlier run.
 */
import { openDatabase } from "../../database/database.ts";
import { recordKey } from "../../formats/check/record-keys.ts";
import { isPostgresThere, migratedPostgres } from "../helpers/database.ts";
import { newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { killLeftOvers, type RunningProcess, startProcess, temporaryFolder } from "../helpers/process.ts";
import { randomBy } from "./imports.ts";
import {
  correctedIn,
  deliveredBy,
  goOn,
  isOver,
  type Story,
  schema,
  seenBy,
  sentBy,
  type Way,
  ways,
  wrongIn,
} from "./stories.ts";

const ROUNDS = Number(process.env.CHAOS_ROUNDS ?? 1);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const LONGEST_LOAD_MS = 1_500;
/** The clients come in pairs: two without extras, then two with a unique key, then two that import into a table. */
const FIRST_UNIQUE = 2;
const FIRST_TABLE = 4;

const folder = temporaryFolder();
afterAll(() => {
  killLeftOvers();
  folder.remove();
});

const table = "CREATE TABLE story (batch varchar(64) NOT NULL, id varchar(64) NOT NULL, amount integer)";
const index = "CREATE INDEX story_batch ON story (batch)";
const intoTable = {
  handler: "table",
  table: { name: "story", mode: "insert", columns: { batch: { meta: "batchId" }, id: "id", amount: "amount" } },
};

const sqlite = { name: "SQLite", open: async () => folder.databaseUrl };
const postgres = { name: "PostgreSQL", open: async () => (await migratedPostgres()).url };
const servers = isPostgresThere("stories on PostgreSQL") ? [postgres] : [];
// A short run uses one database, because each start of a process costs a second of CPU time.
const places = process.env.CHAOS_ROUNDS ? [sqlite, ...servers] : [...servers, sqlite].slice(0, 1);

describe.each(places)("on $name", ({ open }) => {
  test(
    `stories go on after ${ROUNDS} kills and reach their right end (CHAOS_SEED=${SEED})`,
    async () => new Run(await open()).all(),
    120_000 + ROUNDS * 20_000,
  );
});

class Run {
  private readonly url: string;
  private readonly env: Record<string, string>;
  private readonly random = randomBy(SEED);
  private readonly stories: Story[] = [];
  private readonly unexpected: string[] = [];
  private clients: TestClient[] = [];
  private isKilling = true;

  constructor(url: string) {
    this.url = url;
    this.env = { DATABASE_URL: url, BATCH_LEASE: "1s", SWEEP_INTERVAL: "100ms", TABLES_ALLOWED: "*" };
  }

  async all(): Promise<void> {
    await this.select(table, index);
    for (let no = 0; no < ROUNDS; no++) await this.round(no);
    this.isKilling = false;
    const running = await startProcess(this.env);
    // Finishes the stories that kills have interrupted.
    await Promise.all(this.clients.map((_, i) => this.tell(running.url, i, ROUNDS)));
    expect(this.unexpected).toEqual([]);
    await until(() => this.isRestful(running), "all to be at rest", 60_000);
    for (const story of this.stories) await this.expectCounts(running.url, story);
    await running.stop();
    await this.expectDelivered();
    if (process.env.CHAOS_ROUNDS) console.log(`Seed ${SEED}: ${this.stories.length} stories after ${ROUNDS} kills.`);
  }

  private async round(no: number): Promise<void> {
    const running = await startProcess(this.env);
    if (no === 0) await this.makeClients(running.url);
    const telling = this.clients.map((_, i) => this.tell(running.url, i, no));
    await new Promise((resolve) => setTimeout(resolve, 100 + this.random() * LONGEST_LOAD_MS));
    await running.stop("SIGKILL");
    await Promise.all(telling);
  }

  private async makeClients(url: string): Promise<void> {
    const policy = { schema, chunkRecords: 5, maxAttempts: 100 };
    const all = [policy, { ...policy, uniqueKey: "id" }, { ...policy, ...intoTable }].flatMap((one) => [one, one]);
    this.clients = await Promise.all(all.map((one) => newClient(url, one)));
  }

  /**
   * Runs the interrupted story of this client first, then further stories until the process is gone. After the last kill it runs
   * one story of each way.
   */
  private async tell(url: string, teller: number, no: number): Promise<void> {
    const client = this.clients[teller] as TestClient;
    const [begun] = this.stories.filter((story) => story.client === client && !isOver(story));
    try {
      if (begun && !(await goOn(url, begun))) return;
      for (let n = 0; this.isKilling || n === 0; n++) {
        const way = this.isKilling ? ways[Math.floor(this.random() * ways.length)] : ways[teller];
        const story = this.newStory(client, `r${no}c${teller}n${n}`, way as Way);
        this.stories.push(story);
        if (!(await goOn(url, story))) return;
      }
    } catch (error) {
      this.unexpected.push(String(error));
    }
  }

  private newStory(client: TestClient, key: string, way: Way): Story {
    const { random } = this;
    return {
      key,
      client,
      way,
      isChecked: random() < 0.5,
      format: random() < 0.5 ? "csv" : "ndjson",
      records: 10 + Math.floor(random() * 90),
      wrongEvery: 2 + Math.floor(random() * 5),
      batches: {},
      mended: null,
      done: 0,
    };
  }

  private async isRestful({ url }: RunningProcess): Promise<boolean> {
    const states = ["received", "ready", "processing", "undoing"];
    const seen = await Promise.all(
      this.clients.flatMap(({ auth }) =>
        states.map((status) => fetch(`${url}/imports?limit=1&status=${status}`, { headers: { authorization: auth } })),
      ),
    );
    const pages = await Promise.all(seen.map((answer) => answer.json() as Promise<{ items: unknown[] }>));
    return pages.every(({ items }) => items.length === 0);
  }

  private async expectCounts(url: string, story: Story): Promise<void> {
    const { status, counts } = await seenBy(url, story, "first");
    const rejected = wrongIn(story);
    const { key, way } = story;
    const corrected = correctedIn(story);
    expect({ key, way, status, counts: { corrected: 0, ...counts } }).toMatchObject({
      key,
      way,
      status: way === "undone" ? "undone" : "completed_with_errors",
      counts: { received: story.records, rejected, accepted: story.records - rejected, duplicate: 0, corrected },
    });
  }

  private async expectDelivered(): Promise<void> {
    const [records, rows, keys, left] = await this.select(
      "SELECT data FROM record",
      "SELECT id FROM story",
      "SELECT key_hash AS hash FROM record_key",
      "SELECT client_id FROM client_queue WHERE running <> 0",
    );
    const idOf = ({ data }: { data: string }) => (JSON.parse(data) as { id: string }).id;
    expect((records as { data: string }[]).map(idOf).sort()).toEqual(this.delivered(() => true));
    expect((rows as { id: string }[]).map(({ id }) => id).sort()).toEqual(this.delivered((one) => one >= FIRST_TABLE));
    // Checks and corrections have keys of their own beside the keys of records.
    const found = new Set((keys as { hash: Uint8Array }[]).map(({ hash }) => Buffer.from(hash).toString("hex")));
    const hasKey = (id: string) => found.has(recordKey(JSON.stringify({ id }), ["id"]) as string);
    const isUnique = (one: number) => one >= FIRST_UNIQUE && one < FIRST_TABLE;
    expect(this.stories.flatMap(sentBy).filter(hasKey).sort()).toEqual(this.delivered(isUnique));
    expect(left).toEqual([]);
  }

  private delivered(ofClient: (place: number) => boolean): string[] {
    const stories = this.stories.filter(({ client }) => ofClient(this.clients.indexOf(client)));
    return stories.flatMap(deliveredBy).sort();
  }

  private async select(...statements: string[]): Promise<unknown[]> {
    const database = await openDatabase({ url: this.url });
    try {
      const answers: unknown[] = [];
      for (const sql of statements) answers.push((await database.sequelize.query(sql))[0]);
      return answers;
    } finally {
      await database.close();
    }
  }
}

/**
 * The promise: one of many nodes sends a chat line, at most once a minute. Another node sends what a dead node has left, and no
 * note is lost while the chat is away.
 */
import type { ServiceBroker, ServiceSchema } from "moleculer";
import type { Database } from "../../../database/database.ts";
import type { NotedKind } from "../../../services/alerts/alerts.domain.ts";
import alerts from "../../../services/alerts/alerts.service.ts";
import { draftAlert } from "../../../services/alerts.ts";
import { uuidv7 } from "../../../services/ids.ts";
import outbox from "../../../services/outbox/outbox.service.ts";
import { describePostgres, migratedPostgres, type Schema } from "../../helpers/database.ts";
import { listen } from "../../helpers/logged.ts";
import { startNode } from "../../helpers/nodes.ts";
import { until } from "../../helpers/patience.ts";
import { type Receiver, startReceiver } from "../../helpers/receiver.ts";

const QUICK = { pollMs: 20, lookMs: 3_600_000 };
const withSettings = (schema: ServiceSchema, settings: object = QUICK) =>
  ({ ...schema, settings: { ...schema.settings, ...settings } }) as ServiceSchema;

describePostgres("alerts of several nodes", () => {
  let place: Schema;
  let chat: Receiver;
  let answer: () => number | undefined;
  let nodes: ServiceBroker[] = [];

  beforeEach(async () => {
    answer = () => 200;
    chat = await startReceiver(() => answer());
    place = await migratedPostgres();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
    await chat.close();
    await place.drop();
  });

  async function node(env: Record<string, string> = {}, settings: object = QUICK): Promise<ServiceBroker> {
    const broker = await startNode({
      env: {
        DATABASE_URL: place.url,
        DATABASE_SCHEMA: "none",
        DATABASE_POOL: "2",
        SWEEP_INTERVAL: "100ms",
        ALERT_WEBHOOK: `${chat.url}/secret-of-the-chat`,
        WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
        ...env,
      },
      services: [withSettings(alerts, settings), outbox],
    });
    nodes = [...nodes, broker];
    return broker;
  }
  const databaseOf = (broker: ServiceBroker) =>
    (broker.getLocalService("alerts") as unknown as { database: Database }).database;
  const note = (broker: ServiceBroker, kind: NotedKind = "batch_failed", clientId = 1) =>
    databaseOf(broker).store.noteAlert({ publicId: uuidv7(), kind, about: { clientId, batchId: "b-1", code: "x" } });
  const query = async <T>(sql: string) => (await databaseOf(nodes[0] as ServiceBroker).sequelize.query(sql))[0] as T[];
  const minuteOver = () => query('UPDATE "alert" SET "due_at" = 1');
  const texts = () => chat.got.map(({ body }) => (JSON.parse(body) as { text: string }).text);
  const said = (n: number) => until(() => chat.got.length >= n, `the chat has ${n} lines`);

  /** Makes every node look for notes repeatedly. */
  async function allLook(): Promise<void> {
    const looks = nodes.map((one) => jest.spyOn(databaseOf(one).store, "dueAlerts"));
    await until(() => looks.every(({ mock }) => mock.calls.length >= 4), "all nodes have looked");
    for (const look of looks) look.mockRestore();
  }

  test("of three nodes one sends the line, and a restart does not end its minute", async () => {
    const [one, two] = [await node(), await node(), await node()];
    await Promise.all([note(one), note(two), note(one, "batch_held")]);
    await said(2);
    await allLook();
    // A note that comes after the line waits for the next minute.
    await note(two);
    await allLook();
    expect(chat.got).toHaveLength(2);
    await Promise.all(nodes.splice(0).map((broker) => broker.stop()));
    await node();
    await allLook();
    expect(chat.got).toHaveLength(2);
    await minuteOver();
    await said(3);
    await allLook();
    expect(texts().filter((text) => text.includes("failed: x"))).toHaveLength(2);
    expect(await query('SELECT * FROM "alert_note"')).toEqual([]);
  });

  test("another node sends what a node has left that died while it was sending", async () => {
    const first = await node();
    await until(async () => (await query('SELECT * FROM "alert"')).length > 0);
    const { store } = databaseOf(first);
    const write = store.writeAlert.bind(store);
    // The node dies after it has sent the line, so it never notes that.
    jest
      .spyOn(store, "writeAlert")
      .mockImplementation((given) => (given.dueInMs === null ? write(given) : Promise.reject(new Error("killed"))));
    await note(first);
    await said(1);
    nodes = [];
    const second = await node();
    await allLook();
    // The lease of a line lasts for its minute.
    expect(chat.got).toHaveLength(1);
    await note(second);
    await minuteOver();
    await said(2);
    expect(texts()[1]).toContain(" … and 1 more batch failed in the last minute.");
    expect(texts()[1]).toContain(texts()[0] ?? "");
    await first.stop();
  });

  test("an event's row becomes a note on whichever node finds it, without RabbitMQ", async () => {
    const one = await node();
    const { store } = databaseOf(one);
    const draft = draftAlert("batch_held", { clientId: 1, batchId: "b-7" });
    // The row that a node has left if it died after its commit.
    await query(
      `INSERT INTO "outbox" ("topic", "body", "due_at", "attempts") VALUES ('${draft.topic}', '${draft.body}', 1, 0)`,
    );
    await said(1);
    expect(texts()[0]).toMatch(/Batch b-7 of a client that is not known now waits for approval\./);
    await until(async () => (await query('SELECT * FROM "outbox"')).length === 0, "the row is gone");
    expect(await store.alertNotes("batch_held", 9)).toEqual([]);
  });

  test("a chat that is away gets all notes in one line later, and is tried at most every few minutes", async () => {
    answer = () => 503;
    const one = await node();
    await note(one);
    await said(1);
    const due = async () => {
      const [row] = await query<{ due_at: string; tries: number }>(
        `SELECT * FROM "alert" WHERE "kind" = 'batch_failed' AND "claim" IS NULL`,
      );
      return row
        ? { tries: row.tries, inMs: Number(row.due_at) - (await databaseOf(one).now()) }
        : { tries: 0, inMs: 0 };
    };
    await until(async () => (await due()).tries === 1);
    expect((await due()).inMs).toBeLessThanOrEqual(6_000);
    for (const tries of [2, 3, 4]) {
      await Promise.all([note(one, "batch_failed", tries), note(one)]);
      await minuteOver();
      await until(async () => (await due()).tries === tries);
      expect((await due()).inMs).toBeLessThanOrEqual(360_000);
      expect((await due()).inMs).toBeGreaterThan(290_000);
    }
    // While the chat is away, all notes are kept in one row for each kind.
    expect(await query('SELECT * FROM "alert_note"')).toEqual([]);
    answer = () => 200;
    await minuteOver();
    await said(5);
    expect(texts()[4]).toMatch(
      / … and 6 more batches failed in the last minute \(in all: unknown 4, unknown 1, unknown 1, others 1\)\.$/,
    );
  });

  test("a note that cannot be sent for days is given up, with a line in the log", async () => {
    answer = () => 500;
    const log = listen();
    const one = await node({ LOG_LEVEL: "error", LOG_FORMAT: "json" }, { ...QUICK, keptMs: -1 });
    await note(one);
    const line = await until(() => log.lines().find(({ level }) => level === "error") ?? false, "it is logged");
    expect(line.msg).toMatch(/^An alert \(batch_failed, 1 in all since .*\) is given up: answered 500\.$/);
    await until(async () => (await query(`SELECT * FROM "alert" WHERE "pending" IS NOT NULL`)).length === 0);
  });

  test("a chat in a private network is refused as a webhook would be, and the log has no secret", async () => {
    const log = listen();
    const one = await node({ WEBHOOK_ALLOWED_HOSTS: "", LOG_LEVEL: "debug", LOG_FORMAT: "json" });
    await note(one);
    const line = await until(() => log.lines().find(({ msg }) => msg.startsWith("An alert ")) ?? false, "it is logged");
    expect(line.msg).toMatch(
      /^An alert \(batch_failed\) could not be sent to 127\.0\.0\.1:\d+: refused: .*WEBHOOK_ALLOWED_HOSTS does not list it\. It is tried again in [56] s\.$/,
    );
    await Promise.all(nodes.splice(0).map((broker) => broker.stop()));
    expect(log.text()).not.toContain("secret-of-the-chat");
    expect(chat.got).toHaveLength(0);
  });

  test("without ALERT_WEBHOOK the database is asked nothing", async () => {
    const one = await node({ ALERT_WEBHOOK: "" });
    expect(await query('SELECT * FROM "alert"')).toEqual([]);
    await expect(one.call("alerts.test", {})).rejects.toMatchObject({ type: "alerts-off" });
  });
});

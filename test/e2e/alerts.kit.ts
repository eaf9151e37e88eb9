/**
 * What the tests of alerts share: a system with a chat, the lines that the chat has got, and a way to skip the minute between
 * lines.
 */
import type { Database } from "../../database/database.ts";
import { accepted, admin, type Batch, batchWhen, type TestClient } from "../helpers/http.ts";
import { metrics } from "../helpers/metrics.ts";
import { until } from "../helpers/patience.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { quick, type System, startSystem } from "../helpers/system.ts";

export let system: System;
export let chat: Receiver;
/** What the chat answers. */
let answers: number[] = [];
/** Makes the chat answer the next lines with these statuses, and further lines with 200. */
export const chatAnswers = (...statuses: number[]): void => {
  answers = statuses;
};
/** Further receivers of a test, which are closed after the test. */
export const open: Receiver[] = [];

/** A URL as Slack's: its path is the secret. */
const secretPath = (url: string) => `${url}/T000/B000/secret-of-the-chat`;
const QUICK = { pollMs: 20, lookMs: 20, calmMs: 1 };

/** Starts the system for the tests of the file that calls it. */
export function withChat(): void {
  beforeAll(async () => {
    chat = await startReceiver(() => answers.shift() ?? 200);
    system = await startSystem({
      env: {
        ALERT_WEBHOOK: secretPath(chat.url),
        ALERT_QUEUE_AGE: "1s",
        CONSOLE_LABEL: "staging",
        WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
        ...quick,
        LOG_LEVEL: "fatal",
      },
      settings: { alerts: QUICK, webhook: { delaysMs: [20, 20] } },
    });
  });
  afterAll(async () => {
    await system.stop();
    await chat.close();
  });
  beforeEach(async () => {
    await queueRests();
    await minuteOver();
    await until(outboxIsEmpty);
    await looksOn();
    chat.got.length = 0;
    answers = [];
    await minuteOver();
  });
  afterEach(async () => {
    for (const receiver of open.splice(0)) await receiver.close();
  });
}

export const databaseOf = ({ broker }: System) =>
  (broker.getLocalService("alerts") as unknown as { database: Database }).database;
export const query = async <T>(sql: string) => (await databaseOf(system).sequelize.query(sql))[0] as T[];
/** Makes the minute since the last line, or the wait for the next try, be over. Waits for a line that is being sent. */
export async function minuteOver(which = "\"kind\" <> 'queue_late'"): Promise<void> {
  const held = `SELECT "kind" FROM "alert" WHERE "claim" IS NOT NULL AND ${which}`;
  await until(async () => (await query(held)).length === 0, "no line is being sent");
  await query(`UPDATE "alert" SET "due_at" = 1 WHERE "claim" IS NULL AND ${which}`);
}
const QUEUE = "\"kind\" = 'queue_late'";
export const queueLooks = () => minuteOver(QUEUE);
const FAR = 9_000_000_000_000_000;
/** Turns the queue's alert off. Only its own tests need it, and other tests leave batches waiting too. */
async function queueRests(): Promise<void> {
  await until(async () => {
    await query(`UPDATE "alert" SET "due_at" = ${FAR}, "pending" = NULL WHERE "claim" IS NULL AND ${QUEUE}`);
    const [row] = await query<{ due_at: number }>(`SELECT "due_at" FROM "alert" WHERE ${QUEUE}`);
    return Number(row?.due_at) === FAR;
  }, "nobody looks at the queue");
}
export const waiting = async () =>
  Number((await query<{ n: number }>('SELECT COUNT(*) AS "n" FROM "alert_note"'))[0]?.n);
export const outboxIsEmpty = async () => (await query('SELECT "id" FROM "outbox"')).length === 0;

export const texts = (of = chat) => of.got.map(({ body }) => (JSON.parse(body) as { text: string }).text);
export const said = (n: number) =>
  until(() => chat.got.length >= n, `the chat has ${n} lines`).then(() => texts()[n - 1] ?? "");
export const post = async (path: string, body: object = {}) =>
  (await admin(system.url, path, { method: "POST", body: JSON.stringify(body) })).json() as Promise<
    Record<string, unknown>
  >;
export const counted = async (outcome: string) =>
  (await metrics(system.url)).get(`dataflow_alerts_total{outcome="${outcome}"}`) ?? 0;

/** Checks that the node looks for notes repeatedly and sends nothing. */
export async function looksOn(): Promise<void> {
  const looks = jest.spyOn(databaseOf(system).store, "dueAlerts");
  await until(() => looks.mock.calls.length >= 4, "the node has looked");
  looks.mockRestore();
}

export const strict = { schema: { properties: { n: { type: "integer" } } }, maxErrors: 0 };
export const SECRET_VALUE = "4111-1111";
export const WRONG = `{"n":"${SECRET_VALUE}"}`;
export const failed = async (client: TestClient): Promise<Batch> =>
  batchWhen(system.url, client, (await accepted(system.url, client, WRONG)).id, ({ status }) => status === "failed");

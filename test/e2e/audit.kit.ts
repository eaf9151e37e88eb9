/** What the tests of the audit share: a system, calls with request ids of their own, and the audit's entries for them. */
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

export let system: System;

/** Call it at the top of a test file. It starts a system for all tests of the file. */
export function startAudited(): void {
  beforeAll(async () => {
    system = await startSystem({
      env: { LOG_LEVEL: "fatal", ALERT_WEBHOOK: "https://receiver.example/hook" },
      settings: { api: { failedLoginsMs: 50 }, alerts: { pollMs: 3_600_000 } },
    });
  });
  afterAll(() => system.stop());
}

export interface Entry {
  id: string;
  at: string;
  who: string | null;
  role: string | null;
  address: string | null;
  requestId: string | null;
  action: string;
  subject: { type: string | null; id: string | null; name: string | null };
  change: Record<string, unknown> | null;
  reason: string | null;
  status: string;
}

let requests = 0;

/** Makes a call with a request id of its own. */
export async function asked(method: string, path: string, body?: unknown, token = ADMIN_TOKEN) {
  const requestId = `audit-${++requests}`;
  const response = await fetch(`${system.url}/admin${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "x-request-id": requestId,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {}, requestId, text };
}

export async function audit(query: Record<string, string> = {}): Promise<Entry[]> {
  const { status, body } = await asked("GET", `/audit?${new URLSearchParams({ limit: "200", ...query })}`);
  expect(status).toBe(200);
  return body.items;
}

export const ofRequest = async ({ requestId }: { requestId: string }) =>
  (await audit()).filter((entry) => entry.requestId === requestId);

/** Makes a change that succeeds, and answers its only entry in the audit. */
export async function changed(method: string, path: string, body?: unknown): Promise<Entry> {
  const answer = await asked(method, path, body);
  expect([method, path, answer.status < 300, answer.text]).toEqual([method, path, true, answer.text]);
  const entries = await ofRequest(answer);
  expect(entries).toHaveLength(1);
  return entries[0] as Entry;
}

export async function operatorWith(role: string): Promise<string> {
  const { body } = await asked("POST", "/operators", { name: `${role}-${++requests}`, role });
  return body.token;
}

export const unknown = "0193b2f0-0000-7000-8000-000000000000";

interface WithDatabase {
  database: { sequelize: { query(sql: string): Promise<[Record<string, unknown>[], unknown]> } };
}
export const databaseOf = () => (system.broker.getLocalService("audit") as unknown as WithDatabase).database;

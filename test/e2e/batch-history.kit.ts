/** Operators with names, the history of a batch, and a handler that the test controls. */
import type { Database } from "../../database/database.ts";
import { admin, type TestClient } from "../helpers/http.ts";
import { asked, type Json, system, url } from "./admin.kit.ts";

export interface Item extends Json {
  at: string;
  from: string | null;
  to: string;
  by: { kind: string; name: string | null };
}

export async function history(id: string): Promise<Item[]> {
  const { status, body } = await asked("GET", `/batches/${id}/history`);
  expect([status, body.truncated]).toEqual([200, false]);
  const items = body.items as Item[];
  expect(items.map(({ at }) => at)).toEqual(items.map(({ at }) => at).sort());
  return items;
}

/** An entry in short, such as `held → ready operator:alice`. */
export const inShort = ({ from, to, by: { kind, name } }: Item) =>
  `${from} → ${to} ${kind}${name === null ? "" : `:${name}`}`;

export const none = { node: null, attempt: null, chunk: null, code: null, detail: null, reason: null };

export const time = expect.stringMatching(/^\d{4}-.*Z$/);

let made = 0;

/** Makes calls as an operator with this name. */
export async function by(name: string) {
  const operator = { name: `${name}-${++made}`, role: "operator" };
  const { token } = (await asked("POST", "/operators", operator)).body;
  const headers = { authorization: `Bearer ${token}` };
  const move = (id: string, action: string, body: object = {}) =>
    admin(url, `/batches/${id}/${action}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { ...operator, move };
}

export const databaseOf = () => (system.broker.getLocalService("batch") as unknown as { database: Database }).database;

export const own = (client: TestClient, id: string, action: string) =>
  fetch(`${url}/imports/${id}/${action}`, { method: "POST", headers: { authorization: client.auth } });

export const audit = async (subject: string) => (await asked("GET", `/audit?subject=${subject}`)).body.items as Json[];

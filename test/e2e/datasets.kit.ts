/** What the tests of datasets share: datasets and grants of the test's own, and uploads to them. */
import { admin, get, newClient, type TestClient } from "../helpers/http.ts";
import { asked, type Json, url } from "./admin.kit.ts";

export const merge = { "content-type": "application/merge-patch+json" };
export const orders = {
  description: "Orders of the day",
  formats: ["csv", "ndjson"],
  schema: {
    type: "object",
    required: ["order_id"],
    properties: { order_id: { type: "string" }, n: { type: "integer" } },
  },
};

let names = 0;
/** A new dataset for the test. */
export async function made(document: object = orders): Promise<string> {
  const name = `orders-${++names}`;
  expect((await asked("PUT", `/datasets/${name}`, document)).status).toBe(201);
  return name;
}
export const grantPath = (client: TestClient, name: string) => `/clients/${client.id}/datasets/${name}`;
export async function granted(name: string, override: object = {}, policy: object = {}): Promise<TestClient> {
  const client = await newClient(url, policy as never);
  expect((await asked("PUT", grantPath(client, name), override)).status).toBe(201);
  return client;
}
export const gone = async (path: string, init: RequestInit = {}) => {
  const response = await admin(url, path, { method: "DELETE", ...init });
  return { status: response.status, text: await response.text() };
};
export const send = (
  client: TestClient,
  name: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) =>
  fetch(`${url}/datasets/${name}/imports`, {
    method: "POST",
    body,
    headers: { authorization: client.auth, "content-type": "application/x-ndjson", ...headers },
  });
export async function sent(client: TestClient, name: string, body: string, headers: Record<string, string> = {}) {
  const response = await send(client, name, body, headers);
  expect(response.status).toBe(202);
  return (await response.json()) as { id: string; dataset: string; [member: string]: unknown };
}
export const codeOf = async (response: Promise<Response>) => {
  const { status, code } = (await (await response).json()) as { status: number; code: string };
  return [status, code];
};
export const ownOf = async (client: TestClient, path: string) => (await (await get(url, client, path)).json()) as Json;

/** Clients with keys of their own, and the audit's entries about them. */
import { admin, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";

export let system: System;

type Json = Record<string, unknown>;

export interface Answer {
  status: number;
  body: Json;
  headers: Headers;
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : {} };
}

export const asAdmin = async (method: string, path: string, body?: object) =>
  read(await admin(system.url, path, { method, ...(body && { body: JSON.stringify(body) }) }));

export const codeOf = ({ status, body }: Answer) => (status < 400 ? status : `${status} ${body.code}`);

let made = 0;

export interface Key {
  id: string;
  path: string;
  secret: string;
  auth: string;
}

export async function keyOf(client: TestClient, more: object = {}): Promise<Key> {
  const { status, body } = await asAdmin("POST", `/clients/${client.id}/keys`, { name: `key-${++made}`, ...more });
  expect(status).toBe(201);
  const { id, secret } = body as { id: string; secret: string };
  const auth = `Basic ${Buffer.from(`${client.identifier}:${secret}`).toString("base64")}`;
  return { id, secret, auth, path: `/clients/${client.id}/keys/${id}` };
}

export const asked = async (method: string, path: string, headers: Record<string, string>, body?: string) =>
  read(await fetch(`${system.url}${path}`, { method, headers, ...(body !== undefined && { body }) }));

export const policyBy = async (auth: string, from?: string) =>
  codeOf(await asked("GET", "/policy", { authorization: auth, ...(from && { "x-forwarded-for": from }) }));

/** Starts what the tests share, and stops it after them. */
export function startKeys(): void {
  beforeAll(async () => {
    const env = { LOG_LEVEL: "fatal", TRUSTED_PROXIES: "127.0.0.1" };
    system = await startSystem({ env, settings: { api: { failedLoginsMs: 20, keyUsesMs: 20 } } });
  });
  afterAll(() => system.stop());
  afterEach(() => jest.restoreAllMocks());
}

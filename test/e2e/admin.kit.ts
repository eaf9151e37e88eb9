/** What the tests of operators' work share: a system with a fast sweep, and a handler that the test controls. */
import { admin, get, type TestClient } from "../helpers/http.ts";
import { quick, type System, startSystem } from "../helpers/system.ts";

export let system: System;
export let url: string;
/** What the test's handler does with each chunk, and how often it was called. */
export const handler = { handle: async (): Promise<unknown> => undefined, calls: 0 };

const testing = {
  name: "testing",
  actions: {
    handle: {
      importHandler: true,
      handler: () => {
        handler.calls++;
        return handler.handle();
      },
    },
    other: () => null,
  },
};

/** Call it at the top of a test file. It starts a system for all tests of the file. */
export function startAdmin(env: Record<string, string> = {}): void {
  beforeAll(async () => {
    system = await startSystem({ extra: [testing as never], env: { ...quick, ...env } });
    url = system.url;
  });
  afterAll(() => system.stop());
}

export type Json = Record<string, unknown>;

export async function asked(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await admin(url, path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
}

export const statusOf = async (client: TestClient) => (await get(url, client, "/policy")).status;
export const withSecret = (client: TestClient, secret: string): TestClient => ({
  ...client,
  secret,
  auth: `Basic ${Buffer.from(`${client.identifier}:${secret}`).toString("base64")}`,
});

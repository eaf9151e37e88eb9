/** Operators of each role, and their requests. */
import type { OperatorRole } from "../../services/operator/operator.domain.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

export let system: System;

type Json = Record<string, unknown>;

export interface Answer {
  status: number;
  body: Json;
  headers: Headers;
}

export const sent = (
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Response> =>
  fetch(`${system.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

export async function asked(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Answer> {
  const response = await sent(method, path, headers, body);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : {} };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export const asAdmin = (method: string, path: string, body?: unknown) =>
  asked(method, `/admin${path}`, bearer(ADMIN_TOKEN), body);

let made = 0;

export async function newOperator(role: OperatorRole, more: object = {}): Promise<{ name: string; token: string }> {
  const name = `${role}-${++made}`;
  const { status, body } = await asAdmin("POST", "/operators", { name, role, ...more });
  expect(status).toBe(201);
  return { name, token: body.token as string };
}

export const codeOf = ({ status, body }: Answer) => (status < 400 ? status : `${status} ${body.code}`);

export const reads = async (token: string) => codeOf(await asked("GET", "/admin/stats", bearer(token)));

/** Starts what the tests share, and stops it after them. */
export function startOperators(): void {
  beforeAll(async () => {
    system = await startSystem({ env: { LOG_LEVEL: "fatal", PARTNERS_ROTATE: "true" } });
  });
  afterAll(() => system.stop());
}

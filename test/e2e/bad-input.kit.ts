/** What the tables of bad input share: a case, how it is sent, and the system that it is sent to. */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { accepted, admin, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

type Piece = string | Buffer;

export interface Request {
  method?: string;
  /** `{done}`, `{client}` and similar parts stand for ids of the world. */
  path?: string;
  headers?: Record<string, string>;
  /** A list is sent chunked, any other body with its Content-Length. */
  body?: Piece | Piece[] | undefined;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface BadCase {
  name: string;
  /** The caller: a client of the world, `operator`, or nobody (if left out). */
  as?: string | undefined;
  request: Request;
  status: number;
  code: string;
  /** Members of the problem beside those that every problem has. */
  has?: Record<string, unknown>;
  /** The pointers in the problem's `errors`: exactly these, in any order. */
  pointers?: string[];
  /** Header fields of the answer. */
  headers?: Record<string, RegExp>;
  /** The methods of `Allow`. */
  allow?: string[];
}

/** Sends a request exactly as it is written, and reads the answer also while the body is still being sent. */
export function send(url: string, { method = "GET", path = "/", headers = {}, body }: Request): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    // Node's client sends no Content-Length by itself for a body of OPTIONS and similar methods.
    const length = body === undefined || Array.isArray(body) ? {} : { "content-length": Buffer.byteLength(body) };
    const options = { hostname, port, method, path, headers: { ...headers, ...length }, agent: false };
    const request = httpRequest(options, (response) => {
      isAnswered = true;
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      response.on("error", reject);
    });
    // The connection of a refused body may break. What counts is whether the answer could be read.
    request.on("error", (error) => isAnswered || reject(error));
    if (!Array.isArray(body)) {
      request.end(body);
      return;
    }
    for (const piece of body) request.write(piece);
    request.end();
  });
}

/** One system with clients of several policies, and batches in known states. */
export interface World {
  system: System;
  clients: Record<string, TestClient>;
  ids: Record<string, string>;
  authorization(who: string): string;
  /** How many rows a table has. */
  rows(table: string): Promise<number>;
}

const policies: Record<string, Record<string, unknown>> = {
  free: {},
  /** Writes the first records as chunks before the last one, so that a refusal has something to delete. */
  small: { chunkRecords: 1, maxBytes: 2_000, maxRecords: 3, maxRecordBytes: 100 },
  onlyCsv: { formats: ["csv"] },
  disabled: {},
  other: {},
};

export async function startWorld(): Promise<World> {
  const system = await startSystem();
  const clients: Record<string, TestClient> = {};
  for (const [name, policy] of Object.entries(policies)) clients[name] = await newClient(system.url, policy);
  const client = clients.free as TestClient;
  const done = await accepted(system.url, client, '{"a":1}');
  await batchWhen(system.url, client, done.id);
  const foreign = await accepted(system.url, clients.other as TestClient, '{"a":1}');
  await batchWhen(system.url, clients.other as TestClient, foreign.id);
  await admin(system.url, "/datasets/orders", { method: "PUT", body: "{}" });
  await admin(system.url, `/clients/${clients.disabled?.id}`, { method: "PATCH", body: '{"status":"disabled"}' });
  const ids = {
    done: done.id,
    foreign: foreign.id,
    client: client.id,
    unknown: "0193a000-0000-7000-8000-000000000000",
  };
  return {
    system,
    clients,
    ids,
    authorization: (who) => (who === "operator" ? `Bearer ${ADMIN_TOKEN}` : (clients[who] as TestClient).auth),
    rows: (table) => countRows(system, table),
  };
}

/** Counts rows directly in the tables, because a refused upload must not only be missing from answers. */
async function countRows({ broker }: System, table: string): Promise<number> {
  const { database } = broker.getLocalService("batch") as unknown as {
    database: { sequelize: { query(sql: string): Promise<[{ n: number }[], unknown]> } };
  };
  const [[row]] = await database.sequelize.query(`SELECT COUNT(*) AS n FROM ${table}`);
  return Number(row?.n);
}

export function requestOf(world: World, { as, request }: Pick<BadCase, "as" | "request">): Request {
  const path = (request.path ?? "/").replace(/\{(\w+)\}/g, (all, name: string) => world.ids[name] ?? all);
  const authorization: Record<string, string> = as === undefined ? {} : { authorization: world.authorization(as) };
  return { ...request, path, headers: { ...authorization, ...request.headers } };
}

/** Checks the members that every refusal has. */
export function expectProblem({ status, headers, text }: Answer, expected: { status: number; code: string }) {
  const problem = JSON.parse(text) as Record<string, unknown> & { errors?: { pointer: string; detail: string }[] };
  // The text is compared too, so that a wrong refusal can be read in the failure.
  expect({ status, code: problem.code, text }).toEqual({ status: expected.status, code: expected.code, text });
  expect(headers["content-type"]).toMatch(/^application\/problem\+json\b/);
  expect(headers["x-request-id"]).toMatch(/^[\x21-\x7e]{1,128}$/);
  expect(problem).toMatchObject({
    type: `urn:dataflow:problem:${expected.code}`,
    title: expect.stringMatching(/./),
    status,
    detail: expect.stringMatching(/./),
    code: expected.code,
  });
  return problem;
}

/** The path for a test's title. A long path is shown by its length. */
export const shown = (path: string) => (path.length < 80 ? path : `${path.slice(0, 60)}… (${path.length} letters)`);

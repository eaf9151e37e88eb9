/** The promise: files that real programs write and real people send get the result that test/cases/cases.json says. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { casesFolder, knownCases } from "../helpers/cases.ts";
import { get, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { outcomeOf } from "./imported.ts";

interface Fault {
  line: number | null;
  field?: string;
  code?: string;
  value?: string;
  cell?: string;
}
interface Want {
  status: number;
  code?: string;
  found?: string;
  missing?: string[];
  unknown?: string[];
  received?: number;
  accepted?: number;
  rejected?: number;
  records?: Record<string, unknown>[];
  digits?: string[];
  errors?: Fault[];
}
interface Case {
  id: string;
  file: string;
  why: string;
  request: { contentType: string; contentEncoding?: string; query?: string };
  dataset: string;
  want: Want;
}
interface Refusal {
  code?: string;
  found?: string;
  missing?: string[];
  unknown?: { column: string }[];
}

const { datasets, cases } = knownCases<Case>();

let url: string;
let system: System;
beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

function send(client: TestClient, { file, request }: Case): Promise<Response> {
  return fetch(`${url}/imports${request.query ? `?${request.query}` : ""}`, {
    method: "POST",
    body: new Uint8Array(readFileSync(join(casesFolder, file))),
    headers: {
      authorization: client.auth,
      "content-type": request.contentType,
      ...(request.contentEncoding ? { "content-encoding": request.contentEncoding } : {}),
    },
  });
}

/** The members of a refusal that the case names. */
function refusalOf({ code, found, missing, unknown }: Refusal, want: Want) {
  return {
    ...(want.code && { code }),
    ...(want.found && { found }),
    ...(want.missing && { missing: missing?.toSorted() }),
    ...(want.unknown && { unknown: unknown?.map(({ column }) => column).toSorted() }),
  };
}

async function isRefused(client: TestClient, answer: Refusal, want: Want): Promise<void> {
  const { code, found, missing, unknown } = want;
  expect(refusalOf(answer, want)).toEqual({
    ...(code && { code }),
    ...(found && { found }),
    ...(missing && { missing: missing.toSorted() }),
    ...(unknown && { unknown: unknown.toSorted() }),
  });
  expect(await (await get(url, client, "/imports")).json()).toMatchObject({ items: [] });
}

async function isTaken(client: TestClient, id: string, want: Want): Promise<void> {
  const { batch, records, errors } = await outcomeOf(url, client, id);
  const { counts } = batch;
  // Only the members that the case names are compared.
  const { received, accepted = counts.accepted, rejected = counts.rejected } = want;
  expect(counts).toMatchObject({ received, accepted, rejected });
  if (want.records) expect(records.map(({ data }) => data)).toEqual(want.records);
  const text = want.digits ? await (await get(url, client, `/imports/${id}/records`)).text() : "";
  for (const digits of want.digits ?? []) expect(text).toMatch(new RegExp(`[:,[ ]${digits}[,}\\] ]`));
  for (const { line, ...fault } of want.errors ?? [])
    expect(errors.filter((one) => one.line === line).flatMap((one) => one.errors)).toContainEqual(
      expect.objectContaining(fault),
    );
}

for (const one of cases) {
  test(`${one.id}: ${one.why}`, async () => {
    const { description: _, ...policy } = datasets[one.dataset] as { description: string };
    const client = await newClient(url, { ...policy });
    const response = await send(client, one);
    const answer = (await response.json()) as Refusal & { id: string };
    expect([response.status, one.want.code && answer.code]).toEqual([one.want.status, one.want.code]);
    if (one.want.status === 202) await isTaken(client, answer.id, one.want);
    else await isRefused(client, answer, one.want);
  });
}

/** Helpers for corrections: a batch with rejected records, and corrections of it. */
import { outcomeOf } from "../../e2e/imported.ts";
import { accepted, type Batch, batchWhen, get, type TestClient } from "../../helpers/http.ts";
import { type System, startSystem } from "../../helpers/system.ts";

export let url: string;

export let system: System;

export const schema = { required: ["id", "n"], properties: { n: { type: "integer", minimum: 1 } } };

export const send = (own: TestClient, first: string, body: string | Buffer, type: string, more = "") =>
  fetch(`${url}/imports?corrects=${first}${more}`, {
    method: "POST",
    headers: { authorization: own.auth, "content-type": type },
    body: body as string,
  });

export async function corrected(own: TestClient, first: string, body: string | Buffer, type = "text/csv") {
  const response = await send(own, first, body, type);
  expect([response.status, response.status === 202 ? "" : await response.text()]).toEqual([202, ""]);
  const { id } = (await response.json()) as Batch;
  const outcome = await outcomeOf(url, own, id);
  return { ...outcome, id, data: outcome.records.map(({ data }) => data) };
}

export async function batchOf(own: TestClient, body: string, type = "text/csv") {
  const { id } = await accepted(url, own, body, type);
  await batchWhen(url, own, id);
  return id;
}

export const fileOf = async (own: TestClient, id: string) => {
  const response = await get(url, own, `/imports/${id}/rejected`);
  return { bytes: Buffer.from(await response.arrayBuffer()), type: response.headers.get("content-type") as string };
};

export const counts = async (own: TestClient, id: string) =>
  ((await (await get(url, own, `/imports/${id}`)).json()) as Batch).counts;

/** The records that the error report marks as corrected. The report as a page and as lines must agree. */
export async function marked(own: TestClient, id: string) {
  type Listed = { record: number; corrected?: true }[];
  const page = await get(url, own, `/imports/${id}/errors`, { accept: "application/json" });
  const { items } = (await page.json()) as { items: Listed };
  const of = (rows: Listed) => rows.flatMap(({ record, corrected: is }) => (is ? [record] : []));
  const lines = (await (await get(url, own, `/imports/${id}/errors`)).text()).trim().split("\n");
  expect(of(lines.map((line) => JSON.parse(line)))).toEqual(of(items));
  return of(items);
}

/** Starts what the tests share, and stops it after them. */
export function startCorrections(): void {
  beforeAll(async () => {
    system = await startSystem();
    url = system.url;
  });
  afterAll(() => system.stop());
}

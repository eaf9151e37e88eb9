/** The promise: the values of a field that the policy calls sensitive are only in the records and in the partner's own rows. */
import { tableNames } from "../../../database/schema/names.ts";
import { accepted, admin, get, newClient } from "../../helpers/http.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, select } from "./kit.ts";

let system: System;
const told: string[] = [];
let stops = 0;
const own = handler("own", ({ records }) => {
  const ibans = records.map(({ data }) => data.iban).join(" and ");
  if (stops-- > 0) throw new Error(`no bank for ${ibans}`);
  return { rejected: [{ record: records[0]?.record, errors: [{ code: "closed", message: `${ibans} is closed` }] }] };
});

beforeAll(async () => {
  const env = quick;
  system = await startSystem({
    env,
    extra: [own.schema],
    watch: { newLogEntry: (_type, args) => void told.push(JSON.stringify(args)) },
  });
});
afterAll(() => system.stop());

const SECRET = "DE89370400440532013000";
const schema = {
  type: "object",
  properties: {
    iban: { type: "string", maxLength: 22 },
    person: { type: "object", properties: { taxId: { type: "integer" } } },
  },
};
const sensitive = ["iban", "person.taxId"];

/** All data in the database except bodies, records, and the texts of rejected records. */
async function everything(): Promise<string> {
  const kept: unknown[] = [];
  for (const name of tableNames) {
    if (name === "batch_chunk" || name === "record") continue;
    const rows = await select(system, `SELECT * FROM "${name}"`);
    kept.push(...rows.map(({ raw: _, ...row }) => row));
  }
  return JSON.stringify(kept);
}

const text = async (response: Promise<Response>) => (await response).text();

test.each([
  ["text/csv", `iban,person.taxId\n${SECRET}77,1\n,${SECRET}\n${SECRET},2\n${SECRET},3\n`],
  [
    "application/x-ndjson",
    `{"iban":"${SECRET}77"}\n{"person":{"taxId":"${SECRET}"}}\n{"iban":"${SECRET}"}\n{"iban":"${SECRET}"}\n`,
  ],
])("values in %s are in records and the partner's rows only", async (type, body) => {
  stops = 1;
  const backoff = { type: "fixed", delayMs: 20, maxMs: 20 };
  const webhook = { url: "https://partner.example/hooks", events: ["batch.completed"] };
  const client = await newClient(system.url, { schema, sensitive, handler: "own.run", backoff, webhook });
  const { id } = await accepted(system.url, client, body, type);
  expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 1, rejected: 3 } });
  const found = await everything();
  expect(found).toContain("no bank for ••• and •••");
  expect(found).toContain("••• is closed");
  expect(found).not.toContain(SECRET);
  const views = [
    await text(get(system.url, client, `/imports/${id}/errors/summary`)),
    await text(admin(system.url, `/batches/${id}/errors/summary`)),
    await text(admin(system.url, `/batches/${id}`)),
    await text(fetch(`${system.url}/metrics`)),
  ];
  expect(views[3]).toContain("dataflow_records_total");
  expect(views[0]).toContain('"values":["•••"]');
  expect(views.join()).not.toContain(SECRET);
  expect(await text(get(system.url, client, `/imports/${id}/rejected`))).toContain(`${SECRET}77`);
  expect(told.join()).toContain(id);
  expect(told.join()).not.toContain(SECRET);
});

test.each([
  ["text/csv", `note,iban,person.taxId\nx,${SECRET}77,1\ny,"${SECRET}",2\nz,"${SECRET}"1,2\n`],
  [
    "application/x-ndjson",
    `{"note":"x","iban":"${SECRET}77"}\n{"note":"y","iban":"${SECRET}"}\n{"note":"z","iban":"${SECRET}"\n`,
  ],
])("reports and previews show the texts of records without sensitive values: %s", async (type, body) => {
  const properties = { ...schema.properties, note: {} };
  const client = await newClient(system.url, { schema: { ...schema, properties }, sensitive, keepBodyDays: 1 });
  const { id } = await accepted(system.url, client, body, type);
  await ended(system, client, id);
  const as = (accept: string) => text(get(system.url, client, `/imports/${id}/errors`, { accept }));
  const headers = { authorization: client.auth, "content-type": type };
  const shown = {
    lines: await as("application/x-ndjson"),
    csv: await as("text/csv"),
    page: await as("application/json"),
    preview: await text(get(system.url, client, `/imports/${id}/preview`)),
    check: await text(fetch(`${system.url}/imports/check`, { method: "POST", body, headers })),
  };
  expect(JSON.stringify(shown)).not.toContain(SECRET);
  for (const one of [shown.lines, shown.page]) expect(one).toMatch(/"raw":"[^}]*x.*•••.*"raw":"•••"/s);
  expect(shown.csv).toMatch(/,•••,,\r\n$/);
  for (const one of [shown.preview, shown.check]) expect(one).toMatch(/"data":\{[^}]*"iban":"•••"/);
  expect(await text(get(system.url, client, `/imports/${id}/rejected`))).toContain(`${SECRET}77`);
  expect(await text(get(system.url, client, `/imports/${id}/records`))).toContain(SECRET);
  for (const report of ["errors", "rejected", "rejected?rows=all", "records", "preview"]) {
    const asOperator = await text(admin(system.url, `/batches/${id}/${report}`));
    expect([report, asOperator]).toEqual([report, expect.stringContaining("•••")]);
    expect(asOperator).not.toContain(SECRET);
  }
  // A patch that corrects nothing.
  const lines = { authorization: client.auth, "content-type": "application/x-ndjson" };
  const patch = { method: "POST", body: JSON.stringify({ record: 2, patch: { iban: SECRET } }), headers: lines };
  const sent = (await (await fetch(`${system.url}/imports/${id}/corrections`, patch)).json()) as { id: string };
  await ended(system, client, sent.id);
  const report = await text(get(system.url, client, `/imports/${sent.id}/errors`));
  expect(report).toContain(JSON.stringify('{"record":2,"iban":"•••"}'));
});

test("a field that the schema does not have is refused", async () => {
  const body = JSON.stringify({
    clientIdentifier: "refused",
    name: "A",
    policy: { schema, sensitive: ["iban", "bic"] },
  });
  const answer = await admin(system.url, "/clients", { method: "POST", body });
  expect(answer.status).toBe(422);
  expect(await answer.json()).toMatchObject({ errors: [{ pointer: expect.stringMatching(/\/sensitive\/1$/) }] });
});

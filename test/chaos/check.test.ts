/** A process that is killed in the middle of a check, and again in the delivery after its commit: the counts of both are exact. */
import { type Batch, batchWhen, lines, newClient, type TestClient } from "../helpers/http.ts";
import { killLeftOvers, type RunningProcess, startProcess, temporaryFolder, untilFile } from "../helpers/process.ts";

const place = temporaryFolder();
const env = { DATABASE_URL: place.databaseUrl, BATCH_LEASE: "1s", SWEEP_INTERVAL: "100ms" };
/** So many chunks that a kill meets one of them. */
const CHUNKS = 600;
const schema = { properties: { n: { type: "integer" } } };

afterAll(() => {
  killLeftOvers();
  place.remove();
});

const ask = ({ url }: RunningProcess, { auth }: TestClient, path: string, init: RequestInit = {}) =>
  fetch(`${url}${path}`, { ...init, headers: { authorization: auth, "content-type": "application/x-ndjson" } });

/** Kills the process once the batch is past its tenth chunk in this phase, and starts it again. */
async function killed(running: RunningProcess, phase: string): Promise<RunningProcess> {
  await untilFile(place, `SELECT count(*) FROM batch_work WHERE phase = '${phase}' AND next_chunk > 10`);
  await running.stop("SIGKILL");
  return startProcess(env);
}

test("a check and its delivery are exact after kills", async () => {
  let running = await startProcess(env);
  const client = await newClient(running.url, { schema, uniqueKey: "id", chunkRecords: 3, maxAttempts: 100 });
  // In each chunk one record is new, one is a duplicate of a chunk before, and one is wrong.
  const body = Array.from({ length: CHUNKS }, (_, i) => `{"id":${i}}\n{"id":0}\n{"n":"x"}`).join("\n");
  const counts = { received: 3 * CHUNKS, accepted: CHUNKS, rejected: CHUNKS, duplicate: CHUNKS };
  const sent = await ask(running, client, "/imports?validateOnly=true", { method: "POST", body });
  const { id } = (await sent.json()) as Batch;

  running = await killed(running, "check");
  expect(await batchWhen(running.url, client, id)).toMatchObject({ status: "validated", counts });
  expect(await lines(ask(running, client, `/imports/${id}/records`))).toEqual([]);

  expect((await ask(running, client, `/imports/${id}/commit`, { method: "POST" })).status).toBe(202);
  running = await killed(running, "deliver");
  const after = await ask(running, client, `/imports/${id}/commit`, { method: "POST" });
  expect(after.status).toBe(200);
  expect(await batchWhen(running.url, client, id)).toMatchObject({ status: "completed_with_errors", counts });
  expect(await lines(ask(running, client, `/imports/${id}/records`))).toHaveLength(CHUNKS);
  expect(await lines(ask(running, client, `/imports/${id}/errors`))).toHaveLength(CHUNKS);
  await running.stop();
});

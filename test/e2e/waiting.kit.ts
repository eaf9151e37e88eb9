/** What the tests of waiting clients share: a system whose handler holds each chunk until the test releases it. */
import { accepted, type Batch, get, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { rows } from "../integration/batch/kit.ts";

export let system: System;
export let url: string;
export let client: TestClient;
/** The client whose handler holds its chunks. */
export let slow: TestClient;
/** The chunks that the handler holds, each with the function that releases it. */
export const held: (() => void)[] = [];

const holding = {
  name: "holding",
  actions: {
    take: { importHandler: true, handler: () => new Promise<void>((resolve) => void held.push(resolve)) },
  },
};

/** Far below the 2 s between two queries, but more than a busy machine needs. */
export const AT_ONCE_MS = 1_500;

/** Call it at the top of a test file. It starts a system for all tests of the file. */
export function startWaiting(): void {
  beforeAll(async () => {
    system = await startSystem({ extra: [holding as never] });
    url = system.url;
    client = await newClient(url);
    slow = await newClient(url, { handler: "holding.take", chunkRecords: 1, maxConcurrentBatches: 10 });
  });
  afterEach(letAllGo);
  afterAll(() => system.stop());
}

export function letAllGo(): void {
  for (const letGo of held.splice(0)) letGo();
}

/** A batch of this many chunks. The handler holds the first one. */
export async function working(chunks = 1): Promise<Batch> {
  const before = held.length;
  const batch = await accepted(url, slow, rows(chunks));
  await until(() => held.length > before);
  return batch;
}

export const watches = () => (system.broker.getLocalService("api") as unknown as { watches: { size: number } }).watches;
export const batchOf = async (response: Response) => (await response.json()) as Batch;
export const ask = (id: string, headers: Record<string, string>) => get(url, slow, `/imports/${id}`, headers);
export const took = async <T>(work: () => Promise<T>) => {
  const began = performance.now();
  const value = await work();
  return { value, ms: performance.now() - began };
};

/** What the tests of waiting clients share: a system whose handler keeps each chunk until the test lets it go. */
import { accepted, type Batch, get, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { rows } from "../integration/batch/kit.ts";

export let system: System;
export let url: string;
export let client: TestClient;
/** Its handler is the one that holds. */
export let slow: TestClient;
/** Chunks that the handler has in hand, each with what lets it go. */
export const held: (() => void)[] = [];

const holding = {
  name: "holding",
  actions: {
    take: { importHandler: true, handler: () => new Promise<void>((resolve) => void held.push(resolve)) },
  },
};

/** Far below the 2 s of the query, and above what a busy machine takes. */
export const AT_ONCE_MS = 1_500;

/** To be called at the top of a test file: the system is there for all of its tests. */
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

/** A batch of so many chunks of which the first is with the handler. */
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

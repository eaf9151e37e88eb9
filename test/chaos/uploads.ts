/** Uploads with an Idempotency-Key: one that is repeated, and one that is aborted. */
import { type Batch, get, post, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";

export const long = Array.from({ length: 1_000 }, (_, i) => `{"a":${i}}`).join("\n");
/** A query: whether exactly one key is taken and has no answer yet. */
export const RUNNING = "SELECT COUNT(*) = 1 AS is_taken FROM idempotency_key WHERE answer IS NULL";

export const key = { "idempotency-key": "nightly" };
export const outcomeOf = async (response: Response) => ({
  status: response.status,
  isReplayed: response.headers.has("idempotent-replayed"),
  id: ((await response.json()) as { id?: string }).id ?? null,
});

/** Sends the beginning of a body and never the rest. Resolves once the request has ended, for any reason. */
export function begun(url: string, client: TestClient): Promise<unknown> {
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from(`${long}\n`)) });
  return post(url, client, body, undefined, key).catch(() => null);
}

/** Repeats an upload until the answer is not 409 "still runs", and answers it. */
export async function sentAgain(url: string, client: TestClient): Promise<Response> {
  let response: Response | undefined;
  await until(
    async () => {
      response = await post(url, client, long, undefined, key);
      return response.status !== 409;
    },
    "the key is free",
    15_000,
  );
  return response as Response;
}

export const listed = async (url: string, client: TestClient) =>
  ((await (await get(url, client, "/imports?limit=200")).json()) as { items: Batch[] }).items.map(({ id }) => id);

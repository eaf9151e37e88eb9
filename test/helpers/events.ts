/** Server-sent events, as a client reads them. */
import type { Batch, TestClient } from "./http.ts";

export interface SentEvent {
  /** The event's data, by the name of the SSE field. */
  event: string;
  id: string;
  batch: Batch & { links: { self: string } };
  /** The time of its arrival, by `performance.now()`. */
  at: number;
}

export interface EventReader {
  response: Response;
  /** The events that have come so far. */
  events: SentEvent[];
  /** How many comments have come. */
  comments(): number;
  /** Resolves when the server ends the stream. Rejects if the connection is cut. */
  ended: Promise<void>;
  hangUp(): void;
}

const field = (block: string, name: string) =>
  block
    .split("\n")
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2) ?? "";

export async function readEvents(
  url: string,
  client: TestClient,
  path: string,
  headers: Record<string, string> = {},
): Promise<EventReader> {
  const hangUp = new AbortController();
  const response = await fetch(`${url}${path}`, {
    headers: { authorization: client.auth, ...headers },
    signal: hangUp.signal,
  });
  const events: SentEvent[] = [];
  let comments = 0;
  const take = (block: string) => {
    if (block.startsWith(":")) comments++;
    else
      events.push({
        event: field(block, "event"),
        id: field(block, "id"),
        batch: JSON.parse(field(block, "data")),
        at: performance.now(),
      });
  };
  const ended = (async () => {
    let rest = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (rest + piece).split("\n\n");
      rest = blocks.pop() as string;
      blocks.forEach(take);
    }
    if (rest) throw new Error(`The stream ends in the middle of an event: ${rest}`);
  })();
  // An error after the client has hung up does not matter.
  ended.catch(() => {});
  return { response, events, comments: () => comments, ended, hangUp: () => hangUp.abort() };
}

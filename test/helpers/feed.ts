/** The server-sent events of the console's feed, as a page reads them. */
export interface FeedReader {
  response: Response;
  /** The events that have come so far: their names with their data. */
  events: { event: string; data: Record<string, unknown> }[];
  /** Resolves when the server ends the stream. */
  ended: Promise<void>;
  hangUp(): void;
}

export async function readFeed(url: string, headers: Record<string, string>): Promise<FeedReader> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const events: FeedReader["events"] = [];
  const take = (block: string) => {
    const [, event] = /^event: (.*)$/m.exec(block) ?? [];
    const [, data = "null"] = /^data: (.*)$/m.exec(block) ?? [];
    if (event) events.push({ event, data: JSON.parse(data) });
  };
  const ended = (async () => {
    let rest = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (rest + piece).split("\n\n");
      rest = blocks.pop() as string;
      blocks.forEach(take);
    }
  })();
  ended.catch(() => {});
  return { response, events, ended, hangUp: () => abort.abort() };
}

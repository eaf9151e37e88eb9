/** A partner's receiver of webhooks on 127.0.0.1, which answers what a test says. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  headers: IncomingHttpHeaders & Record<string, string>;
  body: string;
  event: { id: string; type: string; subject: string; data: Record<string, unknown> };
  at: number;
}

export interface Receiver {
  url: string;
  got: Received[];
  close(): Promise<void>;
}

/** `answer` gets the number of the request, from 1; a number is a status. */
export async function startReceiver(
  answer: (
    number: number,
    res: ServerResponse,
    got: Received,
  ) => number | undefined | Promise<number | undefined> = () => 200,
): Promise<Receiver> {
  const got: Received[] = [];
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const piece of req) body += piece;
    const headers = req.headers as Received["headers"];
    const received = { headers, body, event: JSON.parse(body), at: performance.now() };
    const status = await answer(got.push(received), res, received);
    if (status !== undefined) res.writeHead(status).end("What a receiver says is nobody's business.");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    got,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

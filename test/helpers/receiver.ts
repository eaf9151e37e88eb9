/** A partner's webhook receiver on 127.0.0.1. The test decides what it answers. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Certificate } from "./certificates.ts";

export interface Received {
  headers: IncomingHttpHeaders & Record<string, string>;
  body: string;
  event: { id: string; type: string; subject: string; data: Record<string, unknown> };
  at: number;
  /** The host name that the sender asked for over TLS. False: none. */
  servername: TLSSocket["servername"] | undefined;
}

export interface Receiver {
  url: string;
  got: Received[];
  close(): Promise<void>;
}

/**
 * Starts a receiver. `answer` gets the number of the request, counted from 1, and may return a status. With a certificate the
 * receiver speaks only TLS.
 */
export async function startReceiver(
  answer: (
    number: number,
    res: ServerResponse,
    got: Received,
  ) => number | undefined | Promise<number | undefined> = () => 200,
  certificate?: Certificate,
): Promise<Receiver> {
  const got: Received[] = [];
  const take = async (req: IncomingMessage, res: ServerResponse) => {
    let body = "";
    for await (const piece of req) body += piece;
    const headers = req.headers as Received["headers"];
    const { servername } = req.socket as TLSSocket;
    const received = { headers, body, event: JSON.parse(body), at: performance.now(), servername };
    const status = await answer(got.push(received), res, received);
    if (status !== undefined) res.writeHead(status).end("What a receiver says is nobody's business.");
  };
  const server = certificate ? createTlsServer(certificate, take) : createServer(take);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `${certificate ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    got,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * The connections of this node. This class receives requests, and bytes that are no request, and lets `answers` send
 * the answers. Three limits bound the memory: the number of connections, the number of waiting requests, and how long a
 * client may read nothing.
 */

import { readFile, readlink } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ServiceBroker } from "moleculer";
import { type Counter, counter, readWhenAsked } from "../../../lib/metrics/figures.ts";
import { addressOf, isTrusted } from "./address.ts";
import { type Answers, Connection } from "./connection.ts";
import { Crowd } from "./crowd.ts";
import type { ApiRequest } from "./head.ts";
import { noProxy, unreadable } from "./problems.ts";

export const connectionBounds = {
  /** The most connections without a login from one address (IPv6: /64). Each costs some kB and the system's buffers. */
  strangersOfNetwork: 256,
  /** A connection that moved within this time is closed only if the node has no room at all. */
  restMs: 1_000,
  /** The most requests that wait behind others: on one connection, and on all. Each costs 2 kB. */
  waitingOfOne: 32,
  waiting: 10_000,
  /** A connection is cut when its client has read nothing of an answer for this long. */
  unreadMs: 60_000,
  lookEveryMs: 5_000,
};
export type ConnectionBounds = typeof connectionBounds & { most: number; trustedProxies: readonly string[] };

const open = { name: "dataflow_connections", help: "Open HTTP connections.", type: "gauge" } as const;
const cut = { name: "dataflow_connections_cut_total", help: "HTTP connections that were cut off." };
const reasons = ["unread", "room", "pipelined"] as const;

export class Connections {
  private readonly bounds: ConnectionBounds;
  private readonly cut: Counter<(typeof reasons)[number]>;
  private readonly open = new Map<Socket, Connection>();
  private readonly crowd: Crowd;
  private timer: NodeJS.Timeout | undefined;
  private waiting = 0;

  constructor(broker: ServiceBroker, server: Server, answers: Answers, bounds: ConnectionBounds) {
    this.bounds = bounds;
    this.crowd = new Crowd(bounds.restMs);
    this.cut = counter(broker, cut, "reason", reasons);
    readWhenAsked(broker, open, () => [{ value: this.crowd.size }]);
    server.on("connection", (socket: Socket) => this.opened(socket, answers));
    server.removeAllListeners("request").on("request", (req: IncomingMessage, res: ServerResponse) => {
      this.take(req as ApiRequest, res);
    });
    // Node itself would answer 100 (Continue) before the credentials are checked.
    server.on("checkContinue", (req: ApiRequest, res: ServerResponse) => {
      req.expectsContinue = true;
      this.take(req, res);
    });
    // Expectations other than `100-continue` may be ignored (RFC 9110, 10.1.1). Node itself would answer 417.
    server.on("checkExpectation", (req: ApiRequest, res: ServerResponse) => this.take(req, res));
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
      const fault = unreadable(error);
      if (fault) this.open.get(socket)?.break(fault.problem, fault);
    });
    server.on("connect", (_req, socket) => {
      this.open.get(socket as Socket)?.break(noProxy(), { isGarbage: false });
    });
  }

  /**
   * Closes connections that never carried a request. Node does not count them as idle, so a stop would wait for them.
   */
  closeSilent(): void {
    for (const { isSilent, socket } of this.crowd) if (isSilent) socket.destroy();
  }

  /** Records whether the current request of this connection had a login. */
  know(socket: Socket, isKnown: boolean): void {
    const connection = this.open.get(socket);
    if (connection && connection.isKnown !== isKnown) this.crowd.moved(connection, isKnown);
  }

  /** Checks the connections regularly, until `end` is called. */
  watch(): void {
    this.timer = setTimeout(async () => {
      await this.cutUnread();
      if (this.timer) this.watch();
    }, this.bounds.lookEveryMs);
  }

  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private opened(socket: Socket, answers: Answers): void {
    const { trustedProxies, waitingOfOne } = this.bounds;
    const network = isTrusted({ socket }, trustedProxies) ? null : addressOf({ socket }, []);
    const connection = new Connection(socket, network, waitingOfOne, answers, (nextOnes) =>
      this.answered(connection, nextOnes),
    );
    this.open.set(socket, connection);
    socket.once("close", () => this.drop(connection));
    this.crowd.add(connection);
    const { strangersOfNetwork, most } = this.bounds;
    const tooMany = () => this.crowd.tooManyOfNetwork(connection, strangersOfNetwork);
    for (let one = tooMany(); one; one = tooMany()) this.cutOff(one, "room");
    if (this.crowd.size > most) this.cutOff(this.crowd.tooMany(connection), "room");
  }

  private take(req: ApiRequest, res: ServerResponse): void {
    const connection = this.open.get(req.socket);
    // The parser goes on with the rest of a packet after its connection was cut, so a request may belong to no open
    // connection.
    if (!connection) return;
    const before = connection.waiting;
    connection.take(req, res);
    this.waiting += connection.waiting - before;
    this.crowd.moved(connection);
    if (this.waiting <= this.bounds.waiting) return;
    const most = this.crowd.mostWaiting();
    if (most) this.cutOff(most, "pipelined");
  }

  private answered(connection: Connection, nextOnes: number): void {
    if (!this.open.has(connection.socket)) return;
    this.waiting -= nextOnes;
    this.crowd.moved(connection);
  }

  private async cutUnread(): Promise<void> {
    const still = [...this.crowd].filter(({ isStill }) => isStill).map(({ socket }) => socket);
    const unsent = await unsentOf(still);
    for (const connection of this.crowd)
      if (connection.isStuck(this.bounds.unreadMs, unsent.get(connection.socket))) this.cutOff(connection, "unread");
  }

  private cutOff(connection: Connection, reason: (typeof reasons)[number]): void {
    this.cut.add(reason);
    this.drop(connection);
    connection.socket.destroy();
  }

  private drop(connection: Connection): void {
    if (!this.open.delete(connection.socket)) return;
    this.waiting -= connection.waiting;
    this.crowd.delete(connection);
  }
}

/** The kernel's lists of TCP sockets on Linux, one line for each socket. */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
const LINE = /^ *\d+: \S+ \S+ \S+ ([\dA-F]+):\S+ \S+ \S+ +\d+ +\d+ (\d+)/gm;

/**
 * How many bytes of each socket the other side has not acknowledged. Node hears of progress only when a third of the
 * system's buffer, 1.4 MB, is free. Sockets without a known number are left out.
 */
export async function unsentOf(sockets: readonly Socket[]): Promise<Map<Socket, string>> {
  const found = new Map<Socket, string>();
  if (sockets.length === 0) return found;
  const tables = await Promise.all(TABLES.map((table) => readFile(table, "latin1").catch(() => "")));
  const unsent = new Map(
    tables.flatMap((table) => [...table.matchAll(LINE)].map(([, bytes, inode]) => [inode, bytes])),
  );
  await Promise.all(
    sockets.map(async (socket) => {
      const bytes = unsent.get(await inodeOf(socket));
      if (bytes !== undefined) found.set(socket, bytes);
    }),
  );
  return found;
}

async function inodeOf(socket: Socket): Promise<string | undefined> {
  const { _handle: handle } = socket as { _handle?: { fd?: number } | null };
  const link = await readlink(`/proc/self/fd/${handle?.fd}`).catch(() => "");
  return /^socket:\[(\d+)\]$/.exec(link)?.[1];
}

/** A TCP proxy before a server, to do to a link what networks do. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  port: number;
  /** How many links were made so far. */
  links(): number;
  /** Ends every link at once, without a word, as a crash does. New ones are let in. */
  cut(): void;
  /** Links stay open, and no byte passes any more, as behind a firewall that forgot them. New ones freeze too. */
  freeze(): void;
  /** What the server answers does not come through any more; what it is sent does. */
  deafen(): void;
  /** Every piece of bytes takes so much longer each way, in order. */
  slow(ms: number): void;
  /** Frozen, deaf or slow links work as before; what was held back arrives late. */
  thaw(): void;
  /** Cuts, and lets nobody in until `open`. */
  shut(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a proxy on a free port (or `port`) to `target`; where `isShut`, it lets nobody in before `open`. */
export async function startProxy(target: { host: string; port: number }, isShut = false): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>();
  let made = 0;
  let isFrozen = false;
  let delayMs = 0;
  const server = createServer((near) => {
    made++;
    const pair: [Socket, Socket] = [near, connect(target)];
    pairs.add(pair);
    join(
      pair,
      () => delayMs,
      () => pairs.delete(pair),
    );
    if (isFrozen) for (const socket of pair) socket.pause();
  });
  const listen = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  const shut = async () => {
    cut();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  const port = await listen(0);
  if (isShut) await shut();
  return {
    port,
    links: () => made,
    cut,
    freeze() {
      isFrozen = true;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    deafen() {
      for (const [, far] of pairs) far.pause();
    },
    slow(ms) {
      delayMs = ms;
    },
    thaw() {
      isFrozen = false;
      delayMs = 0;
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    shut,
    async open() {
      await listen(port);
    },
    close: shut,
  };
}

function join([a, b]: [Socket, Socket], delayMs: () => number, ended: () => void): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const later = inOrder((bytes) => to.write(bytes), delayMs);
    from.setNoDelay(true);
    from.on("data", later.take);
    from.on("error", () => {});
    from.on("close", () => {
      later.drop();
      to.destroy();
      ended();
    });
  }
}

/** Hands on after the delay of the moment; what comes after a longer one does not overtake. */
function inOrder(hand: (bytes: Buffer) => void, delayMs: () => number) {
  const waiting: Buffer[] = [];
  const timers = new Set<NodeJS.Timeout>();
  return {
    take(bytes: Buffer) {
      const ms = delayMs();
      if (ms === 0 && waiting.length === 0) return hand(bytes);
      waiting.push(bytes);
      const timer = setTimeout(() => {
        timers.delete(timer);
        hand(waiting.shift() as Buffer);
      }, ms);
      timers.add(timer);
    },
    drop() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

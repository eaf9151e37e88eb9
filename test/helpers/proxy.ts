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
  const server = createServer((near) => {
    made++;
    const pair: [Socket, Socket] = [near, connect(target)];
    pairs.add(pair);
    join(pair, () => pairs.delete(pair));
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
    thaw() {
      isFrozen = false;
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    shut,
    async open() {
      await listen(port);
    },
    close: shut,
  };
}

function join([a, b]: [Socket, Socket], ended: () => void): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.setNoDelay(true);
    from.on("data", (bytes) => to.write(bytes));
    from.on("error", () => {});
    from.on("close", () => {
      to.destroy();
      ended();
    });
  }
}

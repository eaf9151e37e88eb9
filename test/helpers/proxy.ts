/** A TCP proxy before a server, to do to a link what networks do. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { freePort } from "./port.ts";

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
  /**
   * What carries `text` to the server is the last that its link does: `cut`: it is done, and the link ends without its
   * answer; `silent`: it is done, and the link stays open without a word; `late`: the link ends at once, and the server
   * gets it when `arrive` is called. Resolves when the link is lost; `before` runs first.
   */
  lose(
    text: string,
    how: "cut" | "silent" | "late",
    before?: () => Promise<unknown>,
  ): Promise<{ arrive(): Promise<void> }>;
  /** Cuts, and lets nobody in until `open`. */
  shut(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a proxy on a free port (or `port`) to `target`; where `isShut`, it lets nobody in before `open`. */
export async function startProxy(target: { host: string; port: number }, isShut = false): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>();
  const losses = new Set<Loss>();
  let made = 0;
  let isFrozen = false;
  let delayMs = 0;
  const server = createServer((near) => {
    made++;
    const pair: [Socket, Socket] = [near, connect(target)];
    pairs.add(pair);
    const ended = () => pairs.delete(pair);
    join(pair, { losses, delayMs: () => delayMs, ended });
    if (isFrozen) for (const socket of pair) socket.pause();
  });
  const port = await freePort();
  const listen = async () => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  const shut = async () => {
    cut();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  if (!isShut) await listen();
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
    lose(text, how, before = async () => undefined) {
      return new Promise((lost) => losses.add({ text, how, before, lost }));
    },
    shut,
    open: listen,
    close: shut,
  };
}

interface Loss {
  text: string;
  how: "cut" | "silent" | "late";
  before(): Promise<unknown>;
  lost(how: { arrive(): Promise<void> }): void;
}

interface Joint {
  losses: Set<Loss>;
  delayMs(): number;
  ended(): void;
}

function join([near, far]: [Socket, Socket], { losses, delayMs, ended }: Joint): void {
  // A server that has still to get something is not hung up on.
  let isKept = false;
  const toNear = inOrder((bytes) => near.write(bytes), delayMs);
  const toFar = inOrder((bytes) => far.write(bytes), delayMs);
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.setNoDelay(true);
    from.on("error", () => {});
    from.on("close", () => {
      toNear.drop();
      if (!isKept) {
        toFar.drop();
        to.destroy();
      }
      ended();
    });
  }
  far.on("data", toNear.take);
  near.on("data", (bytes) => {
    const loss = [...losses].find(({ text }) => bytes.includes(text));
    if (!loss) return toFar.take(bytes);
    losses.delete(loss);
    far.removeAllListeners("data");
    isKept = loss.how === "late";
    lose(loss, near, far, bytes);
  });
}

async function lose({ how, before, lost }: Loss, near: Socket, far: Socket, bytes: Buffer): Promise<void> {
  const arrive = async () => {
    far.write(bytes);
    await once(far, "data");
  };
  if (how !== "late") await arrive();
  await before();
  if (how !== "silent") near.destroy();
  lost({
    async arrive() {
      if (how === "late") await arrive();
      far.destroy();
    },
  });
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

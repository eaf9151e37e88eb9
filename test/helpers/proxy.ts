/** A TCP proxy in front of a server. It disturbs links as networks do. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { freePort } from "./port.ts";

export interface TcpProxy {
  port: number;
  /** How many links have been made so far. */
  links(): number;
  /** Ends every link at once, without a goodbye, as a crash does. New links are accepted. */
  cut(): void;
  /** Keeps links open but passes no more bytes, as a firewall does that has forgotten them. New links freeze too. */
  freeze(): void;
  /** Passes what clients send to the server, but not the server's answers. */
  deafen(): void;
  /** Delays every piece of data by this time in both directions. The order stays. */
  slow(ms: number): void;
  /** Makes frozen, deaf or slow links work again. Data that was held back arrives late. */
  thaw(): void;
  /**
   * Loses the link that sends `text` to the server. `cut`: the server gets the text, and the link ends without an answer.
   * `silent`: the server gets the text, and the link stays open without an answer. `late`: the link ends at once, and the server
   * gets the text when `arrive` is called. Resolves when the link is lost. `before` runs first.
   */
  lose(
    text: string,
    how: "cut" | "silent" | "late",
    before?: () => Promise<unknown>,
  ): Promise<{ arrive(): Promise<void> }>;
  /** Cuts all links, and accepts no new ones until `open`. */
  shut(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a proxy to `target` on a free port, or on `port`. With `isShut` it accepts no links before `open`. */
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
  // The link to the server stays open while the server still has to get the text.
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

/** Passes data on after the present delay. Later data never overtakes data with a longer delay. */
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

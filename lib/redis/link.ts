import { Redis } from "ioredis";
import { maskUrl } from "../../config/config.ts";
import { isUntrusted, otherServerAt, TRUST } from "../net/server-kind.ts";

/** Redis cannot be used now: there is no connection, or it does not answer. The caller goes on without Redis. */
export class RedisAway extends Error {
  override name = "RedisAway";
}

export interface LinkOptions {
  url: string;
  keyPrefix: string;
  logger: { info(text: string): void; warn(text: string): void };
}

/**
 * A connection is cut when what was sent PATIENCE ticks ago is not answered yet: 75 to 90 ms, so that a request that
 * meets a frozen Redis goes on without it within 100. Ticks and not a timer for each command: a process that was busy for
 * longer than that itself (a garbage collection, a big chunk) has made one tick meanwhile, and does not blame Redis.
 */
const TICK_MS = 15;
const PATIENCE_TICKS = 5;
/** A frozen server accepts the connection but never gets ready. */
const HANDSHAKE_MS = 1_000;
const MOST_RECONNECT_MS = 500;
/** Commands in one write. */
const A_WRITE = 8;
/** Refusals that retrying cannot fix: a wrong or missing password or user, a user without rights, no such database. */
const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM|ERR (DB index|invalid DB index|AUTH|Client sent AUTH|invalid password))/;
const NO_REASON = "the connection was closed";

/** One connection. While it is down it refuses commands at once, and reconnects in the background. */
export class RedisLink {
  readonly redis: Redis;
  /** The server's URL for logs, without secrets. */
  readonly name: string;
  /** What the server said when it would not let us in; with a wrong database number it does, and to another one. */
  refusal: string | null = null;
  private readonly options: LinkOptions;
  private readonly listeners = new Set<(isUp: boolean) => void>();
  private readonly marks: number[] = [];
  private ready = false;
  private isClosed = false;
  private isToldAway = false;
  private reason = NO_REASON;
  private sent = 0;
  private settled = 0;
  private isCorked = false;
  private corked = 0;
  private watch: NodeJS.Timeout | null = null;
  private handshake: NodeJS.Timeout | undefined;

  constructor(options: LinkOptions) {
    this.options = options;
    this.name = maskUrl(options.url);
    this.redis = new Redis(options.url, {
      keyPrefix: options.keyPrefix,
      // Sent again after a reconnect, a command would come late, and a request would be counted twice.
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      // 0: a lost connection fails what it carried at once, not after the first reconnect.
      maxRetriesPerRequest: 0,
      connectTimeout: HANDSHAKE_MS,
      // ioredis would only keep a timer alive: our `close` destroys the connection.
      disconnectTimeout: 1,
      disableClientInfo: true,
      retryStrategy: (times) => Math.min(times * 50, MOST_RECONNECT_MS),
    });
    this.redis.on("error", (error: Error & { code?: string }) => {
      this.reason = error.message || String(error.code);
      if (REFUSED.test(this.reason)) this.refusal = this.reason;
      if (isUntrusted(error.code)) this.refusal = `a certificate that is not trusted (${error.code}; ${TRUST})`;
      if (!this.ready) this.away();
    });
    this.redis.on("connect", () => {
      this.handshake = setTimeout(() => this.cut("it accepts connections and does not answer"), HANDSHAKE_MS);
    });
    this.redis.on("ready", () => this.back());
    this.redis.on("close", () => this.away());
  }

  /** The key prefix. ioredis adds it to the keys it sends, and does not remove it from keys it reads. */
  get keyPrefix(): string {
    return this.options.keyPrefix;
  }

  get isUp(): boolean {
    return this.ready;
  }

  isAt(url: string): boolean {
    return this.options.url === url;
  }

  /** Why it can never be up: the server refuses the login, or it is another kind of server. */
  async fault(): Promise<{ expected: string; found: string } | null> {
    const expected = `a user, password and database that Redis at ${this.name} accepts`;
    if (this.refusal) return { expected, found: this.refusal };
    const stranger = this.ready ? null : await otherServerAt(this.options.url);
    return stranger && { expected: `${stranger.expected} at ${this.name}`, found: stranger.found };
  }

  /** Calls the listener at every change between up and down. The answer unsubscribes. */
  onChange(listener: (isUp: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Sends commands. Rejects with RedisAway, at once or within 100 ms, or with what Redis says (such as OOM). */
  run<T>(send: (redis: Redis) => Promise<T>): Promise<T> {
    if (!this.ready) return Promise.reject(new RedisAway(`Redis (${this.name}) is away: ${this.reason}`));
    if (this.sent !== this.settled) this.cork();
    this.sent++;
    this.watch ??= setInterval(() => this.look(), TICK_MS);
    return send(this.redis).then(this.answered, this.failed);
  }

  /** A Lua script as a function, sent by its hash. It gets its keys first, with the prefix put before them. */
  script<Args extends (string | number)[], Answer>(name: string, keys: number, lua: string) {
    this.redis.defineCommand(name, { numberOfKeys: keys, lua });
    const commands = this.redis as Redis & Record<string, (...args: Args) => Promise<Answer>>;
    return (...args: Args) => this.run(() => (commands[name] as (...args: Args) => Promise<Answer>)(...args));
  }

  /** Waits until the link is up, for at most `ms`. */
  async untilUp(ms: number): Promise<boolean> {
    if (this.ready) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = this.onChange(() => resolve());
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    end();
    return this.ready;
  }

  close(): void {
    this.isClosed = true;
    this.ready = false;
    this.listeners.clear();
    this.rest();
    clearTimeout(this.handshake);
    this.redis.disconnect();
    this.redis.stream?.destroy();
  }

  private readonly answered = <T>(answer: T): T => {
    this.settled++;
    return answer;
  };

  private readonly failed = (error: unknown): never => {
    this.settled++;
    throw error;
  };

  /**
   * While answers are outstanding, the commands of one turn of the loop go out a few in a write: one write each would cost
   * more than the command, and one write of all would leave Redis idle while we work, and us while Redis does.
   */
  private cork(): void {
    const { stream } = this.redis;
    if (this.isCorked) {
      if (++this.corked % A_WRITE !== 0) return;
      stream.uncork();
      stream.cork();
      return;
    }
    this.isCorked = true;
    this.corked = 0;
    stream.cork();
    setImmediate(() => {
      this.isCorked = false;
      stream.uncork();
    });
  }

  private look(): void {
    if (this.settled === this.sent) {
      this.rest();
      return;
    }
    const mark = this.marks.length < PATIENCE_TICKS ? 0 : (this.marks.shift() as number);
    if (this.settled < mark) this.cut("it did not answer in time");
    else this.marks.push(this.sent);
  }

  private rest(): void {
    if (this.watch) clearInterval(this.watch);
    this.watch = null;
    this.marks.length = 0;
  }

  /** Destroys the socket: a frozen server would not answer an orderly close. */
  private cut(reason: string): void {
    this.reason = reason;
    this.away();
    this.redis.stream?.destroy();
  }

  private away(): void {
    clearTimeout(this.handshake);
    const wasUp = this.ready;
    this.ready = false;
    if (this.isClosed) return;
    if (!this.isToldAway)
      this.options.logger.warn(
        `Redis (${this.name}) is away: ${this.reason}. Work goes on without it until it is back.`,
      );
    this.isToldAway = true;
    if (wasUp) this.tell();
  }

  private back(): void {
    clearTimeout(this.handshake);
    this.ready = true;
    this.isToldAway = false;
    this.reason = NO_REASON;
    this.options.logger.info(`Redis (${this.name}) is there.`);
    this.tell();
  }

  private tell(): void {
    for (const listener of [...this.listeners]) listener(this.ready);
  }
}

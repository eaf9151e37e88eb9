import { JoinedCalls } from "../batching/joined-calls.ts";
import { bounded } from "../batching/recent.ts";
import type { RedisLink } from "../redis/link.ts";
import type { Versioned } from "./local.ts";

/**
 * Writes a value unless a newer one is there: a load that began before a change must not undo it.
 *
 * KEYS[1]  the value, as "version:JSON"
 * ARGV     version, JSON, time to live in ms
 */
const setIfNewer = `
local held = redis.call("GET", KEYS[1])
local version = held and tonumber(string.match(held, "^(%d+):"))
if version and version > tonumber(ARGV[1]) then
  return 0
end
redis.call("SET", KEYS[1], ARGV[1] .. ":" .. ARGV[2], "PX", ARGV[3])
return 1
`;

export interface SharedOptions<V> {
  /** Keys are `cache:<name>:<key>`. */
  name: string;
  ttlMs: number;
  /** Restores what JSON does not keep. */
  toJson(value: V): unknown;
  fromJson(json: unknown): V;
}

export interface Change<V> {
  keys: string[];
  value: V;
}

const AT_ONCE = 100;
/** Keys of one call. With more, Redis would idle while we collect them, and we while it answers. */
const MOST_READ = 8;
const MOST_REMEMBERED = 50_000;
/** Keys of one SCAN step, others' included: it blocks Redis for some 100 µs. */
const SCANNED_AT_ONCE = 1_000;

/** Escapes a text for a SCAN pattern. */
const literal = (text: string) => text.replace(/[\\*?[\]^]/g, "\\$&");

/**
 * The cache in Redis. After an outage it may hold old values, so it is not read before all recent changes have been
 * written to it (`bringUpToDate`). It never throws: if it does not answer, SQL does.
 */
export class SharedLevel<V extends Versioned> {
  readonly figures = { hits: 0, misses: 0, fallbacks: 0 };
  private readonly link: RedisLink;
  private readonly options: SharedOptions<V>;
  private readonly reads: JoinedCalls<string, (string | null)[]>;
  private readonly write: (key: string, version: number, json: string, ttlMs: number) => Promise<number>;
  /** Versions that are written to this Redis: each change is written once, not with every safety read. */
  private readonly written = bounded<string, number>(MOST_REMEMBERED);
  private isTrusted = false;
  private losses = 0;

  constructor(link: RedisLink, options: SharedOptions<V>) {
    this.link = link;
    this.options = options;
    this.reads = new JoinedCalls(MOST_READ, (names) => link.run((redis) => redis.mget(names)));
    this.write = link.script("setIfNewer", 1, setIfNewer);
  }

  /** Reads a value. Null: it is not in Redis, or Redis did not answer. */
  async get(key: string): Promise<V | null> {
    try {
      if (!this.isTrusted) throw new Error("The cache in Redis may be out of date.");
      const [texts, place] = await this.reads.ask("", this.nameOf(key));
      const text = texts[place];
      const value = text ? this.decoded(text) : null;
      this.figures[value ? "hits" : "misses"]++;
      return value;
    } catch {
      this.figures.fallbacks++;
      return null;
    }
  }

  /** False: some values could not be written. */
  async put(keys: string[], value: V): Promise<boolean> {
    const json = JSON.stringify(this.options.toJson(value));
    try {
      await Promise.all(keys.map((key) => this.write(this.nameOf(key), value.version, json, this.options.ttlMs)));
      return true;
    } catch {
      return false;
    }
  }

  /** Deletes all of this cache's keys; answers how many. Rejects with RedisAway. */
  async empty(): Promise<number> {
    let removed = 0;
    let cursor = "0";
    do {
      const pattern = `${literal(this.link.keyPrefix + this.nameOf(""))}*`;
      const [next, found] = await this.link.run((redis) =>
        redis.scan(cursor, "MATCH", pattern, "COUNT", SCANNED_AT_ONCE),
      );
      const keys = found.map((key) => key.slice(this.link.keyPrefix.length));
      if (keys.length > 0) removed += await this.link.run((redis) => redis.unlink(keys));
      cursor = next;
    } while (cursor !== "0");
    return removed;
  }

  /** The connection was lost: what Redis holds after it comes back may be old. */
  lost(): void {
    this.isTrusted = false;
    this.losses++;
    this.written.clear();
  }

  /** Writes all recent changes; after that Redis is read again. False: Redis does not accept them. */
  async bringUpToDate(changes: Change<V>[]): Promise<boolean> {
    const { losses } = this;
    const fresh = changes.filter(({ keys, value }) => this.written.get(keys[0] as string) !== value.version);
    for (let at = 0; at < fresh.length; at += AT_ONCE) {
      const some = fresh.slice(at, at + AT_ONCE);
      const done = await Promise.all(some.map(({ keys, value }) => this.put(keys, value)));
      if (done.includes(false)) return false;
      for (const { keys, value } of some) this.written.set(keys[0] as string, value.version);
    }
    this.isTrusted = this.link.isUp && losses === this.losses;
    return this.isTrusted;
  }

  private nameOf(key: string): string {
    return `cache:${this.options.name}:${key}`;
  }

  private decoded(text: string): V {
    return this.options.fromJson(JSON.parse(text.slice(text.indexOf(":") + 1)));
  }
}

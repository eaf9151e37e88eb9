/**
 * Small uploads that end while others are being committed wait for them, and are committed together: a statement and its
 * fsync cost about the same for one as for sixteen. An idle node commits at once, so nobody waits for company.
 */

import type { UploadCommit, UploadOutcome } from "../../store.ts";
import { isUnavailable } from "../../unavailable.ts";
import type { Repeats } from "../../units/repeats.ts";
import type { Sql } from "./sql.ts";
import { commitTogether } from "./units/together.ts";
import { commitUpload } from "./units/uploads.ts";

/** Statements under way at once, where so many wait that the next is full. */
const AT_ONCE = 4;
/** Of one statement. The first answer waits for the last upload. */
const MOST_UPLOADS = 16;
const MOST_BYTES = 1024 * 1024;
/** What is longer costs more by itself than it could save. */
const MOST_BYTES_EACH = 128 * 1024;

interface Waiting {
  commit: UploadCommit;
  resolve(outcome: UploadOutcome | PromiseLike<UploadOutcome>): void;
  reject(error: unknown): void;
}

const bytesOf = ({ chunks }: UploadCommit): number => chunks.reduce((sum, { body }) => sum + body.length, 0);

/** Quotas are counted one after the other; an upload with a row of its own is larger than what is meant here. */
const isSmall = (commit: UploadCommit): boolean =>
  commit.id === null && commit.parent === undefined && commit.quota === null && bytesOf(commit) <= MOST_BYTES_EACH;

/** What no two uploads of one statement may both bring: the second has to see the first one's. */
function claimsOf({ batch, key, dedup, totals }: UploadCommit): string[] {
  const claims: string[] = [];
  if (key) claims.push(`${batch.clientId} key ${key.key}`);
  if (dedup) claims.push(`${batch.clientId} content ${totals.contentHash}`);
  return claims;
}

export class UploadCommits {
  readonly #sql: Sql;
  readonly #repeats: Repeats;
  #waiting: Waiting[] = [];
  #underWay = 0;

  constructor(sql: Sql, repeats: Repeats) {
    this.#sql = sql;
    this.#repeats = repeats;
  }

  /** As `BatchStore.commitUpload`. */
  readonly commit = (commit: UploadCommit): Promise<UploadOutcome> => {
    if (!isSmall(commit)) return commitUpload(this.#sql, commit, this.#repeats);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, resolve, reject });
      this.#next();
    });
  };

  #next(): void {
    const isWanted = this.#underWay === 0 ? this.#waiting.length > 0 : this.#waiting.length >= MOST_UPLOADS;
    if (!isWanted || this.#underWay >= AT_ONCE) return;
    const group = this.#take();
    this.#underWay++;
    void this.#commit(group).finally(() => {
      this.#underWay--;
      this.#next();
    });
  }

  /** Whoever waits longest, with those behind that fit. */
  #take(): Waiting[] {
    const claims = new Set<string>();
    let bytes = 0;
    const fits = ({ commit }: Waiting, taken: number): boolean => {
      const own = claimsOf(commit);
      bytes += bytesOf(commit);
      if (taken >= MOST_UPLOADS || bytes > MOST_BYTES || own.some((claim) => claims.has(claim))) return false;
      for (const claim of own) claims.add(claim);
      return true;
    };
    const end = this.#waiting.findIndex((waiting, taken) => !fits(waiting, taken));
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  /** Never rejects. */
  async #commit(group: Waiting[]): Promise<void> {
    try {
      const all = await commitTogether(
        this.#sql,
        group.map(({ commit }) => commit),
      );
      for (const [n, waiting] of group.entries()) {
        const written = all[n];
        if (written) waiting.resolve({ outcome: "stored", ...written });
        else this.#alone(waiting);
      }
    } catch (error) {
      if (!isUnavailable(error)) this.#sql.oneByOne(error);
      // One that breaks a rule (it was sent before) must not fail its neighbours. While the database is away, all are told.
      for (const waiting of group)
        if (isUnavailable(error)) waiting.reject(error);
        else this.#alone(waiting);
    }
  }

  #alone({ commit, resolve }: Waiting): void {
    resolve(commitUpload(this.#sql, commit, this.#repeats));
  }
}

/**
 * Groups the commits of small uploads. Uploads that arrive while a commit runs wait, and are then committed in one
 * statement. A statement and its fsync cost about the same for one upload as for sixteen. If no commit runs, an upload
 * is committed at once.
 */

import type { UploadCommit, UploadOutcome } from "../../../services/imports/imports.domain.ts";
import { isUnavailable } from "../../unavailable.ts";
import type { Sql } from "./sql.ts";
import { commitUploadGroup } from "./units/uploads.group.ts";

/** How many statements run at once. A further one starts only when enough uploads wait to fill it. */
const AT_ONCE = 4;
/** The greatest size of one statement. It must not be large, because all its uploads are answered at its end. */
const MOST_UPLOADS = 16;
const MOST_BYTES = 1024 * 1024;
/** A larger upload is committed alone: grouping would save little of its cost. */
const MOST_BYTES_EACH = 128 * 1024;

interface Waiting {
  commit: UploadCommit;
  resolve(outcome: UploadOutcome | PromiseLike<UploadOutcome>): void;
  reject(error: unknown): void;
}

const bytesOf = ({ chunks }: UploadCommit): number => chunks.reduce((sum, { body }) => sum + body.length, 0);

/**
 * Whether the upload may be grouped. An upload with a quota or an order may not, because quotas and places are counted
 * one by one. An operator's upload has a row in the audit, a check keeps no content, and an upload with a receiving row
 * is large: these are not grouped either.
 */
const isSmall = (commit: UploadCommit): boolean =>
  commit.id === null &&
  commit.parent === undefined &&
  commit.corrects === undefined &&
  commit.order === undefined &&
  commit.audit === undefined &&
  commit.quota === null &&
  !commit.isCheck &&
  bytesOf(commit) <= MOST_BYTES_EACH;

/**
 * The keys and contents that an upload claims. Two uploads with the same claim must not share a statement, because the
 * second must see the first.
 */
function claimsOf({ batch, key, dedup, totals }: UploadCommit): string[] {
  const claims: string[] = [];
  if (key) claims.push(`${batch.clientId} key ${key.key}`);
  if (dedup) claims.push(`${batch.clientId} content ${dedup.hash ?? totals.contentHash}`);
  return claims;
}

export class GroupedUploads {
  readonly #sql: Sql;
  readonly #one: (commit: UploadCommit) => Promise<UploadOutcome>;
  #waiting: Waiting[] = [];
  #underWay = 0;

  /** `one`: commits an upload by itself. */
  constructor(sql: Sql, one: (commit: UploadCommit) => Promise<UploadOutcome>) {
    this.#sql = sql;
    this.#one = one;
  }

  /**
   * Implements `BatchStore.commitUpload`: a small upload waits for its group, and any other upload is committed at
   * once.
   */
  readonly commit = (commit: UploadCommit): Promise<UploadOutcome> => {
    if (!isSmall(commit)) return this.#one(commit);
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

  /** Takes from the queue the uploads that have waited longest, as many as fit in one statement. */
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

  /** Commits a group of uploads in one statement. Never rejects. */
  async #commit(group: Waiting[]): Promise<void> {
    try {
      const all = await commitUploadGroup(
        this.#sql,
        group.map(({ commit }) => commit),
      );
      for (const [n, waiting] of group.entries()) {
        const written = all[n];
        if (written) waiting.resolve({ outcome: "stored", ...written });
        else this.#alone(waiting);
      }
    } catch (error) {
      if (!isUnavailable(error)) this.#sql.warnUngrouped(error);
      // An upload that violates a constraint (it was sent before) must not fail the others. If the database is
      // unusable, all fail.
      for (const waiting of group)
        if (isUnavailable(error)) waiting.reject(error);
        else this.#alone(waiting);
    }
  }

  #alone({ commit, resolve }: Waiting): void {
    resolve(this.#one(commit));
  }
}

/**
 * The keys with which the company's own issuer signs tokens (OpenID Connect). The keys are found by the issuer's
 * discovery document, fetched seldom, and kept while the issuer cannot be reached.
 *
 *   the token's key is known ─► go on; if the keys are older than `refreshMs`, fetch them anew meanwhile
 *   the token's key is unknown ─► fetch the keys, unless that was tried within `cooldownMs`
 *     ─► the key is known now, or the token is refused; if the issuer cannot be reached: unavailable
 */
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from "jose";
import { isSafeUrl } from "../../../config/urls.ts";
import { Problem } from "../../../lib/errors.ts";

export interface IssuerTimes {
  /** The age at which keys are fetched anew. A key that the issuer has taken back is refused after that fetch. */
  refreshMs: number;
  /** The shortest time between two fetches. Tokens with made-up keys then cost the issuer nothing. */
  cooldownMs: number;
  /** How long an answer of the issuer may take. */
  timeoutMs: number;
}

export const issuerTimes: IssuerTimes = { refreshMs: 600_000, cooldownMs: 30_000, timeoutMs: 5_000 };

const MOST_BYTES = 1024 * 1024;

type Local = ReturnType<typeof createLocalJWKSet>;

export class IssuerKeys {
  readonly issuer: string;
  private readonly times: IssuerTimes;
  private readonly warn: (text: string, error: unknown) => void;
  private keys: Local | null = null;
  /** Monotonic times of the last try and of the last successful fetch. */
  private triedAt = Number.NEGATIVE_INFINITY;
  private fetchedAt = Number.NEGATIVE_INFINITY;
  private fetching: Promise<void> | null = null;
  private readonly stopping = new AbortController();

  constructor(issuer: string, times: IssuerTimes, warn: (text: string, error: unknown) => void) {
    this.issuer = issuer;
    this.times = times;
    this.warn = warn;
  }

  /** Ends a fetch of keys that still runs. */
  stop(): void {
    this.stopping.abort();
  }

  /**
   * Finds the key of a token, for jose. Throws unavailable, and what jose throws for a key that the issuer does not
   * have.
   */
  readonly keyOf = async (header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> => {
    if (!this.keys) await this.fetchUnlessTried();
    if (!this.keys) throw this.away();
    if (performance.now() - this.fetchedAt > this.times.refreshMs) this.fetchUnlessTried();
    try {
      return await this.keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await this.fetchUnlessTried();
    return this.keys(header, token).catch((error: unknown) => {
      throw this.fetchedAt < this.triedAt ? this.away() : error;
    });
  };

  private away(): Problem {
    const seconds = Math.max(1, Math.ceil((this.triedAt + this.times.cooldownMs - performance.now()) / 1000));
    return new Problem("unavailable", "The issuer of this token does not answer, and its key is not known here.", {
      headers: { "Retry-After": String(seconds) },
    });
  }

  /** Fetches the keys. Callers that come while a fetch runs wait for that fetch. Never rejects. */
  private fetchUnlessTried(): Promise<void> {
    if (this.fetching) return this.fetching;
    if (performance.now() - this.triedAt < this.times.cooldownMs) return Promise.resolve();
    this.triedAt = performance.now();
    this.fetching = this.fetch()
      .catch((error: unknown) => this.warn(`The keys of ${this.issuer} could not be fetched:`, error))
      .finally(() => {
        this.fetching = null;
      });
    return this.fetching;
  }

  private async fetch(): Promise<void> {
    const base = this.issuer.replace(/\/$/, "");
    const { issuer, jwks_uri } = (await this.json(`${base}/.well-known/openid-configuration`)) as Record<
      string,
      unknown
    >;
    if (issuer !== this.issuer)
      throw new Error(
        `its discovery document names the issuer ${JSON.stringify(issuer)}, expected ${JSON.stringify(this.issuer)}`,
      );
    if (!isSafeUrl(jwks_uri)) throw new Error("its jwks_uri is no URL of https: (http: on this machine)");
    this.keys = createLocalJWKSet((await this.json(jwks_uri)) as JSONWebKeySet);
    this.fetchedAt = performance.now();
  }

  private async json(url: string): Promise<unknown> {
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(this.times.timeoutMs)]);
    const response = await fetch(url, { redirect: "error", headers: { accept: "application/json" }, signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`${url} answered ${response.status}`);
    }
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of response.body ?? []) {
      bytes += piece.length;
      if (bytes > MOST_BYTES) throw new Error(`${url} answered more than ${MOST_BYTES} bytes`);
      pieces.push(piece);
    }
    return JSON.parse(Buffer.concat(pieces).toString());
  }
}

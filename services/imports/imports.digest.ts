/** Checks `Content-Digest`. */
import { createHash, type Hash } from "node:crypto";
import { Problem } from "../../lib/errors.ts";
import type { Digest } from "./imports.contract.ts";

/** Computes the digests of the wire bytes. For SHA-256 of a body without codings, the hash of the content is used. */
export class WireDigests {
  private readonly wanted: Digest[];
  private readonly hashes = new Map<Digest["algorithm"], Hash>();

  /** `isAsSent`: the body has no codings, so its content equals the wire bytes. */
  constructor(wanted: Digest[], isAsSent: boolean) {
    this.wanted = wanted;
    for (const { algorithm } of wanted)
      if (algorithm !== "sha-256" || !isAsSent) this.hashes.set(algorithm, createHash(algorithm.replace("-", "")));
  }

  /** Hashes the wire bytes. Null: no hash is needed. */
  get update(): ((piece: Buffer) => void) | null {
    if (this.hashes.size === 0) return null;
    return (piece) => {
      for (const hash of this.hashes.values()) hash.update(piece);
    };
  }

  /** Throws digest-mismatch. */
  check(contentHash: string): void {
    for (const { algorithm, hex } of this.wanted)
      if ((this.hashes.get(algorithm)?.digest("hex") ?? contentHash) !== hex)
        throw new Problem("digest-mismatch", `The body's ${algorithm} is not the one of Content-Digest.`, {
          algorithm,
        });
  }
}

/** Checks `Content-Digest`. */
import { createHash, type Hash } from "node:crypto";
import { Problem } from "../../lib/errors.ts";
import type { Digest, Encoding } from "./imports.contract.ts";

/** The digests of the bytes on the wire. The content's own hash serves for SHA-256 of a body that comes as it is. */
export class WireDigests {
  private readonly wanted: Digest[];
  private readonly hashes = new Map<Digest["algorithm"], Hash>();

  constructor(wanted: Digest[], encoding: Encoding) {
    this.wanted = wanted;
    for (const { algorithm } of wanted)
      if (algorithm !== "sha-256" || encoding !== "identity")
        this.hashes.set(algorithm, createHash(algorithm.replace("-", "")));
  }

  /** Hashes the bytes of the wire. Null: no hash is needed. */
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

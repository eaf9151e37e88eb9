/** Bounds the memory of Brotli: its decoder keeps a window of up to 16 MiB, and a client may send many bodies at once. */

/** The room of one client on a node: 16 uploads with the usual window of encoders (4 MiB), or four with the largest one. */
const MOST_BYTES = 64 * 1024 * 1024;

/** The window that a Brotli stream asks for (RFC 7932, 9.1), by its first byte. */
export function brotliWindow(first: number): number {
  const [large, small] = [(first >> 1) & 7, (first >> 4) & 7];
  if ((first & 1) === 0) return 2 ** 16;
  if (large > 0) return 2 ** (17 + large);
  return 2 ** (small === 0 ? 17 : 8 + small);
}

/** A decoder's place. */
export interface Window {
  /** Resolves when there is room for it. */
  ready: Promise<void>;
  /** Gives the room back, or gives up the wait for it. To be called once. */
  free(): void;
}

interface Claim {
  bytes: number;
  isHeld: boolean;
  hold(): void;
}

/**
 * The windows of all uploads on this node. The uploads of one client wait for each other in their order, but not for other
 * clients' uploads.
 */
export class Windows {
  private readonly byClient = new Map<number, Claim[]>();

  take(clientId: number, bytes: number): Window {
    const { promise: ready, resolve: hold } = Promise.withResolvers<void>();
    const claim: Claim = { bytes, isHeld: false, hold };
    this.give(clientId, [...(this.byClient.get(clientId) ?? []), claim]);
    const free = () => this.give(clientId, this.byClient.get(clientId)?.filter((one) => one !== claim) ?? []);
    return { ready, free };
  }

  /** Grants the first claims that fit together. */
  private give(clientId: number, claims: Claim[]): void {
    if (claims.length > 0) this.byClient.set(clientId, claims);
    else this.byClient.delete(clientId);
    let sum = 0;
    for (const claim of claims) {
      sum += claim.bytes;
      if (sum > MOST_BYTES) return;
      if (!claim.isHeld) claim.hold();
      claim.isHeld = true;
    }
  }
}

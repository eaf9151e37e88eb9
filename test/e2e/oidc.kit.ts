/** An OpenID Connect issuer of the test's own. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

export const AUDIENCE = "dataflow";

interface Pair {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
}

export class Issuer {
  url = "";
  /** How often a node has fetched the keys. */
  fetched = 0;
  isAway = false;
  private pairs: Pair[] = [];
  private made = 0;
  private readonly server: Server;

  constructor() {
    this.server = createServer(async ({ url }, res) => {
      if (this.isAway) return void res.writeHead(503).end();
      res.setHeader("content-type", "application/json");
      if (url === "/.well-known/openid-configuration")
        return void res.end(JSON.stringify({ issuer: this.url, jwks_uri: `${this.url}/keys` }));
      this.fetched++;
      const keys = this.pairs.map(async ({ kid, publicKey }) => ({
        ...(await exportJWK(publicKey)),
        kid,
        alg: "ES256",
      }));
      res.end(JSON.stringify({ keys: await Promise.all(keys) }));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    await this.rotate();
  }

  stop(): Promise<unknown> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  /** Signs with a new key from now on. The old key is no longer valid. */
  async rotate(): Promise<void> {
    this.pairs = [{ kid: `key-${++this.made}`, ...(await generateKeyPair("ES256")) }];
  }

  /** Makes a token. `more`: claims that are added or replaced. `kid`: the id in place of the key's own. */
  async token(more: JWTPayload = {}, kid?: string): Promise<string> {
    const [pair] = this.pairs as [Pair];
    const payload = { iss: this.url, aud: AUDIENCE, sub: "4711", exp: inSeconds(600), ...more };
    return new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: kid ?? pair.kid }).sign(pair.privateKey);
  }
}

export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

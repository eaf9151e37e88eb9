import type { Connection } from "./connection.ts";

/**
 * The open connections, each group ordered by when a connection last moved. A stranger is a connection whose last
 * request had no login. If there is no room, the stranger that has been quiet for longest is closed.
 */
export class Crowd {
  private readonly known = new Set<Connection>();
  private readonly strangers = new Set<Connection>();
  private readonly networks = new Map<string, Set<Connection>>();

  private readonly restMs: number;

  constructor(restMs: number) {
    this.restMs = restMs;
  }

  get size(): number {
    return this.known.size + this.strangers.size;
  }

  add(connection: Connection): void {
    for (const group of this.groupsOf(connection)) group.add(connection);
  }

  delete(connection: Connection): void {
    for (const group of this.groupsOf(connection)) group.delete(connection);
    const { network } = connection;
    if (network !== null && this.networks.get(network)?.size === 0) this.networks.delete(network);
  }

  /** Notes that a connection sent or read something. From now on the connection counts as known or as a stranger. */
  moved(connection: Connection, isKnown = connection.isKnown): void {
    this.delete(connection);
    connection.isKnown = isKnown;
    connection.movedAt = performance.now();
    this.add(connection);
  }

  /**
   * The connection to close if the network of `newest` has more than `most` strangers. Null if the network has fewer,
   * or if all of its strangers are busy.
   */
  tooManyOfNetwork(newest: Connection, most: number): Connection | null {
    const group = newest.network === null ? undefined : this.networks.get(newest.network);
    return group && group.size > most ? first(group, (one) => !one.isAtWork && this.rests(one)) : null;
  }

  /**
   * The connection to close if the node has too many: a quiet stranger, else an idle known connection, else any
   * stranger, else `newest` itself.
   */
  tooMany(newest: Connection): Connection {
    const isOther = (one: Connection) => one !== newest;
    return (
      first(this.strangers, (one) => isOther(one) && !one.isAtWork && this.rests(one)) ??
      first(this.known, (one) => one.isIdle && this.rests(one)) ??
      first(this.strangers, (one) => isOther(one) && !one.isAtWork) ??
      first(this.strangers, isOther) ??
      newest
    );
  }

  /**
   * Whether the connection has rested. A connection that opened or moved just now has not, because it had no time yet
   * to send a request.
   */
  private rests({ movedAt }: Connection): boolean {
    return performance.now() - movedAt >= this.restMs;
  }

  /** The connection with the most waiting requests. */
  mostWaiting(): Connection | null {
    let most: Connection | null = null;
    for (const group of [this.known, this.strangers])
      for (const one of group) if (one.waiting > (most?.waiting ?? 0)) most = one;
    return most;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return [...this.known, ...this.strangers][Symbol.iterator]();
  }

  private groupsOf({ isKnown, network }: Connection): Set<Connection>[] {
    if (isKnown) return [this.known];
    if (network === null) return [this.strangers];
    const ofNetwork = this.networks.get(network) ?? new Set();
    this.networks.set(network, ofNetwork);
    return [this.strangers, ofNetwork];
  }
}

function first(group: Set<Connection>, is: (one: Connection) => boolean): Connection | null {
  for (const one of group) if (is(one)) return one;
  return null;
}

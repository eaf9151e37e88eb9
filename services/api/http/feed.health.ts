/** Finds which servers and nodes have changed their state since an event stream looked last. */
import type { SystemStats } from "../../monitor/monitor.contract.ts";

/** The state of each server and node, by a name such as `dependency redis` or `node worker-1`. */
type States = ReadonlyMap<string, string>;

/** A change of the state of a server or a node. A node that is gone has the state `left`. */
export interface HealthChange {
  about: string;
  at: string;
  kind: string | undefined;
  name: string | undefined;
  state: string;
}

export class HealthNews {
  private last: States | null = null;

  /** The states that the last look has found. */
  get known(): States {
    return this.last ?? new Map();
  }

  /** The changes since the last look. The first look finds no changes. */
  changes(now: States): HealthChange[] {
    const before = this.last;
    this.last = now;
    if (!before) return [];
    const at = new Date().toISOString();
    return [...new Set([...before.keys(), ...now.keys()])].flatMap((about) => {
      const [kind, name] = about.split(" ", 2);
      const state = now.get(about) ?? "left";
      return state === before.get(about) ? [] : [{ about, at, kind, name, state }];
    });
  }

  reset(): void {
    this.last = null;
  }
}

/** The states of servers and nodes in the figures of the system. */
export function healthOf({ readiness, nodes }: SystemStats): States {
  const { tables = {}, ...servers } = readiness.checks;
  const checks = Object.entries({ ...servers, ...tables }).map(
    ([name, check]) => [`dependency ${name}`, check === "off" ? "off" : check.status] as const,
  );
  const known = nodes.map((node) => [`node ${node.node}`, "unreachable" in node ? "unreachable" : "joined"] as const);
  return new Map([...checks, ...known]);
}

/** The states while figures cannot be read: the database is down, and all other states stay as they were known. */
export const withoutDatabase = (known: States): States => new Map([...known, ["dependency database", "down"]]);

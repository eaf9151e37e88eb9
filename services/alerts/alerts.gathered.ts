/** Adds notes up until a line tells of them. */
import type { AlertSubject, Gathered, StoredNote } from "./alerts.domain.ts";

/** The most clients that have a count of their own. Further ones are only part of the sum. */
const MOST_CLIENTS = 20;

/** `before`, what earlier notes came to, with further notes added. Null: there is nothing to tell. */
export function gathered(before: Gathered | null, notes: readonly StoredNote[]): Gathered | null {
  return notes.reduce(withNote, before);
}

function withNote(before: Gathered | null, { at, about }: StoredNote): Gathered {
  const times = about.times ?? 1;
  if (!before) return { first: about, from: at, to: at, times, clients: [[about.clientId, times]] };
  return {
    first: before.first,
    from: Math.min(before.from, at),
    to: Math.max(before.to, at),
    times: before.times + times,
    clients: counted(before.clients, about, times),
  };
}

function counted(clients: Gathered["clients"], { clientId }: AlertSubject, times: number): Gathered["clients"] {
  if (clients.some(([id]) => id === clientId)) return clients.map(([id, n]) => [id, id === clientId ? n + times : n]);
  return clients.length < MOST_CLIENTS ? [...clients, [clientId, times]] : clients;
}

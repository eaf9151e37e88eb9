/** Chooses the walks that find the batches of a filter. Each walk uses the most selective index, and compares the other conditions. */
import type { BatchStore } from "../../database/store.ts";
import { type BatchState, ownDataset, visibleStates } from "./batch.domain.ts";
import type { BatchFilter, BatchWalk, SearchTerm, WalkFilter, WalkWay } from "./batch.filter.domain.ts";

/** In these states no record was rejected. */
const faultless: readonly BatchState[] = ["completed", "received"];
/** A search for the beginning of an identifier is used only if at most this many clients match. */
const MOST_CLIENTS = 10;

type SearchStore = Pick<BatchStore, "idsFrom" | "batchesOfKey" | "clientsNamed">;

/** The conditions that each way covers by its index alone. */
const FOUND_BY: Record<WalkWay, readonly (keyof WalkFilter)[]> = {
  id: [],
  ids: ["ids"],
  client: ["clientId"],
  state: ["state"],
  stateOfClient: ["state", "clientId"],
  dataset: ["dataset"],
  datasetOfClient: ["clientId", "dataset"],
  request: ["requestId"],
  checksum: ["hash"],
  retryOf: ["retryOf"],
  corrects: ["corrects"],
};

function walkBy(way: WalkWay, filter: WalkFilter): BatchWalk {
  const found: readonly (keyof WalkFilter)[] = [...FOUND_BY[way], "states"];
  const isOfStates = FOUND_BY[way].includes("state") || filter.states.length === visibleStates.length;
  const others = (Object.keys(filter) as (keyof WalkFilter)[]).filter((name) => !found.includes(name));
  return { way, filter, isFiltered: !isOfStates || others.length > 0 };
}

/** The states in which a batch can match the filter. */
function statesOf({ states = [...visibleStates], hasErrors, errorCode }: BatchFilter) {
  const hasFault = hasErrors === true || errorCode !== undefined;
  return states.filter((state) => !(hasFault && faultless.includes(state)));
}

/** A walk for each state that has an index of its own, and one for all others. */
function byState(filter: WalkFilter): BatchWalk[] {
  const ofClient = filter.clientId !== undefined;
  const own = filter.states.filter((state) => ofClient || state !== "completed");
  const walks = own.map((state) => walkBy(ofClient ? "stateOfClient" : "state", { ...filter, state }));
  return own.length === filter.states.length
    ? walks
    : [...walks, broad({ ...filter, states: filter.states.filter((state) => !own.includes(state)) })];
}

/** A walk through the batches of a client, of a dataset, or all. */
function broad(filter: WalkFilter): BatchWalk {
  const isShared = filter.dataset !== undefined && filter.dataset !== ownDataset;
  if (isShared) return walkBy(filter.clientId === undefined ? "dataset" : "datasetOfClient", filter);
  return walkBy(filter.clientId === undefined ? "id" : "client", filter);
}

const HEX = 32;
/** The lowest or highest public id that begins with these digits; `fill` replaces the missing ones. */
const uuidOf = (digits: string, fill: string): string =>
  digits.padEnd(HEX, fill).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

async function walksOfTerm(store: SearchStore, term: SearchTerm, filter: WalkFilter): Promise<BatchWalk[]> {
  switch (term.by) {
    case "id":
      return ofIds(await store.idsFrom(uuidOf(term.digits, "0"), uuidOf(term.digits, "f")), filter);
    case "key":
      return ofIds(await store.batchesOfKey(term.key, filter.clientId ?? null), filter);
    case "request":
      return [walkBy("request", { ...filter, requestId: term.requestId })];
    case "checksum":
      return [walkBy("checksum", { ...filter, hash: term.hash })];
    case "client":
      return ofClients(await clientsOf(store, term.identifier), filter);
    default:
      throw new Error(`No such term: ${JSON.stringify(term satisfies never)}`);
  }
}

const ofIds = (ids: number[], filter: WalkFilter): BatchWalk[] =>
  ids.length === 0 ? [] : [walkBy("ids", { ...filter, ids })];

/** The client with that identifier. If there is none, the clients whose identifier begins with it. */
async function clientsOf(store: SearchStore, identifier: string): Promise<number[]> {
  const found = await store.clientsNamed(identifier, MOST_CLIENTS);
  const exact = found.filter((client) => client.identifier === identifier);
  return (exact.length > 0 ? exact : found).map(({ id }) => id);
}

function ofClients(ids: number[], filter: WalkFilter): BatchWalk[] {
  const { clientId } = filter;
  const asked = clientId === undefined ? ids : ids.filter((id) => id === clientId);
  const walksOf = asked.length === 1 ? walksThrough : (each: WalkFilter) => [broad(each)];
  return asked.flatMap((id) => walksOf({ ...filter, clientId: id }));
}

function walksThrough(filter: WalkFilter): BatchWalk[] {
  if (filter.retryOf !== undefined) return [walkBy("retryOf", filter)];
  return filter.states.length === visibleStates.length ? [broad(filter)] : byState(filter);
}

/** The walks that together find all batches of the filter. Some may find the same batch. */
export async function walksOf(store: SearchStore, { search, ...filter }: BatchFilter): Promise<BatchWalk[]> {
  const wanted: WalkFilter = { ...filter, states: statesOf(filter) };
  if (wanted.states.length === 0) return [];
  if (!search) return walksThrough(wanted);
  const walks = await Promise.all(search.map((term) => walksOfTerm(store, term, wanted)));
  return walks.flat();
}

/** A walk for each state that the filter asks for, to count its batches. */
export async function walksByState(store: SearchStore, filter: BatchFilter): Promise<Map<BatchState, BatchWalk[]>> {
  const possible = statesOf(filter);
  const found = new Map<BatchState, BatchWalk[]>();
  for (const state of filter.states ?? visibleStates)
    found.set(state, possible.includes(state) ? await walksOf(store, { ...filter, states: [state] }) : []);
  return found;
}

/** The faults of nodes and links, in an order that follows from a seed. Each fault ends by itself. */
import { type Place, servers } from "./place.ts";

export interface Play {
  places: Place[];
  random: () => number;
  lengths: {
    /** The longest time between two faults of a kind. */
    gapMs: number;
    /** The longest time that a link is out of order. */
    linkMs: number;
    /** The shortest time that a node is paused. It is longer than the lease. */
    pauseMs: number;
  };
  /** Asked between two faults: whether the run is over. */
  isOver(): boolean;
  tell(text: string): void;
  /** Called after a node was told to stop while all its links work. It must hand back its batches at once. */
  leaving(place: Place): Promise<void>;
}

type Link = Place["links"]["redis"];

const linkBlows = {
  cut: (link: Link) => link.cut(),
  shut: (link: Link) => link.shut(),
  freeze: (link: Link) => link.freeze(),
  deafen: (link: Link) => link.deafen(),
  slow: (link: Link, random: () => number) => link.slow(20 + Math.floor(random() * 300)),
};

async function heal(link: Link, kind: keyof typeof linkBlows): Promise<void> {
  link.thaw();
  if (kind === "shut") await link.open();
}

const serverSets = [...servers.map((server) => [server]), ["redis", "rabbit"] as const, servers];
const linkFaults = (Object.keys(linkBlows) as (keyof typeof linkBlows)[]).flatMap((kind) =>
  serverSets.flatMap((on) => [true, false].map((isForAll) => ({ kind, on, isForAll }))),
);

/** Disturbs links, one after another. */
export async function troubleLinks(play: Play): Promise<void> {
  const { places, random, lengths, tell } = play;
  const next = deck(linkFaults, random);
  for (await gap(play); !play.isOver(); await gap(play)) {
    const { kind, on, isForAll } = next.next().value;
    const struck = isForAll ? places : [oneOf(places, random)];
    const ms = kind === "cut" ? 0 : (0.1 + 0.9 * random()) * lengths.linkMs;
    const links = struck.flatMap((place) => on.map((server) => place.links[server]));
    tell(`${kind} ${on.join("+")} of ${isForAll ? "all" : struck[0]?.name}, ${Math.round(ms)} ms`);
    for (const place of struck) place.isAiling = true;
    for (const link of links) await linkBlows[kind](link, random);
    await wait(ms);
    for (const link of links) await heal(link, kind);
    for (const place of struck) place.isAiling = false;
    tell("the links are whole");
  }
}

const nodeBlows = {
  async killWorker(play: Play) {
    await kill(play, "worker");
  },
  async killApi(play: Play) {
    await kill(play, "api");
  },
  async pauseWorker(play: Play) {
    const place = oneOfRole(play, "worker");
    const ms = play.lengths.pauseMs * (1 + play.random());
    play.tell(`${place.name} stands still, ${Math.round(ms)} ms`);
    place.pause();
    await wait(ms);
    place.wake();
    play.tell(`${place.name} goes on`);
  },
  async stopWorker(play: Play) {
    await stop(play, "worker");
  },
  async stopApi(play: Play) {
    await stop(play, "api");
  },
};

async function kill(play: Play, role: Place["role"]): Promise<void> {
  const place = oneOfRole(play, role);
  play.tell(`${place.name} is killed`);
  await place.end("SIGKILL");
  await startAgain(play, place);
}

async function stop(play: Play, role: Place["role"]): Promise<void> {
  const place = oneOfRole(play, role);
  play.tell(`${place.name} is told to stop`);
  const ending = place.end("SIGTERM");
  if (place.isUp && !place.isAiling) await play.leaving(place);
  const { code, signal, ms } = await ending;
  play.tell(`${place.name} has stopped: ${code ?? signal} after ${Math.round(ms)} ms`);
  await startAgain(play, place);
}

async function startAgain({ random, lengths, tell }: Play, place: Place): Promise<void> {
  await wait((random() * lengths.gapMs) / 2);
  place.start();
  tell(`${place.name} starts as ${place.life.nodeId}`);
}

/** Disturbs nodes, one after another, while `troubleLinks` disturbs links. */
export async function troubleNodes(play: Play): Promise<void> {
  // The faults of workers come more often than those of api nodes, because the promise is about lost workers.
  const { killWorker, pauseWorker, stopWorker } = nodeBlows;
  const next = deck([...Object.values(nodeBlows), killWorker, pauseWorker, stopWorker], play.random);
  for (await gap(play); !play.isOver(); await gap(play)) await next.next().value(play);
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const gap = ({ random, lengths }: Play) => wait(random() * lengths.gapMs);
const oneOf = <T>(all: readonly T[], random: () => number): T => all[Math.floor(random() * all.length)] as T;
const oneOfRole = ({ places, random }: Play, role: Place["role"]) =>
  oneOf(
    places.filter((place) => place.role === role),
    random,
  );

/** Deals all items in a random order, then again in another order, without end. */
function* deck<T>(all: readonly T[], random: () => number): Generator<T, never> {
  for (;;) {
    const cards = [...all];
    while (cards.length > 0) yield cards.splice(Math.floor(random() * cards.length), 1)[0] as T;
  }
}

/** What the nodes are: their versions, their settings, and the handlers that they have. */
import type { ServiceBroker } from "moleculer";
import { configOf } from "../../config/config.ts";
import { toldSettings } from "../../config/told.ts";
import { version } from "../../lib/version.ts";
import { actors } from "../actors.ts";
import type { About, KnownNode } from "./monitor.contract.ts";
import { nodesWith } from "./monitor.figures.ts";

const PATIENCE_MS = 2_000;

/** This node. */
export const aboutOf = (broker: ServiceBroker): About => ({
  node: broker.nodeID,
  version,
  runtime: process.version,
  settings: toldSettings(configOf(broker)),
});

/** All nodes. One that does not answer in time is named alone. */
export function allAbout(broker: ServiceBroker): Promise<KnownNode[]> {
  const mine = new Map(aboutOf(broker).settings.map(({ name, value }) => [name, value]));
  return Promise.all(
    nodesWith(broker, "monitor").map(async (node): Promise<KnownNode> => {
      const about = await actors.monitor.about(broker, {}, { nodeID: node, timeout: PATIENCE_MS }).catch(() => null);
      if (!about) return { node, unreachable: true };
      const { settings, ...known } = about;
      return { ...known, differs: settings.flatMap(({ name, value }) => (mine.get(name) === value ? [] : [name])) };
    }),
  );
}

interface ListedAction {
  name: string;
  endpoints?: { nodeID: string; available: boolean }[];
  action?: { importHandler?: boolean };
}

/** The actions that datasets and policies may name as their handler, and the nodes that have each. By name. */
export function handlersOf(broker: ServiceBroker): { name: string; nodes: string[] }[] {
  const actions = broker.registry.getActionList({ onlyAvailable: true, withEndpoints: true }) as ListedAction[];
  return actions
    .filter(({ action }) => action?.importHandler === true)
    .map(({ name, endpoints = [] }) => ({ name, nodes: endpoints.map(({ nodeID }) => nodeID).sort() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

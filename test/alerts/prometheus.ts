/** Starts a Prometheus for the tests, with the rules and the configuration of deploy/, in which all times are shorter. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { root } from "../../root.cjs";
import { until } from "../helpers/patience.ts";
import { freePort } from "../helpers/port.ts";

/** All times are divided by this: 15 minutes become 30 seconds. Results are at most a minute and at least three scrapes long. */
const SHORTER = 30;
const SCRAPE_S = 2;
/** What Grafana puts in place of `$__rate_interval`: four scrapes. */
export const RATE_INTERVAL = `${4 * SCRAPE_S}s`;
const [LEAST_S, MOST_S] = [3 * SCRAPE_S, 60];

const SCRAPED_MS = 30_000;

/** Lower thresholds for alerts that would otherwise need a long time or a lot of work to fire. */
const lower: Record<string, [string, string]> = {
  DataflowQueueOld: ["> 60", "> 3"],
  DataflowQueueVeryOld: ["> 300", "> 6"],
  DataflowOutboxStuck: ["> 60", "> 5"],
  DataflowWebhooksLate: ["> 300", "> 5"],
  DataflowHeldForLong: ["> 86400", "> 5"],
  DataflowLateWrites: ["> 5", "> 0"],
};

const units = { m: 60, h: 3600 };

export function shorter(duration: string): string {
  const [, count, unit] = /^(\d+)([mh])$/.exec(duration) as unknown as [string, string, keyof typeof units];
  const seconds = (Number(count) * units[unit]) / SHORTER;
  return `${Math.min(Math.max(Math.round(seconds), LEAST_S), MOST_S)}s`;
}

interface Rule {
  alert: string;
  expr: string;
  for?: string;
}
interface Rules {
  groups: { rules: Rule[] }[];
}

const text = (name: string) => readFileSync(join(root, "deploy/prometheus", name), "utf8");

function shorterRules(): Rules {
  const rules = parse(text("dataflow.rules.yml")) as Rules;
  for (const rule of rules.groups.flatMap((group) => group.rules)) {
    const [from, to] = lower[rule.alert] ?? ["", ""];
    if (!rule.expr.includes(from)) throw new Error(`${rule.alert} has no "${from}".`);
    rule.expr = rule.expr
      .replace(from, to)
      .replace(/\[(\d+[mh])\]/g, (_, duration: string) => `[${shorter(duration)}]`)
      .replace(/offset (\d+[mh])/g, (_, duration: string) => `offset ${shorter(duration)}`);
    if (rule.for) rule.for = shorter(rule.for);
  }
  return rules;
}

function configuration(folder: string, targets: string[]): string {
  const config = parse(text("prometheus.yml"));
  return stringify({
    ...config,
    global: {
      ...config.global,
      scrape_interval: `${SCRAPE_S}s`,
      scrape_timeout: `${SCRAPE_S}s`,
      evaluation_interval: "1s",
    },
    rule_files: [join(folder, "rules.yml")],
    scrape_configs: [{ job_name: "dataflow", static_configs: [{ targets }] }],
  });
}

type Vector = { metric: Record<string, string>; value: [at: number, value: string] }[];

interface Told {
  alerts: { labels: { alertname: string }; state: string; annotations: { summary: string } }[];
}

export class Prometheus {
  private readonly folder: string;
  private child: ChildProcess | null = null;
  private url = "";

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts Prometheus without the data of an earlier start. Targets are written `host:port`. */
  async start(targets: string[]): Promise<void> {
    writeFileSync(join(this.folder, "rules.yml"), stringify(shorterRules()));
    writeFileSync(join(this.folder, "prometheus.yml"), configuration(this.folder, targets));
    const data = join(this.folder, "prometheus");
    rmSync(data, { recursive: true, force: true });
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    const log = openSync(join(this.folder, "prometheus.log"), "a");
    this.child = spawn(
      "prometheus",
      [
        `--config.file=${join(this.folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${data}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--enable-feature=exemplar-storage",
      ],
      { stdio: ["ignore", log, log] },
    );
    await until(
      () =>
        fetch(`${this.url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      "Prometheus to be ready",
    );
    await until(
      async () => !(await this.firing()).has("Down") && (await this.counted()) === targets.length,
      "every target to be scraped",
      SCRAPED_MS,
    );
  }

  /** How many targets answer the scrapes. */
  private async counted(): Promise<number> {
    const [sum] = await this.query("sum(up)");
    return sum?.value ?? 0;
  }

  /** Runs a query. Throws if Prometheus refuses it. */
  async query(expr: string): Promise<{ labels: Record<string, string>; value: number }[]> {
    const { result } = await this.ask<{ result: Vector }>("query", { query: expr });
    return result.map(({ metric: labels, value: [, value] }) => ({ labels, value: Number(value) }));
  }

  /** The ids of the traces in the exemplars of a query. */
  async traces(expr: string): Promise<string[]> {
    const since = { start: String(Date.now() / 1000 - 3600), end: String(Date.now() / 1000) };
    const found = await this.ask<{ exemplars: { labels: { trace_id: string } }[] }[]>("query_exemplars", {
      query: expr,
      ...since,
    });
    return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
  }

  private async ask<T>(what: string, params: Record<string, string> = {}): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${what}?${new URLSearchParams(params)}`);
    const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
    if (status !== "success") throw new Error(`${JSON.stringify(params)}: ${error}`);
    return data;
  }

  /** The summaries of the firing alerts, by alert name without the prefix `Dataflow`. */
  async firing(): Promise<Map<string, string>> {
    const { alerts } = await this.ask<Told>("alerts");
    const fire = alerts.filter(({ state }) => state === "firing");
    return new Map(
      fire.map(({ labels, annotations }) => [labels.alertname.slice("Dataflow".length), annotations.summary]),
    );
  }

  async stop(): Promise<void> {
    if (!this.child || this.child.exitCode !== null) return;
    this.child.kill("SIGTERM");
    await once(this.child, "exit");
  }
}

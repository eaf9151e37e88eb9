/** The alert rules and dashboards of deploy/, as data. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../root.cjs";

const text = (path: string) => readFileSync(join(root, path), "utf8");

export interface Alert {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook_url: string };
}
interface Rules {
  groups: { rules: Alert[] }[];
}

interface Source {
  type: string;
  uid: string;
}
interface Target {
  datasource: Source;
  expr: string;
  refId: string;
  legendFormat?: string;
  exemplar?: boolean;
}
interface Panel {
  id: number;
  title: string;
  type: string;
  datasource?: Source;
  targets?: Target[];
  fieldConfig?: { defaults: { unit?: string } };
  gridPos: Record<"x" | "y" | "w" | "h", number>;
}
export interface Dashboard {
  uid: string;
  title: string;
  schemaVersion: number;
  templating: { list: Record<"name" | "type" | "query", string>[] };
  links: object[];
  panels: Panel[];
}

export const alerts = (parse(text("deploy/prometheus/dataflow.rules.yml")) as Rules).groups.flatMap(
  ({ rules }) => rules,
);

export const dashboards = globSync("deploy/grafana/dashboards/*.json", { cwd: root })
  .sort()
  .map((path) => JSON.parse(text(path)) as Dashboard);

/** The queries of the panels, with Grafana's interval replaced by one that Prometheus understands. */
export const queries = dashboards.flatMap(({ panels }) =>
  panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "1m"))),
);

/** The text of all files that deliver alerts, dashboards and guides beside the product. */
export const texts = (): string =>
  globSync(["README.md", "CONTRIBUTING.md", "docker-compose.yml", "docs/**/*.md", "deploy/**/*.*"], { cwd: root })
    .map(text)
    .join("\n");

/** The names of the metrics in a text. Names of histograms lose their endings. */
export function metricsIn(source: string): string[] {
  const names = source.match(/\b(dataflow|moleculer|process|nodejs)_[a-z_]+\b/g) ?? [];
  return [...new Set(names.map((name) => name.replace(/_seconds_(bucket|count|sum)$/, "_seconds")))].sort();
}

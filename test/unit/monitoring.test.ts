/**
 * The promise: Prometheus accepts the alert rules, Grafana the dashboards, and each alert links to its section of the runbook.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../root.cjs";
import { alerts, dashboards, queries } from "../helpers/monitoring.ts";
import { canRun } from "../helpers/servers.ts";

const FOLDER = join(root, "deploy/prometheus");
const text = (path: string) => readFileSync(join(root, path), "utf8");

describe("the runbook", () => {
  const sections = text("docs/runbook.md").split(/^## /m).slice(1);

  test("has a section for each alert, in their order, and for nothing else", () => {
    expect(sections.map((section) => section.split("\n")[0])).toEqual(alerts.map(({ alert }) => alert));
  });

  test("each section says what it means, what it does, where to look, what to do, and what then", () => {
    const parts = (section: string) => [...section.matchAll(/^- \*\*(\w+)\.\*\* \S/gm)].map(([, name]) => name);
    for (const section of sections) expect(parts(section)).toEqual(["Meaning", "Impact", "Look", "Do", "After"]);
  });
});

test("each alert has a severity, a sentence, and the address of its section", () => {
  for (const { alert, labels, annotations } of alerts) {
    expect(["critical", "warning", "info"]).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\.$/);
    const section = `/docs/guide/runbook#${alert.toLowerCase()}`;
    expect(annotations.runbook_url).toBe(`{{ $externalLabels.dataflow_url }}${section}`);
  }
});

test("each alert is tested with its fault, and with figures where it stays quiet", () => {
  const { tests } = parse(text("deploy/prometheus/dataflow.rules.test.yml")) as { tests: { name: string }[] };
  const wanted = alerts.flatMap(({ alert }) => [`${alert} fires`, `${alert} stays quiet`]);
  // Further tests of an alert have more words after its name.
  const found = tests.map(({ name }) => name).filter((name) => /(fires|stays quiet)$/.test(name));
  expect(found).toEqual(wanted);
});

test("each dashboard has its own name, and each of its panels a title and a query", () => {
  expect(dashboards.map(({ uid }) => uid)).toEqual(
    ["api", "delivery", "nodes", "overview", "queue", "workers"].map((name) => `dataflow-${name}`),
  );
  for (const { panels } of dashboards)
    for (const { title, type, targets = [] } of panels) {
      expect(title).not.toBe("");
      if (type !== "row") expect(targets.length).toBeGreaterThan(0);
    }
});

/**
 * Checks what Grafana's import does not fill in by itself: a unit must be one of its list, and each query must name its data
 * source.
 */
test("each dashboard is as Grafana's schema has it, and asks the data source that its reader chooses", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in
  const source = { type: "prometheus", uid: "${datasource}" };
  const units = ["Bps", "bytes", "percentunit", "reqps", "s", "short"];
  for (const { title, schemaVersion, templating, links, panels } of dashboards) {
    expect({
      title,
      schemaVersion,
      variables: templating.list.map(({ name, type, query }) => [name, type, query]),
    }).toEqual({
      title,
      schemaVersion: 39,
      variables: [["datasource", "datasource", "prometheus"]],
    });
    for (const link of links)
      expect(Object.keys(link)).toEqual(
        expect.arrayContaining(["icon", "tooltip", "targetBlank", "includeVars", "keepTime"]),
      );
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { title: panel, type, datasource, targets = [], fieldConfig, gridPos: at } of panels) {
      expect(at.x + at.w).toBeLessThanOrEqual(24);
      if (type === "row") continue;
      expect({ panel, datasource, isKnown: units.includes(fieldConfig?.defaults.unit ?? "") }).toEqual({
        panel,
        datasource: source,
        isKnown: true,
      });
      expect(targets.map((target) => target.datasource)).toEqual(targets.map(() => source));
      expect(targets.map(({ refId }) => refId)).toEqual(["A", "B", "C", "D"].slice(0, targets.length));
    }
  }
});

const found = spawnSync("promtool", ["--version"]).status === 0;
const describePromtool = canRun("rules and dashboards", [found ? null : "promtool (Debian's package prometheus)"])
  ? describe
  : describe.skip;

describePromtool("promtool", () => {
  const promtool = (args: string[], cwd = FOLDER) => {
    const { status, stdout, stderr } = spawnSync("promtool", args, { cwd, encoding: "utf8" });
    return status === 0 ? "" : `${stdout}${stderr}`;
  };

  test("takes the rules, and they fire when they should", () => {
    expect(promtool(["check", "rules", "dataflow.rules.yml"])).toBe("");
    expect(promtool(["test", "rules", "dataflow.rules.test.yml"])).toBe("");
  });

  test("takes the configuration, and the query of each panel", () => {
    const folder = mkdtempSync(join(tmpdir(), "dataflow-monitoring-"));
    const here = text("deploy/prometheus/prometheus.yml").replace("/etc/prometheus/", `${FOLDER}/`);
    writeFileSync(join(folder, "prometheus.yml"), here);
    const rules = queries.map((expr, at) => ({ record: `panel_${at}`, expr }));
    writeFileSync(join(folder, "panels.json"), JSON.stringify({ groups: [{ name: "panels", rules }] }));
    expect(promtool(["check", "config", "prometheus.yml"], folder)).toBe("");
    expect(promtool(["check", "rules", "panels.json"], folder)).toBe("");
    rmSync(folder, { recursive: true });
  });
});

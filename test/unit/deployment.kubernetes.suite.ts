/**
 * The promise: the manifests for Kubernetes and the units for systemd are valid and pinned, have few rights, and allow time to
 * stop.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IContainer, IPodSpec } from "kubernetes-models/v1";
import { parseAllDocuments } from "yaml";
import { loadConfig } from "../../config/config.ts";
import { settings } from "../../config/settings.ts";
import { root } from "../../root.cjs";
import { type ComposeService, compose, environment, packageJson, text } from "./deployment.kit.ts";

/** The module of the model for each kind. */
const kinds = {
  Namespace: "kubernetes-models/v1",
  ConfigMap: "kubernetes-models/v1",
  Service: "kubernetes-models/v1",
  Deployment: "kubernetes-models/apps/v1",
  Job: "kubernetes-models/batch/v1",
  HorizontalPodAutoscaler: "kubernetes-models/autoscaling/v2",
  PodDisruptionBudget: "kubernetes-models/policy/v1",
  NetworkPolicy: "kubernetes-models/networking.k8s.io/v1",
  ScaledObject: "@kubernetes-models/keda/keda.sh/v1alpha1",
  TriggerAuthentication: "@kubernetes-models/keda/keda.sh/v1alpha1",
} as const;

interface Manifest {
  kind: keyof typeof kinds;
  metadata: { name: string };
  data?: Record<string, string>;
  spec?: { template?: { spec: IPodSpec } & object; [field: string]: unknown };
}
const manifests = globSync("deploy/kubernetes/*.yaml", { cwd: root })
  .sort()
  .flatMap((path) => parseAllDocuments(text(path)).map((one) => one.toJS() as Manifest));
const named = manifests.map((one): [string, Manifest] => [`${one.kind} ${one.metadata.name}`, one]);
const pods = named.flatMap(([name, { spec }]): [string, IPodSpec][] =>
  spec?.template ? [[name, spec.template.spec]] : [],
);
const nodeOf = (pod: IPodSpec) => pod.containers[0] as IContainer;
const find = (name: string) => named.find(([one]) => one === name)?.[1] as Manifest;

/** The faults that TypeScript finds in the manifests, written as literals of the kinds' types. It also finds unknown fields. */
function faultsByType(): string {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-kubernetes-"));
  const lines = manifests.map(
    (one, at) => `export const m${at}: import("${kinds[one.kind]}").I${one.kind} = ${JSON.stringify(one)};\n`,
  );
  writeFileSync(join(folder, "manifests.ts"), lines.join(""));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const options = [
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--types",
    "",
    "--module",
    "nodenext",
    "--target",
    "es2022",
  ];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync("node", [tsc, ...options, "manifests.ts"], { cwd: folder, encoding: "utf8" });
  rmSync(folder, { recursive: true });
  return stdout;
}

/**
 * The faults by the schemas of the kinds. Another process runs the check, because the package needs `import`, which Jest does not
 * have.
 */
function faultsBySchema(): string {
  const lines = manifests.map(
    (one) => `new (await import("${kinds[one.kind]}")).${one.kind}(${JSON.stringify(one)}).validate();`,
  );
  return execFileSync("node", ["--input-type=module", "--eval", lines.join("\n")], { cwd: root, encoding: "utf8" });
}

export function kubernetesTests(): void {
  test("all manifests keep to the schemas of their kinds", () => expect(faultsBySchema()).toBe(""));

  test("no field of a manifest is misspelled", () => expect(faultsByType()).toBe(""));

  test.each(pods)("%s runs our image, as nobody special, with a disk that is read-only", (_name, pod) => {
    const { image, securityContext, resources, envFrom } = nodeOf(pod);
    expect(image).toBe(`dataflow:${packageJson.version}`);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(resources?.limits).toEqual({ memory: "512Mi" });
    expect(envFrom).toEqual([{ configMapRef: { name: "dataflow" } }, { secretRef: { name: "dataflow" } }]);
  });

  test.each(["api", "worker"])("%s has the services of the compose file, its port, and time to stop", (role) => {
    const pod = pods.find(([name]) => name === `Deployment dataflow-${role}`)?.[1] as IPodSpec;
    const { env, ports, startupProbe, livenessProbe, readinessProbe, lifecycle } = nodeOf(pod);
    expect(env).toEqual([{ name: "SERVICES", value: compose.services[role]?.environment?.SERVICES }]);
    const config = loadConfig(environment(compose.services[role] as ComposeService));
    expect(ports?.[0]?.containerPort).toBe(config.metricsPort ?? config.port);
    expect([livenessProbe, startupProbe].map((probe) => probe?.httpGet?.path)).toEqual([
      "/health/live",
      "/health/live",
    ]);
    expect(readinessProbe?.httpGet?.path).toBe("/health/ready");
    const pause = Number(lifecycle?.preStop?.exec?.command?.[1]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(pause + config.shutdownTimeoutMs / 1_000 + 5);
  });

  test("whatever scales or guards a Deployment names one that is there and leaves its replicas alone", () => {
    const targets = ["HorizontalPodAutoscaler dataflow-api", "ScaledObject dataflow-worker"].map(
      (name) => find(name).spec?.scaleTargetRef as { kind: string; name: string },
    );
    expect(targets.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "Deployment dataflow-api",
      "Deployment dataflow-worker",
    ]);
    for (const { kind, name } of targets) expect(find(`${kind} ${name}`).spec).not.toHaveProperty("replicas");
    const triggers = find("ScaledObject dataflow-worker").spec?.triggers as { metadata: Record<string, string> }[];
    expect(triggers[0]?.metadata.queueName).toBe(loadConfig({}).batchReadyQueue);
  });

  test("sets only settings, and no secret", () => {
    const known = Object.values(settings).map(({ name }) => name) as string[];
    expect(Object.keys(find("ConfigMap dataflow").data ?? {}).filter((name) => !known.includes(name))).toEqual([]);
    expect(manifests.some(({ kind }) => (kind as string) === "Secret")).toBe(false);
  });
}

export function systemdTests(): void {
  const node = text("deploy/systemd/dataflow@.service");
  const value = (unit: string, name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1];

  test("starts what npm start starts, and gives a stop its time", () => {
    expect(value(node, "ExecStart")).toBe(`/bin/sh ${packageJson.scripts.start.split(" ").at(-1)}`);
    expect(value(text("deploy/systemd/dataflow-migrate.service"), "ExecStart")).toBe(
      `/usr/bin/env ${packageJson.scripts.migrate}`,
    );
    expect(Number(value(node, "TimeoutStopSec")) * 1_000).toBeGreaterThan(loadConfig({}).shutdownTimeoutMs + 5_000);
    expect(value(node, "NoNewPrivileges")).toBe("yes");
  });

  test("lets Node ask for the machine's addresses, without which Moleculer does not start", () =>
    expect(value(node, "RestrictAddressFamilies")?.split(" ").sort()).toEqual([
      "AF_INET",
      "AF_INET6",
      "AF_NETLINK",
      "AF_UNIX",
    ]));

  test.each([node, text("deploy/systemd/dataflow-migrate.service")])(
    "each unit has the same user, finds the Node of npm ci, and keeps its files to itself",
    (unit) => {
      expect(value(unit, "DynamicUser")).toBe("yes");
      expect(value(unit, "User")).toBe("dataflow");
      expect(value(unit, "Environment=PATH")).toMatch(`${value(unit, "WorkingDirectory")}/node_modules/.bin:`);
      expect(value(unit, "UMask")).toBe("0077");
    },
  );
}

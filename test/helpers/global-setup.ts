/**
 * Runs before all tests: makes the template of the database file, finds the servers, and starts missing servers in containers if
 * Docker runs.
 */
import type { GlobalConfig } from "jest";
import { makeBundle } from "./bundle.ts";
import { slowCpu } from "./cpu-speed.ts";
import { dockerAnswers, findServers, lackOf, type ServerKind, type ServerName, serverKinds } from "./servers.ts";
import { makeTemplate } from "./template.ts";

interface Running {
  stop(): Promise<unknown>;
}
const kept = globalThis as { testContainers?: Running[] };
kept.testContainers ??= [];
/**
 * The started containers. They are kept on `globalThis`, because global-teardown.ts runs in the same process but may load this
 * file anew.
 */
export const containers = kept.testContainers;

async function startContainer({ container: { image, port, env, log, url } }: ServerKind): Promise<string> {
  // The package is imported here, because it takes long to load and few runs need it.
  const { GenericContainer, Wait } = await import("testcontainers");
  const started = await new GenericContainer(image)
    .withEnvironment(env)
    .withExposedPorts(port)
    .withWaitStrategy(Wait.forAll([Wait.forListeningPorts(), Wait.forLogMessage(log)]))
    .withStartupTimeout(180_000)
    .start();
  containers.push(started);
  return url(`${started.getHost()}:${started.getMappedPort(port)}`);
}

async function startWhereDockerRuns(kind: ServerKind): Promise<string | null> {
  if (!(await dockerAnswers())) return null;
  return startContainer(kind).catch((error: unknown) => {
    console.warn(`Docker could not start ${kind.container.image}:`, error);
    return null;
  });
}

export default async function findAll({ testPathPatterns }: GlobalConfig): Promise<void> {
  process.env.TEST_SLOW_CPU = String(slowCpu());
  // A run of a few files would wait longer for the bundle than the bundle saves. TEST_BUNDLE=1 makes it anyway.
  const isWanted = testPathPatterns.patterns.length === 0 || process.env.TEST_BUNDLE === "1";
  await Promise.all([makeTemplate(), isWanted && makeBundle()]);
  process.env.TEST_POSTGRES_TEMPLATE = `dataflow_test_${process.pid}_`;
  await findServers(process.env, startWhereDockerRuns);
  // Jest hides the output of a file whose tests are all skipped. So the missing servers are named here.
  for (const name of Object.keys(serverKinds) as ServerName[]) {
    const lack = lackOf(name);
    if (lack) process.stderr.write(`Without ${lack}, tests that need it are SKIPPED.\n`);
  }
}

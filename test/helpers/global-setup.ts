/** Before all tests: makes the file that theirs are copies of, finds their servers, and starts in containers what is missing where Docker runs. */
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
/** For global-teardown.ts, which runs in the same process and may load this file anew. */
export const containers = kept.testContainers;

async function startContainer({ container: { image, port, env, log, url } }: ServerKind): Promise<string> {
  // Loading it takes a while, so nobody else does.
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
  // A run of a few files would wait longer for it than it saves; TEST_BUNDLE=1 asks for it there.
  const isWanted = testPathPatterns.patterns.length === 0 || process.env.TEST_BUNDLE === "1";
  await Promise.all([makeTemplate(), isWanted && makeBundle()]);
  process.env.TEST_POSTGRES_TEMPLATE = `dataflow_test_${process.pid}_`;
  await findServers(process.env, startWhereDockerRuns);
  // Jest keeps to itself what a file says all of whose tests are skipped.
  for (const name of Object.keys(serverKinds) as ServerName[]) {
    const lack = lackOf(name);
    if (lack) process.stderr.write(`Without ${lack}, tests that need it are SKIPPED.\n`);
  }
}

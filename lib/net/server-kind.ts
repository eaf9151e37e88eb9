/**
 * Identifies what kind of server listens at a URL our driver could not talk to. A Redis at AMQP_URL is a wrong setting;
 * retrying cannot fix it. The driver only sees a closed link, or silence.
 */
import { connect, type Socket } from "node:net";
import { tls } from "./http.ts";

/** Node's codes for an untrusted certificate; retrying cannot fix it. */
const codes =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)/;

export const isUntrusted = (code: unknown): boolean => codes.test(String(code));

/** For messages: how to trust another authority. */
export const TRUST = "NODE_EXTRA_CA_CERTS names a file of further authorities";

/** How long to wait for an answer: a server that knows none of the questions stays silent or closes. */
const PATIENCE_MS = 1_000;
/**
 * Questions, each on a connection of its own. The first asks PostgreSQL for TLS; it answers with one letter. Other servers
 * report an error, each in its own way. Redis waits for the end of a line.
 */
const questions = [Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), Buffer.from("PING\r\n\r\n")];

/** All known greetings are shorter. */
const MOST_SAID = 1_000;

const TLS = "a server with TLS";
const signs: readonly (readonly [who: string, sign: RegExp])[] = [
  ["RabbitMQ", /^AMQP/],
  ["PostgreSQL", /^[SN]$/],
  ["Redis", /^(\+PONG|-(ERR|NOAUTH|NOPERM|DENIED|LOADING)\b)/],
  ["MySQL or MariaDB", /^.{3}\0.*(mysql_|caching_sha2_|MariaDB)/s],
  ["an HTTP server", /^HTTP\/1/],
];

/** The server that a URL scheme means, and its default port. */
const schemes: Record<string, { who: string; port: number; isTls?: boolean; mayBeTls?: boolean }> = {
  amqp: { who: "RabbitMQ", port: 5672 },
  amqps: { who: "RabbitMQ", port: 5671, isTls: true },
  redis: { who: "Redis", port: 6379 },
  rediss: { who: "Redis", port: 6379, isTls: true },
  postgres: { who: "PostgreSQL", port: 5432 },
  postgresql: { who: "PostgreSQL", port: 5432 },
  // SQL Server does not answer our questions; with encrypt=strict it speaks TLS.
  mssql: { who: "SQL Server", port: 1433, mayBeTls: true },
};

/** The server at the URL if it is certainly not the one that the URL means. Null: nobody answers, or it may be the right one. */
export async function otherServerAt(url: string): Promise<{ expected: string; found: string } | null> {
  const { protocol, hostname, port } = new URL(url);
  const wanted = schemes[protocol.slice(0, -1)];
  if (!wanted) return null;
  const expected = wanted.isTls ? `${wanted.who} with TLS` : wanted.who;
  const who = await whoAnswers(hostname.replace(/^\[|\]$/g, ""), Number(port) || wanted.port);
  if (who === null || (who === TLS && (wanted.isTls || wanted.mayBeTls))) return null;
  if (who !== wanted.who) return { expected, found: who };
  return wanted.isTls ? { expected, found: `${who} without TLS` } : null;
}

/** Identifies a server by its answers to harmless questions. Null: unknown. */
async function whoAnswers(host: string, port: number): Promise<string | null> {
  const [hello, ...plain] = await Promise.all([
    greets(tls.connect({ host, port, rejectUnauthorized: false })),
    ...questions.map((question) => answerOf(connect({ host, port }), question)),
  ]);
  return plain.find((who) => who !== null) ?? (hello ? TLS : null);
}

function greets(socket: Socket): Promise<boolean> {
  let hasGreeted = false;
  socket.on("secureConnect", () => {
    hasGreeted = true;
    socket.destroy();
  });
  return ended(socket).then(() => hasGreeted);
}

function answerOf(socket: Socket, question: Buffer): Promise<string | null> {
  let said = "";
  const who = () => signs.find(([, sign]) => sign.test(said))?.[0] ?? null;
  socket.on("connect", () => socket.write(question));
  socket.on("data", (bytes) => {
    said += bytes.toString("latin1");
    if (who() || said.length > MOST_SAID) socket.destroy();
  });
  return ended(socket).then(who);
}

async function ended(socket: Socket): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("close", resolve));
  clearTimeout(timer);
}

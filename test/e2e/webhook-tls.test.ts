/**
 * The promise: over TLS a webhook goes only to a receiver with a valid certificate. For any other the delivery shows the fault.
 */
import { type Authority, type Certificate, newAuthority } from "../helpers/certificates.ts";
import { accepted, admin, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { killLeftOvers, type RunningProcess, startProcess, temporaryFolder } from "../helpers/process.ts";
import { startReceiver } from "../helpers/receiver.ts";

interface Delivery {
  status: string;
  attempts: { status: number | null; error: string | null }[];
}

const place = temporaryFolder();
let authority: Authority;
let stranger: Authority;
let node: RunningProcess;

beforeAll(async () => {
  authority = newAuthority();
  stranger = newAuthority();
  node = await startProcess({
    DATABASE_URL: place.databaseUrl,
    WEBHOOK_ALLOWED_HOSTS: "localhost,127.0.0.1",
    NODE_EXTRA_CA_CERTS: authority.file,
  });
});
afterAll(async () => {
  await node?.stop();
  killLeftOvers();
  for (const made of [authority, stranger]) made?.remove();
  place.remove();
});

async function deliveryOf(batchId: string): Promise<Delivery | undefined> {
  const response = await admin(node.url, `/deliveries?batch=${batchId}`);
  return ((await response.json()) as { items: Delivery[] }).items[0];
}

/** The result of the first attempt to a receiver with this certificate, called by this name. */
async function firstSending(certificate: Certificate, host: string) {
  const receiver = await startReceiver(() => 200, certificate);
  const url = receiver.url.replace("127.0.0.1", host);
  const client = await newClient(node.url, { webhook: { url } });
  const { id } = await accepted(node.url, client, '{"a":1}');
  let delivery: Delivery | undefined;
  await until(async () => {
    delivery = await deliveryOf(id);
    return delivery?.attempts.length === 1;
  }, "it was tried");
  await receiver.close();
  return { delivery, servernames: receiver.got.map(({ servername }) => servername) };
}

test.each([
  ["localhost", "DNS:localhost", "localhost"],
  ["127.0.0.1", "IP:127.0.0.1", false],
])("a webhook to %s with a certificate for %s is delivered", async (host, altName, servername) => {
  const { delivery, servernames } = await firstSending(authority.issue(altName), host);
  expect(delivery).toMatchObject({ status: "delivered", attempts: [{ status: 200, error: null }] });
  expect(servernames).toEqual([servername]);
});

test.each([
  ["of another name", () => authority.issue("DNS:partner.test"), /localhost. is not in the cert's altnames/],
  ["that has expired", () => authority.issue("DNS:localhost", -1), /expired/],
  ["of an authority that nobody knows", () => stranger.issue("DNS:localhost"), /unable to verify|self.signed/],
])("a certificate %s fails the delivery with the reason, and nothing is sent", async (_, issue, error) => {
  const { delivery, servernames } = await firstSending(issue(), "localhost");
  expect(delivery).toMatchObject({
    status: "pending",
    attempts: [{ status: null, error: expect.stringMatching(error) }],
  });
  expect(servernames).toEqual([]);
});

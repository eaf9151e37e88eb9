/** Commands and programs to copy, with the partner's own address and name. They never contain a secret. */

/**
 * @typedef {object} Target
 * @property {string} url
 * @property {string} identifier
 * @property {string} dataset
 * @property {string} format the first format that the dataset accepts
 */

/** @type {Record<string, string>} */
const types = {
  csv: "text/csv",
  ndjson: "application/x-ndjson",
  json: "application/json",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
};

/** @param {Target} target */
const fileOf = ({ dataset, format }) => `${dataset === "default" ? "data" : dataset}.${format}`;

/** @param {Target} target */
export const curlOf = (target) => `export DATAFLOW_SECRET=…   # your secret
curl -sS -u "${target.identifier}:$DATAFLOW_SECRET" \\
  -H "Content-Type: ${types[target.format] ?? "text/csv"}" --data-binary @${fileOf(target)} \\
  "${target.url}${target.dataset === "default" ? "" : `/datasets/${target.dataset}`}/imports"`;

/** @param {Target} target */
export const pushOf = (target) => `export DATAFLOW_URL=${target.url}
export DATAFLOW_CLIENT=${target.identifier}
export DATAFLOW_SECRET=…   # your secret
npx dataflow-push ${fileOf(target)}${target.dataset === "default" ? "" : ` --dataset ${target.dataset}`} --rejected rejected.${target.format}`;

/** @param {string} url @param {string} identifier */
export const stateOf = (url, identifier) => `curl -sS -u "${identifier}:$DATAFLOW_SECRET" "${url}/imports?limit=5"`;

/** @param {string} port */
export const nodeVerifier = (port) => `// npm install standardwebhooks
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
createServer(async (req, res) => {
  let body = "";
  for await (const piece of req.setEncoding("utf8")) body += piece;
  try {
    const event = webhook.verify(body, req.headers); // Throws for a wrong signature, or a timestamp 5 minutes off.
    console.log(event.type, event.subject, event.data.status);
    res.writeHead(204).end();
  } catch {
    res.writeHead(400).end();
  }
}).listen(${port});`;

export const pythonVerifier = `import base64, hashlib, hmac, time

def verify(secret: str, headers, body: bytes) -> None:
    """Raises ValueError for what DataFlow did not send just now."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        raise ValueError("too old")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
    right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not any(hmac.compare_digest(right, one) for one in headers["webhook-signature"].split(" ")):
        raise ValueError("wrong signature")`;

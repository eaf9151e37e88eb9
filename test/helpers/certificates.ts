/** A certificate authority of the test's own, made by openssl in a temporary folder. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  key: string;
  cert: string;
}

export interface Authority {
  /** The path of the authority's certificate, for NODE_EXTRA_CA_CERTS. */
  file: string;
  /** Issues a certificate for a name such as `DNS:partner.test` or `IP:127.0.0.1`. With -1 days it has expired. */
  issue(altName: string, days?: number): Certificate;
  remove(): void;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export function newAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-certificates-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority", "-days", "2");
  let issued = 0;
  return {
    file: join(folder, "ca.pem"),
    issue(altName, days = 1) {
      const name = String(++issued);
      openssl("req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${altName}\n`);
      const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", name, "-extfile", `${name}.ext`];
      openssl("x509", "-req", "-in", `${name}.csr`, ...signing, "-days", String(days), "-out", `${name}.pem`);
      const read = (end: string) => readFileSync(join(folder, `${name}.${end}`), "utf8");
      return { key: read("key"), cert: read("pem") };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

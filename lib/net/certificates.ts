/** Node's codes for an untrusted certificate; retrying cannot fix it. */
const codes =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)/;

export const isUntrusted = (code: unknown): boolean => codes.test(String(code));

/** For messages: how to trust another authority. */
export const TRUST = "NODE_EXTRA_CA_CERTS names a file of further authorities";

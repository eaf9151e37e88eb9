/** `http://host/path` as `/path`: a server takes both (RFC 9112, 3.2.2). */
export function originForm(target = "/"): string {
  const [authority] = /^https?:\/\/[^/?#]+/i.exec(target) ?? [];
  if (authority === undefined) return target;
  const path = target.slice(authority.length);
  return path.startsWith("/") ? path : `/${path}`;
}

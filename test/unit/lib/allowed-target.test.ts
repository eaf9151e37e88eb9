import { addressFault, checkedAddresses, TargetRefused, urlFault } from "../../../lib/net/allowed-target.ts";

const name = async () => [{ address: "93.184.216.34", family: 4 }];
const refused = (url: string, allowed: string[] = []) => urlFault(url, allowed);

test.each([
  "https://partner.example/hooks?a=1",
  "http://partner.example:8080/",
  "https://93.184.216.34/",
  "https://[2606:2800:220:1:248:1893:25c8:1946]/x",
  "https://bücher.example/",
  "https://partner.example./hooks",
  `https://partner.example/${"x".repeat(2048 - 24)}`,
])("%s may be a target", (url) => {
  expect(refused(url)).toBeNull();
});

test.each([
  ["", /expected a URL such as/],
  ["partner.example/hooks", /expected a URL such as/],
  ["/hooks", /expected a URL such as/],
  [" https://partner.example/", /expected a URL such as/],
  ["https://partner.example/\nx", /expected a URL such as/],
  ["https://part\tner.example/", /expected a URL such as/],
  ["https:\\\\partner.example\\", /expected a URL such as/],
  ["https://", /expected a URL such as/],
  ["https://1.2.3.4.5/", /expected a URL such as/],
  ["https://256.256.256.256/", /expected a URL such as/],
  ["ftp://partner.example/", /https: or http:/],
  ["file:///etc/passwd", /https: or http:/],
  ["gopher://partner.example/", /https: or http:/],
  ["javascript:alert(1)", /https: or http:/],
  ["data:text/plain,x", /https: or http:/],
  ["https://user@partner.example/", /without credentials/],
  ["https://user:secret@partner.example/", /without credentials/],
  ["https://@partner.example/", /without credentials/],
  ["https://partner.example/#part", /without a fragment/],
  ["https://partner.example/#", /without a fragment/],
  [`https://partner.example/${"x".repeat(2048 - 23)}`, /at most 2048/],
  [`https://partner.example/${"ü".repeat(500)}`, /at most 2048/],
  ["http://127.0.0.1/", /127.0.0.1 is not a global address \(loopback\)/],
  ["http://127.1/", /127.0.0.1/],
  ["http://2130706433/", /127.0.0.1/],
  ["http://0x7f000001/", /127.0.0.1/],
  ["http://0177.0.0.1/", /127.0.0.1/],
  ["http://0x7f.1/", /127.0.0.1/],
  ["http://127.0.0.1./", /127.0.0.1/],
  ["http://１２７.０.０.１/", /127.0.0.1/],
  ["http://127。0。0。1/", /127.0.0.1/],
  ["http://%31%32%37.0.0.1/", /127.0.0.1/],
  ["http://localhost/", /127.0.0.1/],
  ["http://LOCALHOST./", /127.0.0.1/],
  ["http://a.localhost/", /127.0.0.1/],
  ["http://0/", /0.0.0.0 is not a global address \(unspecified\)/],
  ["http://10.1.2.3/", /private/],
  ["http://172.16.0.1/", /private/],
  ["http://192.168.1.1:8080/", /private/],
  ["http://100.64.0.1/", /carrierGradeNat/],
  ["http://169.254.1.1/", /linkLocal/],
  ["http://224.0.0.1/", /multicast/],
  ["http://255.255.255.255/", /broadcast/],
  ["http://240.0.0.1/", /reserved/],
  ["http://192.0.2.1/", /reserved/],
  ["http://198.51.100.7/", /reserved/],
  ["http://203.0.113.7/", /reserved/],
  ["http://198.18.0.1/", /reserved/],
  ["http://[::]/", /unspecified/],
  ["http://[::1]/", /loopback/],
  ["http://[::ffff:127.0.0.1]/", /ipv4Mapped/],
  ["http://[::ffff:8.8.8.8]/", /ipv4Mapped/],
  ["http://[::127.0.0.1]/", /not a global address/],
  ["http://[64:ff9b::7f00:1]/", /rfc6052/],
  ["http://[64:ff9b:1::1]/", /rfc6052/],
  ["http://[2002:7f00:1::]/", /6to4/],
  ["http://[2001:0:1::1]/", /teredo/],
  ["http://[2001:db8::1]/", /not a global address/],
  ["http://[3fff::1]/", /not a global address/],
  ["http://[2001:1ff::1]/", /not a global address/],
  ["http://[fe80::1]/", /linkLocal/],
  ["http://[fec0::1]/", /not a global address/],
  ["http://[fc00::1]/", /uniqueLocal/],
  ["http://[ff02::1]/", /multicast/],
  ["http://[100::1]/", /discard/],
  ["http://[4000::1]/", /not a global address/],
  ["http://169.254.169.254/latest/meta-data", /metadata service, which is never/],
  ["http://2852039166/", /metadata service/],
  ["http://100.100.100.200/", /metadata service/],
  ["http://168.63.129.16/", /metadata service/],
  ["http://[fd00:ec2::254]/", /metadata service/],
  ["http://[::ffff:169.254.169.254]/", /metadata service/],
  ["http://[64:ff9b::a9fe:a9fe]/", /metadata service/],
  ["http://metadata.google.internal/", /metadata service/],
  ["http://Metadata.Google.Internal./", /metadata service/],
])("%s may not", (url, fault) => {
  expect(refused(url)).toMatch(fault);
});

test("what is no text is refused", () => {
  for (const value of [1, null, undefined, {}, ["https://partner.example/"]])
    expect(urlFault(value, [])).toMatch(/expected a URL such as/);
});

test.each([
  ["http://127.0.0.1:8080/", "127.0.0.1"],
  ["http://2130706433/", "127.0.0.1"],
  ["http://[::ffff:127.0.0.1]/", "127.0.0.0/8"],
  ["http://10.200.3.4/", "10.0.0.0/8"],
  ["http://[fd12::1]/", "fd00::/8"],
  ["http://[fd12::1]/", "fd12::1"],
  ["http://localhost/", "localhost"],
  ["http://intranet.corp./", "intranet.corp"],
])("%s may be one where %s is allowed", (url, entry) => {
  expect(refused(url, ["other.example", entry])).toBeNull();
});

test.each([
  ["http://10.0.0.1/", "11.0.0.0/8"],
  ["http://[::1]/", "127.0.0.1"],
  ["http://127.0.0.1/", "::1"],
  ["http://169.254.169.254/", "0.0.0.0/0"],
  ["http://169.254.169.254/", "169.254.169.254"],
  ["http://[fd00:ec2::254]/", "::/0"],
  ["http://[64:ff9b::a9fe:a9fe]/", "::/0"],
  ["http://[2002:a9fe:a9fe::]/", "::/0"],
  ["http://metadata.google.internal/", "metadata.google.internal"],
])("%s may not where only %s is allowed", (url, entry) => {
  expect(refused(url, [entry])).not.toBeNull();
});

describe("a name", () => {
  const resolvesTo =
    (...addresses: string[]) =>
    async () =>
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  const url = new URL("https://partner.example/hooks");

  test("goes to all its addresses when each is global", async () => {
    const found = await checkedAddresses(url, [], resolvesTo("93.184.216.34", "2606:2800:220:1::1"));
    expect(found.map(({ address }) => address)).toEqual(["93.184.216.34", "2606:2800:220:1::1"]);
  });

  test.each(["10.0.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "nonsense"])(
    "goes nowhere when %s is one of them",
    async (address) => {
      await expect(checkedAddresses(url, [], resolvesTo("93.184.216.34", address))).rejects.toThrow(TargetRefused);
    },
  );

  test("that is allowed may be private, but no metadata service", async () => {
    const allowed = ["partner.example"];
    expect(await checkedAddresses(url, allowed, resolvesTo("10.0.0.1"))).toHaveLength(1);
    await expect(checkedAddresses(url, allowed, resolvesTo("169.254.169.254"))).rejects.toThrow("never allowed");
  });

  test("without an address is refused; one that cannot be found says so", async () => {
    await expect(checkedAddresses(url, [], resolvesTo())).rejects.toThrow("partner.example has no address");
    const missing = () => Promise.reject(Object.assign(new Error("ENOTFOUND"), { code: "ENOTFOUND" }));
    await expect(checkedAddresses(url, [], missing)).rejects.toThrow("ENOTFOUND");
  });

  test("is not looked up where the URL has an address", async () => {
    const never = () => Promise.reject(new Error("looked up"));
    const found = await checkedAddresses(new URL("https://[2606:4700::1111]:8443/"), [], never);
    expect(found).toEqual([{ address: "2606:4700::1111", family: 6 }]);
    await expect(checkedAddresses(new URL("http://127.1/"), [], name)).rejects.toThrow(TargetRefused);
  });
});

test("an address tells why it is refused", () => {
  expect(addressFault("10.0.0.1", "partner.example", [])).toBe(
    "10.0.0.1 is not a global address (private), and WEBHOOK_ALLOWED_HOSTS does not list it",
  );
});

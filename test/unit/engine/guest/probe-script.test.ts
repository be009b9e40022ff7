/** What is asked from inside a guest, by what this host has of its tools, and how that is read. */
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { run } from "../../../../src/base/run.ts";
import { PROBE_SCRIPT, probeArguments, readProbes } from "../../../../src/engine/guest/probe-script.ts";

const asked = [
  { host: "10.0.0.1", port: 1, word: "secret" },
  { host: "10.0.0.2", port: 2 },
  { host: "10.0.0.3", port: 3 },
];

test.each([
  ["the word that is expected counts, whoever has spoken before", "0 said other\n0 said secret\n0 nothing\n"],
  ["lines that are none of ours are nothing", "motd\n0 said secret\n99 said x\n-1 said x\n1 screams\n"],
])("%s", (_name, text) => {
  expect(readProbes(text, asked)).toEqual([{ how: "said", word: "secret" }, undefined, undefined]);
});

test("what answers at one of several addresses is what was seen", () => {
  const text = "1 nothing\n1 refused\n1 nothing\n2 nothing\n0 said other\n0 refused\n";
  expect(readProbes(text, asked)).toEqual([
    { how: "said", word: "other" },
    { how: "refused" },
    { how: "nothing" },
  ]);
});

test("a guest may print what it likes, and as much", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 500 }), (text) => {
      const found = readProbes(text, asked);
      expect(found).toHaveLength(asked.length);
      for (const one of found) if (one?.how === "said") expect(one.word.length).toBeLessThanOrEqual(100);
    }),
  );
});

test("no host is more than a word for a shell", () => {
  expect(probeArguments(asked.slice(0, 2))).toBe("10.0.0.1 1 10.0.0.2 2");
  for (const host of ["a b", "$(x)", "a;b", "", "a\nb", "'"]) {
    expect(() => probeArguments([{ host, port: 1 }])).toThrow("no host");
  }
});

test("the script tells what speaks, what refuses and what is silent", async () => {
  const server = net.createServer((socket) => socket.end("secret\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const closed = net.createServer();
  closed.listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port: refusing } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, "close");
  const targets = [
    { host: "127.0.0.1", port, word: "secret" },
    { host: "127.0.0.1", port: refusing },
    { host: "nobody.invalid", port: 1 },
  ];
  try {
    const { stdout } = await run(["sh", "-c", `set -- ${probeArguments(targets)}\n${PROBE_SCRIPT}`]);
    expect(readProbes(stdout, targets)).toEqual([
      { how: "said", word: "secret" },
      { how: "refused" },
      { how: "nothing" },
    ]);
  } finally {
    server.close();
  }
});

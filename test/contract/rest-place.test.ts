import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import type { RestAddress } from "../../src/engine/backup/places/address.ts";
import { type RestOptions, RestPlace } from "../../src/engine/backup/places/rest.ts";
import { makeCertificate } from "../support/certificate.ts";
import { REST_LOGIN, type RestServer, startRestServer } from "../support/rest-server.ts";
import { ctx } from "./driver.ts";
import { describePlace, fileOf } from "./place.ts";
import { describeFaults, SHORT } from "./place-faults.ts";
import { describeRestic } from "./place-restic.ts";

const { user } = REST_LOGIN;
const password = new Secret(REST_LOGIN.password);

describePlace("rest", async () => {
  const server = await startRestServer({ login: true, tls: true });
  const address: RestAddress = { kind: "rest", url: `https://127.0.0.1:${server.port}/fleet/one`, user };
  const open = () => new RestPlace(address, { password, ca: server.certificate.pem });
  const place = open();
  return {
    place,
    another: open,
    strew: async (file, bytes) => {
      const at = path.join(server.data, "fleet/one", file);
      await mkdir(path.dirname(at), { recursive: true });
      await writeFile(at, bytes);
    },
    cutOff: async () => async () => false,
    dispose: async () => {
      place.dispose();
      await server.stop();
    },
  };
});

describeFaults("rest", async () => {
  const server = await startRestServer();
  return {
    port: server.port,
    open: (port, patience) =>
      new RestPlace({ kind: "rest", url: `http://127.0.0.1:${port}/one` }, { patience }),
    strays: async () => {
      const all = await readdir(server.data, { recursive: true, withFileTypes: true });
      const files = all.filter((entry) => entry.isFile()).map(({ name }) => name);
      return files.filter((name) => !/^([0-9a-f]{64}|config)$/.test(name)).length;
    },
    dispose: server.stop,
  };
});

describeRestic("rest", async () => {
  const server = await startRestServer({ login: true, tls: true });
  const url = (at: string) => `https://127.0.0.1:${server.port}/${at}`;
  return {
    open: (at) =>
      new RestPlace({ kind: "rest", url: url(at), user }, { password, ca: server.certificate.pem }),
    restic: (at) => {
      const login = `${user}:${encodeURIComponent(REST_LOGIN.password)}@`;
      const repository = `rest:${url(at).replace("//", `//${login}`)}/`;
      return { argv: ["-r", repository, "--cacert", server.certificate.certFile] };
    },
    dispose: server.stop,
  };
});

describe("a REST server", () => {
  let server: RestServer;
  beforeAll(async () => {
    server = await startRestServer({ login: true, tls: true });
  });
  afterAll(() => server?.stop());

  function place(options: RestOptions, more: Partial<RestAddress> = {}): RestPlace {
    const url = `https://127.0.0.1:${server.port}/one`;
    const made = new RestPlace(
      { kind: "rest", url, user, ...more },
      { password, patience: SHORT, ...options },
    );
    onTestFinished(() => made.dispose());
    return made;
  }

  const failure = (of: RestPlace) =>
    of.create(ctx()).then(
      () => expect.fail("it came in"),
      (error) => error,
    );

  test("whose certificate nobody vouches for is refused, with what to do, and hears no password", async () => {
    const error = await failure(place({}));
    const { fingerprint } = server.certificate;
    expect(error).toMatchObject({ code: "place-unreachable", details: { fingerprint } });
    expect(error.message).toContain("its certificate is not trusted");
    expect(error.hint).toContain(fingerprint);
  });

  test("is trusted by its certificate's fingerprint, as people write it", async () => {
    const { fingerprint } = server.certificate;
    await place({ fingerprint }).create(ctx());
    await place({ fingerprint: fingerprint.replaceAll(":", "").toLowerCase() }).create(ctx());
    const error = await failure(place({ fingerprint: fingerprint.replace(/^../, "00") }));
    expect(error).toMatchObject({ code: "place-unreachable", details: { fingerprint } });
    expect(error.message).toContain("not the one that was agreed on");
    expect(() => place({ fingerprint: "12:34" })).toThrow("not a SHA-256");
    expect(() => place({ ca: "no certificate" })).toThrow("not PEM");
  });

  test("whose certificate is for another name is refused, whoever vouches for it", async () => {
    const directory = path.join(server.directory, "other");
    await mkdir(directory);
    const { certFile, keyFile, pem } = await makeCertificate(directory, { names: "DNS:elsewhere" });
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    const { createServer } = await import("node:https");
    let asked = 0;
    const other = createServer({ cert, key }, (_request, answer) => {
      asked += 1;
      answer.end();
    });
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    const error = await failure(place({ ca: pem }, { url: `https://127.0.0.1:${port}/one` }));
    expect(error.message).toContain("for another name");
    expect(asked).toBe(0);
  });

  test("that speaks no TLS, or nothing but TLS, is refused in words", async () => {
    const plain = await startRestServer();
    onTestFinished(plain.stop);
    const error = await failure(place({}, { url: `https://127.0.0.1:${plain.port}/one` }));
    expect(error).toMatchObject({ code: "place-unreachable", hint: expect.stringContaining("http://") });
    const other = await failure(place({}, { url: `http://127.0.0.1:${server.port}/one` }));
    expect(other).toMatchObject({ code: "not-supported" });
    expect(other.message).toContain("400");
  });

  test("that does not know the password says so at once", async () => {
    const { fingerprint } = server.certificate;
    const error = await failure(place({ fingerprint, password: new Secret("wrong") }));
    expect(error).toMatchObject({ code: "unauthenticated" });
    expect(error.message).toMatch(/^cannot make the repository in rest:https:\/\/skipper@127/);
    expect(`${error.message} ${error.hint}`).not.toContain("wrong");
  });

  test("that only takes keeps a file that is sent again, and says that it removes none", async () => {
    const careful = await startRestServer({ appendOnly: true });
    onTestFinished(careful.stop);
    const of = place({}, { url: `http://127.0.0.1:${careful.port}/one` });
    await of.create(ctx());
    const bytes = Buffer.from("a pack");
    const file = fileOf("data", bytes);
    await of.save(ctx(), file, bytes);
    await of.save(ctx(), file, bytes);
    await expect(of.remove(ctx(), file)).rejects.toMatchObject({ code: "permission-denied" });
    expect(Buffer.from(await of.load(ctx(), file))).toEqual(bytes);
  });

  test("that tells the length of what was to come, and loses it behind a lost connection, gets it again", async () => {
    const bytes = Buffer.from("a pack");
    const heard: string[] = [];
    const { createServer } = await import("node:http");
    const forgetful = createServer((request, answer) => {
      request.resume();
      heard.push(request.method ?? "");
      const posts = heard.filter((method) => method === "POST").length;
      if (request.method === "HEAD") answer.writeHead(200, { "content-length": bytes.length }).end();
      else if (request.method === "GET") answer.writeHead(posts < 3 ? 404 : 200).end(posts < 3 ? "" : bytes);
      else if (posts === 1) request.socket.destroy();
      else answer.end();
    });
    await new Promise<void>((listening) => forgetful.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void forgetful.close());
    const { port } = forgetful.address() as { port: number };
    await place({}, { url: `http://127.0.0.1:${port}/one` }).save(ctx(), fileOf("data", bytes), bytes);
    expect(heard).toEqual(["POST", "GET", "POST", "GET", "GET", "POST", "GET"]);
  });
});

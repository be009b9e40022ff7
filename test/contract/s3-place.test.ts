import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import type { S3Address } from "../../src/engine/backup/places/address.ts";
import { type S3Options, S3Place } from "../../src/engine/backup/places/s3.ts";
import { S3_LOGIN, S3_REGION, type S3Server, startS3 } from "../support/s3-server.ts";
import { ctx } from "./driver.ts";
import { describePlace, fileOf, listed } from "./place.ts";
import { describeFaults, SHORT } from "./place-faults.ts";
import { describeRestic } from "./place-restic.ts";

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
  await server.rclone(["mkdir", "there:harbour"]);
}, 120_000);
afterAll(() => server?.stop());

const keys = { accessKeyId: S3_LOGIN.accessKeyId, secretAccessKey: new Secret(S3_LOGIN.secretAccessKey) };

function open(more: Partial<S3Address> = {}, options: Partial<S3Options> = {}): S3Place {
  const endpoint = `https://127.0.0.1:${server.port}`;
  return new S3Place(
    { kind: "s3", endpoint, bucket: "harbour", prefix: "", ...more },
    { keys, ca: server.certificate.pem, patience: SHORT, ...options },
  );
}

describePlace("s3", async () => {
  const prefix = "a quay/50%+é&'(1)*~";
  const place = open({ prefix });
  return {
    place,
    another: () => open({ prefix }),
    strew: async (file, bytes) => {
      await server.rclone(["rcat", `there:harbour/${prefix}/${file}`], bytes);
    },
    cutOff: async () => async () => false,
    dispose: async () => place.dispose(),
  };
});

describeFaults("s3", async () => ({
  port: server.port,
  open: (port, patience) =>
    open({ prefix: "faults", endpoint: `https://127.0.0.1:${port}` }, { patience, region: S3_REGION }),
  strays: async () => {
    const all = await server.rclone(["lsf", "-R", "--files-only", "there:harbour/faults"]);
    const names = all.split("\n").filter((line) => line !== "");
    return names.filter((name) => !/(^|\/)([0-9a-f]{64}|config)$/.test(name)).length;
  },
  dispose: async () => {},
}));

describeRestic("s3", async () => ({
  open: (at) => open({ prefix: at }),
  restic: (at) => ({
    argv: [
      ...["-r", `s3:https://127.0.0.1:${server.port}/harbour/${at}`, "-o", `s3.region=${S3_REGION}`],
      ...["--cacert", server.certificate.certFile],
    ],
    env: { AWS_ACCESS_KEY_ID: S3_LOGIN.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_LOGIN.secretAccessKey },
  }),
  dispose: async () => {},
}));

describe("an S3 server", () => {
  function place(more: Partial<S3Address>, options: Partial<S3Options> = {}): S3Place {
    const made = open(more, options);
    onTestFinished(() => made.dispose());
    return made;
  }

  const failure = (of: S3Place) =>
    of.create(ctx()).then(
      () => expect.fail("it came in"),
      (error) => error,
    );

  test("that has no such bucket says so, also of a file in it", async () => {
    const nowhere = place({ bucket: "nowhere" });
    const error = await failure(nowhere);
    expect(error).toMatchObject({ code: "not-found", hint: expect.stringContaining("Make the bucket") });
    expect(error.message).toContain("there is no such bucket");
    const file = fileOf("data", Buffer.from("x"));
    const calls = [
      nowhere.stat(ctx(), file),
      nowhere.load(ctx(), file),
      nowhere.remove(ctx(), file),
      nowhere.save(ctx(), file, Buffer.from("x")),
      listed(nowhere, "data"),
    ];
    const refused = calls.map((call) => expect(call).rejects.toThrow("there is no such bucket"));
    await Promise.all(refused);
  });

  test("that does not know the keys says so at once", async () => {
    const stranger = { ...keys, accessKeyId: "fleet:stranger" };
    const error = await failure(place({}, { keys: stranger, region: S3_REGION }));
    expect(error).toMatchObject({ code: "unauthenticated" });
    const wrong = { ...keys, secretAccessKey: new Secret("wrong secret") };
    const other = await failure(place({}, { keys: wrong, region: S3_REGION }));
    expect(other).toMatchObject({ code: "unauthenticated" });
    expect(other.message).toContain("the secret key is not the right one");
    expect(JSON.stringify(other.toBody())).not.toContain("wrong secret");
  });

  test("is asked once more in its own region", async () => {
    const abroad = place({ prefix: "region" }, { region: "elsewhere-9" });
    const bytes = Buffer.from("a pack");
    await abroad.create(ctx());
    await abroad.save(ctx(), fileOf("data", bytes), bytes);
    expect(Buffer.from(await abroad.load(ctx(), fileOf("data", bytes)))).toEqual(bytes);
  });

  test("keeps two repositories of one bucket apart, one beneath the other too", async () => {
    const [whole, below] = [place({ prefix: "deep" }), place({ prefix: "deep/snapshots" })];
    const bytes = Buffer.from("a snapshot");
    const file = fileOf("snapshots", bytes);
    await below.save(ctx(), file, bytes);
    expect((await listed(below, "snapshots")).size).toBe(1);
    expect((await listed(whole, "snapshots")).size).toBe(0);
  });
});

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import {
  candidateEndpoints,
  type EndpointInputs,
  parseHost,
  whereOf,
} from "../../../../../src/engine/drivers/oci/endpoints.ts";
import { endpointInputs } from "../../../../../src/engine/drivers/oci/host.ts";

const linux: EndpointInputs = {
  platform: "linux",
  env: { XDG_RUNTIME_DIR: "/run/user/1000" },
  home: "/home/me",
  tmp: "/tmp",
  uid: 1000,
  contexts: [],
  currentContext: undefined,
};

const listed = (inputs: EndpointInputs) =>
  candidateEndpoints(inputs).endpoints.map((each) => `${each.runtime} ${each.name} ${whereOf(each)}`);

test("Linux: rootful and rootless, Docker before Podman", () => {
  expect(listed(linux)).toEqual([
    "docker docker /var/run/docker.sock",
    "docker docker-rootless /run/user/1000/docker.sock",
    "docker docker-desktop /home/me/.docker/desktop/docker.sock",
    "podman podman-rootless /run/user/1000/podman/podman.sock",
    "podman podman /run/podman/podman.sock",
    "docker colima /home/me/.colima/default/docker.sock",
  ]);
  expect(listed({ ...linux, env: {} })).toContain("podman podman-rootless /run/user/1000/podman/podman.sock");
});

test("macOS: what brings a runtime there", () => {
  expect(listed({ ...linux, platform: "darwin", home: "/Users/me", env: { COLIMA_HOME: "/c" } })).toEqual([
    "docker docker-desktop /Users/me/.docker/run/docker.sock",
    "docker docker /var/run/docker.sock",
    "docker orbstack /Users/me/.orbstack/run/docker.sock",
    "docker colima /c/default/docker.sock",
    "docker rancher-desktop /Users/me/.rd/docker.sock",
    "podman podman-machine /tmp/podman/podman-machine-default-api.sock",
    "podman podman-machine /Users/me/.local/share/containers/podman/machine/podman.sock",
  ]);
});

test("Windows: named pipes", () => {
  expect(listed({ ...linux, platform: "win32" })).toEqual([
    "docker docker \\\\.\\pipe\\docker_engine",
    "docker docker-desktop \\\\.\\pipe\\dockerDesktopLinuxEngine",
    "podman podman-machine \\\\.\\pipe\\podman-machine-default",
  ]);
});

test("what the user has chosen comes first, and each place once", () => {
  const contexts = [
    { name: "colima", host: "unix:///home/me/.colima/default/docker.sock" },
    { name: "lab", host: "tcp://lab:2375" },
  ];
  const chosen = listed({ ...linux, contexts, currentContext: "colima" });
  expect(chosen[0]).toBe("docker colima /home/me/.colima/default/docker.sock");
  expect(chosen.at(-1)).toBe("docker lab lab:2375");
  expect(new Set(chosen).size).toBe(chosen.length);
  expect(listed({ ...linux, contexts, currentContext: "colima", env: { DOCKER_CONTEXT: "lab" } })[0]).toBe(
    "docker lab lab:2375",
  );
  const env = { DOCKER_HOST: "unix:///run/podman/podman.sock", CONTAINER_HOST: "unix:///p.sock" };
  expect(listed({ ...linux, contexts, currentContext: "lab", env }).slice(0, 3)).toEqual([
    "podman DOCKER_HOST /run/podman/podman.sock",
    "podman CONTAINER_HOST /p.sock",
    "docker lab lab:2375",
  ]);
});

test("a chosen place that cannot be used is told with its reason", () => {
  const { unusable } = candidateEndpoints({
    ...linux,
    env: { DOCKER_HOST: "tcp://lab:2376", DOCKER_TLS_VERIFY: "1", CONTAINER_HOST: "ssh://me@lab/run/p.sock" },
  });
  expect(unusable).toEqual([
    { name: "DOCKER_HOST", reason: expect.stringContaining("TLS") },
    { name: "CONTAINER_HOST", reason: expect.stringContaining("SSH") },
  ]);
});

test.each([
  ["unix:///var/run/docker.sock", { socketPath: "/var/run/docker.sock" }],
  ["npipe:////./pipe/docker_engine", { socketPath: "\\\\.\\pipe\\docker_engine" }],
  ["npipe:\\\\.\\pipe\\x", "npipe:\\\\.\\pipe\\x is no address"],
  ["tcp://127.0.0.1:5555", { host: "127.0.0.1", port: 5555 }],
  ["tcp://lab", { host: "lab", port: 2375 }],
  ["http://[::1]:1", { host: "::1", port: 1 }],
  ["unix://relative.sock", "unix://relative.sock is no address"],
  ["/var/run/docker.sock", "/var/run/docker.sock is no address"],
  ["", "an empty text is no address"],
  ["tcp://", "tcp:// is no address"],
])("the address %s", (text, expected) => {
  const address = parseHost(text);
  if (typeof expected === "string") expect(address).toContain(expected);
  else expect(address).toEqual(expected);
});

test("Docker's contexts are read from its own configuration; what is damaged is passed over", async () => {
  const home = await mkdtemp(path.join(tmpdir(), "berth-contexts-"));
  try {
    const folderOf = (name: string) =>
      path.join(home, "contexts/meta", createHash("sha256").update(name).digest("hex"));
    const add = async (name: string, folder: string, text?: string) => {
      await mkdir(folder, { recursive: true });
      const meta = { Name: name, Endpoints: { docker: { Host: `unix:///${name}.sock` } } };
      await writeFile(path.join(folder, "meta.json"), text ?? JSON.stringify(meta));
    };
    await writeFile(path.join(home, "config.json"), '{"currentContext":"mine"}');
    await add("mine", folderOf("mine"));
    await add("damaged", folderOf("damaged"), "{");
    await add("stranger", path.join(home, "contexts/meta/elsewhere"));
    const inputs = await endpointInputs({ DOCKER_CONFIG: home, HOME: home });
    expect(inputs.contexts).toEqual([{ name: "mine", host: "unix:///mine.sock" }]);
    expect(inputs.currentContext).toBe("mine");
    const none = await endpointInputs({ DOCKER_CONFIG: path.join(home, "absent"), HOME: home });
    expect(none.contexts).toEqual([]);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

/** What the tree *Project* says of an instance, and of what a file would touch. */
import { expect, test } from "vitest";
import type { InstanceState } from "../../../../src/api/instance.ts";
import type { ProjectInstance } from "../../../../src/api/project.ts";
import { instanceOfProject, needsUp, touchRow } from "../../../../src/views/project/rows.ts";
import { instance, operation } from "../fixtures.ts";

const situation = { directory: "/work", known: true, bridged: "br0" };
const one = (state: InstanceState) => instance({ name: "web", state, cpus: 1, memoryBytes: 2 ** 30 });
const row = (wanted: ProjectInstance, state?: InstanceState, doing = false) =>
  instanceOfProject(
    "web",
    wanted,
    { instance: state && one(state), operation: doing ? operation() : undefined },
    situation,
  );

test.each<[ProjectInstance, InstanceState | undefined, string, string]>([
  [{}, undefined, "not launched", "project+file+up"],
  [{ memory: "9G" }, undefined, "not launched", "project+file+up"],
  [{}, "running", "running", "project+file+up+down"],
  [{ cpus: 1, memory: "1G" }, "stopped", "stopped", "project+file+up"],
  [{ memory: "2G" }, "running", "running · differs: memory 1 GiB, file says 2 GiB", "project+file+up+down"],
  [
    { memory: "2G", cpus: 4 },
    "stopped",
    "stopped · differs: cpus 1, file says 4; memory 1 GiB, file says 2 GiB",
    "project+file+up",
  ],
  [{ memory: "2G" }, "deleted", "in the trash", "project+file+up"],
])("%j, %s: %s", (wanted, state, description, contextValue) => {
  expect(row(wanted, state)).toMatchObject({ label: "web", description, contextValue });
});

test("what is being done stands in the place of the state, and is heard as well as seen", () => {
  const { description, icon, ariaLabel } = row({ cpus: 2 }, "running", true);
  expect(icon.id).toBe("loading~spin");
  expect(ariaLabel).toBe(`web, ${description.replace(" · ", ", ")}`);
});

test("while the engine has not been heard of, nothing is said of what is there", () => {
  const none = { instance: undefined, operation: undefined };
  expect(instanceOfProject("web", {}, none, { ...situation, known: false }).description).toBe("");
});

test("only what does not run is worth an offer", () => {
  const project = { instances: { web: {}, db: {} } };
  const running = one("running");
  expect(needsUp(project, () => running)).toBe(false);
  expect(needsUp(project, (name) => (name === "web" ? running : undefined))).toBe(true);
  expect(needsUp(project, () => one("stopped"))).toBe(true);
  expect(needsUp({ instances: {} }, () => undefined)).toBe(false);
});

test.each([
  [{ kind: "mount", instance: "web", source: "/etc", target: "etc" }, "Folder /etc"],
  [{ kind: "mount", instance: "web", source: "/work/site/a", target: "a" }, "Folder site/a"],
  [{ kind: "mount", instance: "web", source: "/works", target: "a" }, "Folder /works"],
  [
    { kind: "port", instance: "web", address: "0.0.0.0", port: "80/tcp", exposed: true },
    "Port 80/tcp, open to others at 0.0.0.0",
  ],
  [
    { kind: "port", instance: "web", address: "127.0.0.1", port: "80/tcp", exposed: false },
    "Port 80/tcp of this computer",
  ],
  [{ kind: "user-data", instance: "web", from: "/work/x" }, "User-data x"],
  [{ kind: "user-data", instance: "web", from: "https://a.b/x" }, "User-data https://a.b/x"],
  [{ kind: "image", instance: "web", from: "/x.img" }, "Image /x.img"],
  [{ kind: "network", instance: "web", network: "br0" }, "Network br0 of this computer"],
] as const)("%j is told", (touch, label) => {
  expect(touchRow(touch, "/work")).toMatchObject({ label, description: "web", ariaLabel: `${label}, web` });
});

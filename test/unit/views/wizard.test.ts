import fc from "fast-check";
import { expect, test } from "vitest";
import { LaunchSpec } from "../../../src/api/instance.ts";
import { NAME_PATTERN } from "../../../src/api/names.ts";
import {
  answer,
  back,
  type Draft,
  newWizard,
  PRESETS,
  position,
  specOf,
  stepsOf,
  suggestContainerName,
  suggestName,
  type Wizard,
} from "../../../src/views/wizard.ts";

const GIB = 2 ** 30;

const ANSWERS: Record<string, Draft[]> = {
  image: [{ image: "lts", container: undefined }, { container: "" }],
  "container-image": [{ container: "docker:nginx" }],
  ports: [{ ports: [] }],
  name: [{ name: "web" }],
  size: [{ preset: "small" }, { preset: "custom" }],
  cpus: [{ cpus: 3 }],
  memory: [{ memoryBytes: 3 * GIB }],
  disk: [{ diskBytes: 9 * GIB }],
  "cloud-init": [{ cloudInit: "none" }, { cloudInit: { from: "f", text: "#cloud-config\n" } }],
};

function walk(patches: readonly Draft[]): Wizard {
  return patches.reduce((wizard, patch) => answer(wizard, patch), newWizard());
}

test("a preset asks four questions, own sizes seven", () => {
  expect(stepsOf({})).toHaveLength(4);
  expect(stepsOf({ preset: "custom" })).toEqual([
    "image",
    "name",
    "size",
    "cpus",
    "memory",
    "disk",
    "cloud-init",
  ]);
});

test.each<[Draft[], string, number, number]>([
  [[], "image", 1, 4],
  [[{ image: "lts" }], "name", 2, 4],
  [[{ image: "lts" }, { name: "a" }], "size", 3, 4],
  [[{ image: "lts" }, { name: "a" }, { preset: "medium" }], "cloud-init", 4, 4],
  [[{ image: "lts" }, { name: "a" }, { preset: "custom" }], "cpus", 4, 7],
  [[{ image: "lts" }, { name: "a" }, { preset: "custom" }, { cpus: 3 }], "memory", 5, 7],
  [[{ image: "lts" }, { name: "a" }, { preset: "medium" }, { cloudInit: "none" }], "done", 4, 4],
])("after %j comes %s", (patches, step, at, total) => {
  const wizard = walk(patches);
  expect(wizard.step).toBe(step);
  expect(position(wizard)).toEqual({ step: at, total });
});

test("the answers amount to a spec that the contract accepts", () => {
  const { draft } = walk([
    { image: "lts", suggestedName: "x" },
    { name: "a" },
    { preset: "large" },
    { cloudInit: "none" },
  ]);
  expect(specOf(draft)).toEqual({ image: "lts", name: "a", ...PRESETS.large });
  expect(LaunchSpec.safeParse(specOf(draft)).success).toBe(true);
  const own = walk([
    { image: "debian" },
    { name: "b" },
    { preset: "custom" },
    { cpus: 3 },
    { memoryBytes: GIB },
    { diskBytes: 9 * GIB },
    { cloudInit: { from: "/x.yaml", text: "#cloud-config\n" } },
  ]);
  expect(specOf(own.draft)).toEqual({
    image: "debian",
    name: "b",
    cpus: 3,
    memoryBytes: GIB,
    diskBytes: 9 * GIB,
    userData: "#cloud-config\n",
  });
});

test("a container is asked for its image, its name and its ports", () => {
  expect(stepsOf({ container: "" })).toEqual(["image", "container-image", "name", "ports"]);
  const port = { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, guestPort: 80 } as const;
  const chosen = {
    image: "lts",
    container: "podman:nginx:1.27",
    name: "web",
    ports: [port],
    preset: "small",
  } as const;
  const spec = specOf({ ...chosen, ports: [port] });
  expect(spec).toEqual({
    ...{ image: "nginx:1.27", name: "web", ports: [port] },
    container: { runtime: "podman" },
  });
  expect(LaunchSpec.safeParse(spec).success).toBe(true);
  expect(specOf({ container: "alpine" })).toEqual({ image: "alpine", container: {} });
  // Whoever goes back and takes a machine after all gets one.
  expect(stepsOf({ container: undefined, image: "lts" })).toHaveLength(4);
  const free = new Set<string>();
  expect(suggestContainerName("docker.io/library/nginx:1.27", free)).toBe("nginx-1");
  expect(suggestContainerName("docker:quay.io/x/Web-App@sha256:0", new Set(["web-1"]))).toBe("web-2");
  expect(suggestContainerName("", free)).toBe("container-1");
});

test("own sizes that were given up for a preset do not reach the spec", () => {
  const custom = walk([{ image: "lts" }, { name: "a" }, { preset: "custom" }, { cpus: 9 }]);
  const preset = answer({ draft: custom.draft, step: "size" }, { preset: "small" });
  expect(preset.step).toBe("cloud-init");
  expect(specOf(preset.draft)).toMatchObject(PRESETS.small);
});

test("wherever the user goes, back undoes a step, nothing is forgotten and the end is reached", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant("back" as const), fc.nat(1)), { maxLength: 40 }), (moves) => {
      let wizard = newWizard();
      for (const move of moves) {
        if (wizard.step === "done") break;
        const before = wizard;
        const options = ANSWERS[wizard.step] ?? [];
        const patch = options[move === "back" ? 0 : move % options.length] ?? {};
        wizard = move === "back" ? (back(wizard) ?? wizard) : answer(wizard, patch);
        if (move !== "back") expect(back(wizard)?.step).toBe(before.step);
        const { step, total } = position(wizard);
        expect(step).toBeGreaterThanOrEqual(1);
        expect(step).toBeLessThanOrEqual(total);
        expect(Object.keys(wizard.draft)).toEqual(expect.arrayContaining(Object.keys(before.draft)));
      }
      for (let left = 7; wizard.step !== "done"; left -= 1) {
        expect(left).toBeGreaterThan(0);
        wizard = answer(wizard, ANSWERS[wizard.step]?.[0] ?? {});
      }
    }),
  );
});

test("a suggested name is valid and free", () => {
  expect(suggestName("Ubuntu", new Set())).toBe("primary");
  expect(suggestName("Ubuntu", new Set(["primary"]))).toBe("ubuntu-1");
  expect(suggestName("Ubuntu", new Set(["primary", "ubuntu-1"]))).toBe("ubuntu-2");
  expect(suggestName("", new Set(["primary"]))).toBe("instance-1");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (os) => {
      expect(suggestName(os, new Set(["primary"]))).toMatch(NAME_PATTERN);
    }),
  );
});

test("a launch says whether it is encrypted where the wizard has asked", () => {
  expect(specOf({ image: "lts", preset: "small" })).not.toHaveProperty("encrypted");
  expect(specOf({ image: "lts", preset: "small", encrypted: true })).toMatchObject({ encrypted: true });
  expect(specOf({ container: "nginx", encrypted: true })).not.toHaveProperty("encrypted");
});

/** Compose projects as rows of the tree, and what their terminals are called. */
import { expect, test } from "vitest";
import type { ComposeProject } from "../../../src/api/compose.ts";
import { composeContainerItem, projectItem } from "../../../src/views/compose-items.ts";
import { composeName } from "../../../src/views/printed.ts";

const web = {
  ...{ id: "a".repeat(64), name: "shop-web-1", service: "web", image: "web:1" },
  state: "running" as const,
};
const shop: ComposeProject = {
  ...{ runtime: "docker", name: "shop", directory: "/src/shop", files: ["/src/shop/compose.yaml"] },
  containers: [web, { ...web, id: "b", name: "shop-db-1", service: "db", state: "stopped" }],
};

test("a project tells how much of it runs, and where", () => {
  expect(projectItem(shop)).toMatchObject({
    ...{ id: "compose:docker:shop", label: "shop", description: "1 of 2 running · Docker" },
    contextValue: "compose.project+composeUp+composeDown",
    ariaLabel: "Compose project shop, 1 of 2 running, Docker",
  });
});

test("what nobody can tell the files of is neither brought up nor down", () => {
  const { directory: _, ...unplaced } = shop;
  expect(projectItem({ ...unplaced, files: [] }).contextValue).toBe("compose.project");
});

test("a container is known by its service", () => {
  expect(composeContainerItem(web)).toMatchObject({
    ...{ label: "web", description: "running · web:1 · shop-web-1" },
    ariaLabel: "web, running, web:1, shop-web-1",
  });
  expect(composeContainerItem({ ...web, name: "web" }).description).toBe("running · web:1");
});

test("a terminal is called by the project, the file or the directory", () => {
  const verb = "up" as const;
  expect(composeName({ verb, project: "shop", directory: "/src/x" })).toBe("shop");
  expect(composeName({ verb, directory: "/src/shop", files: ["/src/shop/other.yaml"] })).toBe("other.yaml");
  expect(composeName({ verb, directory: "/src/shop" })).toBe("shop");
});

/** The tests' guest image with Podman in it: a guest of the tests has no way out, by which it could be installed. */
import { hostArch } from "../../src/base/paths.ts";
import { recipeFor } from "../../src/engine/images/recipes.ts";
import { type TestImage, testImage } from "./guest-image.ts";

const PACKAGES = ["podman", "crun", "netavark", "aardvark-dns", "iptables", "nftables"];

export function containerHostImage(): Promise<TestImage> {
  const recipe = recipeFor("debian:12", hostArch(), hostArch());
  return testImage({ ...recipe, packages: [...recipe.packages, ...PACKAGES] });
}

/** What most tests on real guests begin with: the shipped command in a home of its own, and a catalog with the tests' image. */
import { Berth } from "./berth.ts";
import { startCatalogServer } from "./catalog-server.ts";
import { testImage } from "./guest-image.ts";
import { bundleProduct } from "./product-bundle.ts";

export type VmWorld = { readonly berth: Berth; dispose(): Promise<void> };

/** The catalog is Ubuntu's, the image is Debian's: the user that Ubuntu's images have is asked for. */
export const USER_DATA = "#cloud-config\nsystem_info: {default_user: {name: ubuntu}}\n";

/** For a guest that is booted again: when it is set up, cloud-init is half of each boot. A clone of it is not made another. */
export const FIRST_BOOT_DATA = `${USER_DATA}runcmd: [touch /etc/cloud/cloud-init.disabled]\n`;

export async function vmWorld(env: Record<string, string> = {}): Promise<VmWorld> {
  const image = await testImage();
  const catalog = await startCatalogServer([{ file: image.path }]);
  const bundle = await bundleProduct();
  const berth = await Berth.make({ BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url, ...env }, bundle.cli);
  return {
    berth,
    dispose: async () => {
      await berth.dispose();
      await catalog.close();
      await bundle.dispose();
    },
  };
}

/** Runs what a Multipass user types on a real guest, and writes what was said to docs/multipass-transcript.md. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Berth } from "../test/support/berth.ts";
import { startCatalogServer } from "../test/support/catalog-server.ts";
import { testImage } from "../test/support/guest-image.ts";
import { type Step, transcribe, writeTranscript } from "./transcribe.ts";

/** The catalog is Ubuntu's, the image is Debian's: the user that Ubuntu's images have is asked for. */
const USER_DATA = "#cloud-config\nsystem_info: {default_user: {name: ubuntu}}\n";

const STEPS: readonly Step[] = [
  { title: "Launch, list, info" },
  "find noble",
  "launch noble --name web --cpus 2 --memory 768M --disk 6G --cloud-init user-data.yaml",
  "list",
  "info web",
  { title: "Exec, transfer, mount" },
  "exec web -- uname -nsm",
  "transfer hello.txt web:",
  "exec web -- cat hello.txt",
  "transfer web:hello.txt copy.txt",
  "mount project web:/srv/project",
  "exec web -- ls /srv/project",
  "info web --format yaml",
  "umount web",
  { title: "Snapshot, restore, clone" },
  "snapshot web",
  "stop web",
  "snapshot web --comment first",
  "set local.web.cpus=1",
  "snapshot web --name smaller",
  "list --snapshots",
  "restore web.snapshot1 --destructive",
  "get local.web.cpus",
  "info web.snapshot1",
  "clone web",
  "list",
  { title: "Suspend, delete, recover, purge" },
  "start web",
  "suspend web",
  "list --format csv",
  "start web",
  "delete web-clone1",
  "start web-clone1",
  "list",
  "recover web-clone1",
  "delete web web-clone1",
  "purge",
  "list",
];

const image = await testImage();
const catalog = await startCatalogServer([{ file: image.path }]);
const berth = await Berth.make({ BERTH_SETTING_IMAGES_UBUNTU_URL: catalog.url, TZ: "UTC" });
const multipass = berth.as({ BERTH_COMMAND_NAME: "multipass" });
const own = path.join(berth.home, "work");
try {
  await mkdir(path.join(own, "project"), { recursive: true });
  await writeFile(path.join(own, "user-data.yaml"), USER_DATA);
  await writeFile(path.join(own, "hello.txt"), "hello from the host\n");
  await writeFile(path.join(own, "project", "README"), "shown in the guest\n");
  const said = await transcribe({ berth: multipass, name: "multipass", directory: own }, STEPS);
  await writeTranscript(
    "multipass-transcript.md",
    [
      "# What `multipass` says when it is Berth",
      "",
      "Written by `npm run transcript` from a run on a real guest. The image is Debian's, served under Ubuntu's name by a",
      "catalog on this host, so that the run needs no internet; progress is left out.",
    ],
    said,
  );
} finally {
  await berth.dispose();
  await catalog.close();
}

/** What an engine is made of; tests put in their own parts. */
import type { Paths } from "../base/paths.ts";
import type { RepositoryOptions } from "./backup/repository/repository.ts";
import type { ContainerHost } from "./drivers/container-host.ts";
import type { Driver } from "./drivers/driver.ts";
import type { Login } from "./guest/keys.ts";
import type { Images, ImageUsers } from "./images/images.ts";
import type { HostFacts } from "./instances/check.ts";
import type { HostNetworks } from "./instances/host-nics.ts";
import type { Keychain } from "./keys/keychain.ts";
import type { Log, LogLevel } from "./log.ts";
import type { EngineSettings } from "./settings.ts";
import type { Locations } from "./storage/locations.ts";
import type { InstanceFiles } from "./store/instance-files.ts";
import type { Store } from "./store/store.ts";

/** What drivers and images are made with. */
export type EngineContext = {
  paths: Paths;
  /** Where images and instances lie now. */
  locations: Locations;
  log: Log;
  settings: EngineSettings;
  /** The VM for containers; for the driver of those. */
  containerHost: ContainerHost;
  /** Which instances stand on an image; for the image library. */
  imageUsers: ImageUsers;
};

export type EngineOptions = {
  paths: Paths;
  /** Of Berth. */
  version: string;
  /** A log with `setLevel` follows the setting `engine.log-level`. */
  log: Log & { setLevel?: (level: LogLevel) => void };
  /** The first one of its kind runs what is launched. */
  drivers: (context: EngineContext) => readonly Driver[];
  images: (context: EngineContext) => Images;
  /** Environment that `BERTH_SETTING_…` defaults come from. */
  env?: Readonly<Record<string, string | undefined>>;
  now?: () => Date;
  hostFacts?: () => Promise<HostFacts>;
  /** Interfaces of this host that guests could be bridged to. */
  hostNetworks?: HostNetworks["list"];
  /** Tells one boot of this host from the next. */
  hostBoot?: () => Promise<string>;
  /** Of this host's user. */
  keychain?: Keychain;
  /** How backup repositories are worked on; with the file that its threads run. */
  repository: RepositoryOptions;
  store?: Store;
  files?: InstanceFiles;
  locations?: Locations;
  makeLogin?: (user: string) => Login | Promise<Login>;
};

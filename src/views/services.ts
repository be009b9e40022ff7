/** What a command handler is given. Made once, in `extension.ts`. Types only: this module costs nothing to load. */
import type { LogOutputChannel, Memento, SecretStorage } from "vscode";
import type { EngineMirror } from "../client/mirror.ts";
import type { Arrangement } from "./arrangement.ts";
import type { BackupCache } from "./backup-cache.ts";
import type { ComposeNode } from "./compose-rows.ts";
import type { InstanceFiles } from "./files.ts";
import type { ForeignNode } from "./foreign-rows.ts";
import type { KeptTerminals } from "./kept-terminals.ts";
import type { LogDocuments } from "./logs.ts";
import type { Model } from "./model.ts";
import type { Panels } from "./panel/panels.ts";
import type { Projects } from "./project/projects.ts";
import type { SandboxDocuments } from "./sandbox-documents.ts";
import type { SshConfigDocuments } from "./ssh-config-documents.ts";

export type Services = {
  readonly mirror: EngineMirror;
  readonly model: Model;
  readonly terminals: KeptTerminals;
  readonly log: LogOutputChannel;
  readonly logs: LogDocuments;
  /** The instances' files as `berth:` addresses. */
  readonly files: InstanceFiles;
  readonly sshDiff: SshConfigDocuments;
  readonly sandboxDocuments: SandboxDocuments;
  /** What is remembered for this workspace, and for this user. */
  readonly memory: { readonly workspace: Memento; readonly global: Memento };
  /** In the keychain of this user. */
  readonly secrets: SecretStorage;
  /** The instances' panels; made when the first one is opened. */
  readonly panels: () => Promise<Panels>;
  /** Their graphical consoles. */
  readonly displays: () => Promise<Panels>;
  /** What is selected in the tree, for key bindings, which pass no row. */
  readonly selection: () => readonly TreeNode[];
  /** The files of this workspace that describe instances. */
  readonly projects: Projects;
  /** How the tree is arranged in this window. */
  readonly arrangement: Arrangement;
  /** What lies in repositories, and what is planned. */
  readonly backups: BackupCache;
  readonly refreshImages: () => void;
  readonly refreshCompose: () => void;
  readonly clearOperations: () => void;
  /** Absolute path of the bundled CLI. */
  readonly cli: string;
  readonly platform: NodeJS.Platform;
};

/** A row of the tree *Instances*, by identity; what it shows is computed when it is drawn. */
export type TreeNode =
  | { readonly type: "instance"; readonly id: string }
  | { readonly type: "group"; readonly key: string }
  | { readonly type: "snapshot"; readonly instance: string; readonly id: string }
  | { readonly type: "note"; readonly instance: string }
  | { readonly type: "trash" }
  | ComposeNode
  | ForeignNode
  | { readonly type: "remedy"; readonly remedy: "retry" | "show-engine-log" };

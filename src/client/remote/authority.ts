/** Folders inside instances, as editors open them through a Remote-SSH extension. Pure. */

export type RemoteExtension = {
  id: string;
  name: string;
  /** The editor that it is made for, by the scheme of that editor's links; undefined: for any. */
  editor: RegExp | undefined;
};

/** In the order in which they are looked for; all of them take the same addresses. */
export const REMOTE_EXTENSIONS: readonly RemoteExtension[] = [
  { id: "ms-vscode-remote.remote-ssh", name: "Remote - SSH", editor: /^vscode(-insiders)?$/ },
  { id: "anysphere.remote-ssh", name: "Remote SSH (Cursor)", editor: /^cursor/ },
  { id: "codeium.windsurf-remote-openssh", name: "Remote OpenSSH (Windsurf)", editor: /^windsurf/ },
  { id: "jeanp413.open-remote-ssh", name: "Open Remote - SSH", editor: undefined },
  { id: "google.antigravity-remote-openssh", name: "Remote OpenSSH (Antigravity)", editor: /^antigravity/ },
];

export const MICROSOFTS = "ms-vscode-remote.remote-ssh";

/** The first that is there. */
export function installedRemote(has: (id: string) => boolean): RemoteExtension | undefined {
  return REMOTE_EXTENSIONS.find(({ id }) => has(id));
}

/** The one to install in an editor whose links begin with `scheme`; Microsoft's refuses editors of others. */
export function remoteFor(scheme: string): RemoteExtension {
  const own = REMOTE_EXTENSIONS.find(({ editor }) => editor?.test(scheme));
  return own ?? (REMOTE_EXTENSIONS.find(({ editor }) => editor === undefined) as RemoteExtension);
}

export function authorityOf(alias: string): string {
  return `ssh-remote+${alias}`;
}

/** The parts of `vscode-remote://ssh-remote+web.berth/home/ubuntu/project`. */
export function folderAddress(
  alias: string,
  path: string,
): { scheme: string; authority: string; path: string } {
  return { scheme: "vscode-remote", authority: authorityOf(alias), path };
}

export type WindowChoice = "auto" | "new" | "same";

/** Whether a new window is to be opened: by itself only where this one shows something that would be left. */
export function wantsNewWindow(choice: WindowChoice, windowIsUsed: boolean): boolean {
  return choice === "auto" ? windowIsUsed : choice === "new";
}

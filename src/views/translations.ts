/** Imported first by the extension, for its effect: from then on every text is in the language of the editor. */
import * as vscode from "vscode";
import { useTranslations } from "./l10n.ts";

useTranslations(vscode.l10n.t);

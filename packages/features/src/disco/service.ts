import { defineService, type Session } from '@parley/core';
import type { DataForm, DiscoIdentity, DiscoInfo, DiscoItem } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';

/** What a feature adds to what accounts say. `asker` is a bare JID that may see the presence of the account, or is its own. */
export interface AccountDisco {
  readonly identities: readonly DiscoIdentity[];
  items(account: AccountRecord, asker: string): Awaitable<readonly DiscoItem[]>;
  /** Of one of its nodes; undefined when it is not one of these, or not for this asker. */
  node(account: AccountRecord, asker: string, name: string): Awaitable<DiscoInfo | undefined>;
  nodeItems(account: AccountRecord, asker: string, name: string): Awaitable<readonly DiscoItem[] | undefined>;
}

/** Nodes that a feature adds to the host. Both throw StanzaError for who may not ask. */
export interface HostNodes {
  /** undefined when it is not one of these. */
  node(from: Session, name: string): DiscoInfo | undefined;
  items(from: Session, name: string): readonly DiscoItem[] | undefined;
}

/** Lent by the disco feature: what the host says of itself. */
export interface Disco {
  /** Features sorted, each once; without a node. */
  hostInfo(): DiscoInfo;
  /** Has disco#info with this node answered like the one without (XEP-0115 §6.2). `known` is asked at each request. */
  alsoAt(known: (node: string) => boolean): void;
  /** Adds to what accounts say of themselves; answers the undo. */
  onAccounts(more: AccountDisco): () => void;
  /** Adds nodes to the host; answers the undo. */
  onHost(nodes: HostNodes): () => void;
  /** Adds a form to what the host says (XEP-0128); answers the undo. */
  addForm(form: DataForm): () => void;
}
export const disco = defineService<Disco>('disco');

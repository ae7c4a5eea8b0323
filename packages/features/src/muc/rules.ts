/** Who may do what in a room (XEP-0045 §5). Pure. */
import { MUC_AFFILIATIONS, MUC_ROLES, type MucAffiliation, type MucRole, type StanzaErrorCondition } from '@parley/protocol';

export const rankOf = (affiliation: MucAffiliation): number => MUC_AFFILIATIONS.indexOf(affiliation);
export const roleRank = (role: MucRole): number => MUC_ROLES.indexOf(role);
export const isMember = (affiliation: MucAffiliation): boolean => rankOf(affiliation) >= rankOf('member');
export const isAdmin = (affiliation: MucAffiliation): boolean => rankOf(affiliation) >= rankOf('admin');

/** §5.1.2: the role somebody comes in with. */
export function initialRole(affiliation: MucAffiliation, moderated: boolean): MucRole {
  if (affiliation === 'outcast') return 'none';
  if (isAdmin(affiliation)) return 'moderator';
  return moderated && affiliation === 'none' ? 'visitor' : 'participant';
}

/** §5.1.3: the role after a change of the affiliation; what was granted beyond it stays, what hung on it goes. */
export function roleAfter(role: MucRole, before: MucAffiliation, now: MucAffiliation, moderated: boolean): MucRole {
  const due = initialRole(now, moderated);
  if (isAdmin(before) && !isAdmin(now)) return due;
  return roleRank(role) > roleRank(due) ? role : due;
}

export interface Actor {
  readonly affiliation: MucAffiliation;
  readonly role: MucRole;
  readonly self: boolean;
}

/**
 * Whether this change of an affiliation is allowed (§5.2.2, §9, §10); undefined when it is. `lastOwner`: the target is the only owner.
 */
export function refuseAffiliation(
  actor: Actor,
  before: MucAffiliation,
  now: MucAffiliation,
  lastOwner: boolean,
): StanzaErrorCondition | undefined {
  if (!isAdmin(actor.affiliation)) return 'forbidden';
  if (lastOwner && now !== 'owner') return 'conflict';
  if (actor.self && now === 'outcast') return 'conflict';
  if (actor.affiliation === 'owner') return undefined;
  // An admin has members, strangers and bans to decide about; the lists of admins and owners are the owners'.
  if (isAdmin(now)) return 'forbidden';
  if (isAdmin(before)) return actor.self && rankOf(now) < rankOf(before) ? undefined : 'not-allowed';
  return undefined;
}

/** Whether this change of a role is allowed (§8, §9.6 to §9.8); undefined when it is. */
export function refuseRole(
  actor: Actor,
  target: { readonly affiliation: MucAffiliation; readonly role: MucRole },
  now: MucRole,
): StanzaErrorCondition | undefined {
  if (actor.role !== 'moderator') return 'forbidden';
  if (now === 'moderator') return isAdmin(actor.affiliation) ? undefined : target.role === 'moderator' ? undefined : 'forbidden';
  // Nobody takes from an admin or owner what comes with the affiliation; to throw one out needs a higher one.
  if (now === 'none') {
    if (rankOf(target.affiliation) > rankOf(actor.affiliation)) return 'not-allowed';
    if (target.role === 'moderator' && !isAdmin(actor.affiliation) && !actor.self) return 'not-allowed';
    return undefined;
  }
  if (isAdmin(target.affiliation)) return 'not-allowed';
  if (target.role === 'moderator') return isAdmin(actor.affiliation) || actor.self ? undefined : 'not-allowed';
  // §8.4: not from somebody of the own level or above, unless both are nobody in particular.
  if (now === 'visitor' && target.role === 'participant' && rankOf(target.affiliation) >= rankOf(actor.affiliation))
    return target.affiliation === 'none' && actor.affiliation === 'none' ? undefined : 'not-allowed';
  return undefined;
}

/** §9.5, §10.5, §10.8: who may read a list of people. */
export function mayReadList(
  list: MucAffiliation,
  asker: { readonly affiliation: MucAffiliation; readonly role: MucRole },
  room: { readonly membersOnly: boolean; readonly showsAddresses: boolean; readonly memberList: readonly MucRole[] },
): boolean {
  if (isAdmin(asker.affiliation)) return list !== 'none';
  if (list === 'outcast' || list === 'none') return false;
  if (!room.showsAddresses) return false;
  // In a group everybody knows who is in it, there or not.
  if (isMember(asker.affiliation)) return true;
  return asker.role !== 'none' && room.memberList.includes(asker.role);
}

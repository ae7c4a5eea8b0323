// R9: the whole matrix of who may what, against what must hold whoever asks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MUC_AFFILIATIONS, MUC_ROLES } from '@parley/protocol';
import { isAdmin, mayReadList, rankOf, refuseAffiliation, refuseRole, roleAfter, roleRank } from './rules.ts';

test('affiliation escalation: nobody gives more than is theirs to give, nor takes from those above', () => {
  for (const affiliation of MUC_AFFILIATIONS)
    for (const role of MUC_ROLES)
      for (const before of MUC_AFFILIATIONS)
        for (const now of MUC_AFFILIATIONS)
          for (const self of [false, true])
            for (const lastOwner of before === 'owner' ? [false, true] : [false]) {
              const refusal = refuseAffiliation({ affiliation, role, self }, before, now, lastOwner);
              const what = `${affiliation} makes ${self ? 'oneself' : `a ${before}`} ${now}${lastOwner ? ', the last owner' : ''}`;
              if (!isAdmin(affiliation)) assert.equal(refusal, 'forbidden', what);
              else if (lastOwner && now !== 'owner') assert.equal(refusal, 'conflict', what);
              else if (self && now === 'outcast') assert.equal(refusal, 'conflict', what);
              else if (affiliation === 'owner') assert.equal(refusal, undefined, what);
              else if (isAdmin(now)) assert.equal(refusal, 'forbidden', what);
              else if (isAdmin(before)) assert.equal(refusal, self ? undefined : 'not-allowed', what);
              else assert.equal(refusal, undefined, what);
            }
});

test('role escalation: only who moderates changes roles, makes nobody a moderator without being an admin, and harms nobody above', () => {
  for (const affiliation of MUC_AFFILIATIONS)
    for (const role of MUC_ROLES)
      for (const target of MUC_AFFILIATIONS)
        for (const was of MUC_ROLES)
          for (const now of MUC_ROLES)
            for (const self of [false, true]) {
              const refusal = refuseRole({ affiliation, role, self }, { affiliation: target, role: was }, now);
              const what = `${affiliation}, ${role}, makes ${self ? 'oneself' : `a ${target}, ${was},`} ${now}`;
              if (role !== 'moderator') assert.equal(refusal, 'forbidden', what);
              if (refusal !== undefined) continue;
              if (now === 'moderator') assert.ok(isAdmin(affiliation) || was === 'moderator', what);
              if (now === 'none') assert.ok(rankOf(target) <= rankOf(affiliation), what);
              if (now !== 'none' && now !== 'moderator') assert.ok(!isAdmin(target), what);
              if (now === 'visitor' && was === 'participant')
                assert.ok(rankOf(target) < rankOf(affiliation) || (target === 'none' && affiliation === 'none'), what);
            }
});

test('what hung on being an admin goes with it; what was given beyond stays', () => {
  for (const moderated of [false, true])
    for (const before of MUC_AFFILIATIONS)
      for (const now of MUC_AFFILIATIONS)
        for (const role of MUC_ROLES) {
          const after = roleAfter(role, before, now, moderated);
          if (isAdmin(before) && !isAdmin(now)) assert.notEqual(after, 'moderator', `${before} becomes ${now}`);
          else assert.ok(roleRank(after) >= roleRank(role), `${before} becomes ${now}: nothing that was given goes`);
          if (isAdmin(now)) assert.equal(after, 'moderator');
        }
});

test('lists are for those who are entitled: bans for admins, others where addresses are shown', () => {
  for (const list of MUC_AFFILIATIONS)
    for (const affiliation of MUC_AFFILIATIONS)
      for (const role of MUC_ROLES)
        for (const showsAddresses of [false, true])
          for (const memberList of [[], ['moderator'], ['moderator', 'participant', 'visitor']] as const) {
            const may = mayReadList(list, { affiliation, role }, { membersOnly: true, showsAddresses, memberList });
            const what = `${affiliation}, ${role}, reads ${list}`;
            if (list === 'none') assert.equal(may, false, what);
            else if (isAdmin(affiliation)) assert.equal(may, true, what);
            else if (list === 'outcast' || !showsAddresses) assert.equal(may, false, what);
            else if (affiliation === 'none' || affiliation === 'outcast')
              assert.equal(may, role !== 'none' && (memberList as readonly string[]).includes(role), what);
          }
});

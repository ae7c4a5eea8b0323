/** What `/metrics` tells. */
import { identities } from '@parley/features/identity/service';
import type { Metric } from '@parley/http';
import type { ConnectionGate } from '@parley/transports';
import { type Engine, stateOf } from './engine.ts';

/** A fresh snapshot. */
export function metrics(engine: Engine, gate: ConnectionGate): Metric[] {
  const state = stateOf(engine);
  const gauge = (name: string, about: string, value: number): Metric => ({ name, about, kind: 'gauge', value });
  const counter = (name: string, about: string, value: number): Metric => ({ name, about, kind: 'counter', value });
  return [
    gauge('connections', 'Open XMPP and WebSocket connections.', gate.open),
    counter('connections_refused_total', 'Connections refused because there were too many.', gate.refused),
    gauge('sessions', 'Signed-in devices, those that may still resume included.', state.sessions),
    gauge('sessions_detached', 'Devices whose connection broke and that may still resume.', state.detachedSessions),
    gauge('commits_pending', 'Messages that wait for their commit.', state.pendingCommits),
    counter('sign_ins_total', 'Sign-ins and resumptions.', state.signIns),
    counter('sign_ins_failed_total', 'Sign-ins refused.', state.signInsFailed),
    counter('messages_total', 'Messages that clients sent.', state.messages),
    counter('messages_kept_total', 'Messages stored in mailboxes.', state.messagesKept),
    counter('presences_total', 'Presence stanzas that clients sent.', state.presences),
    counter('iqs_total', 'Requests that clients sent.', state.iqs),
    counter('stream_errors_total', 'Streams closed with an error.', state.streamErrors),
    ...identityMetrics(engine, gauge, counter),
  ];
}

type Make = (name: string, about: string, value: number) => Metric;

/** Limits on codes, and how their ways do. Nothing while no codes are sent. */
function identityMetrics(engine: Engine, gauge: Make, counter: Make): Metric[] {
  const all: Metric[] = [];
  for (const { domain, features } of engine.hosts) {
    const service = features.service(identities);
    if (service === undefined) continue;
    for (const { name, taken, refused, exhausted } of service.limits()) {
      const labels = { domain, limit: name };
      all.push(
        { ...counter('identity_limit_taken_total', 'What a limit on codes has let through.', taken), labels },
        { ...counter('identity_limit_refused_total', 'What a limit on codes has refused.', refused), labels },
        { ...gauge('identity_limit_exhausted', 'Addresses, numbers or budgets that have none left.', exhausted), labels },
      );
    }
    const about = 'Whether somebody was refused in the last hour because a budget for short messages was used up.';
    all.push({ ...gauge('sms_budget_alarm', about, service.smsAlarm ? 1 : 0), labels: { domain } });
  }
  for (const { name, sent, entered, failed, delivered, undelivered, score } of engine.smsWays()) {
    const labels = { provider: name };
    all.push(
      { ...counter('sms_sent_total', 'Short messages that a provider took.', sent), labels },
      { ...counter('sms_entered_total', 'Codes that were typed in, by the provider that carried them.', entered), labels },
      { ...counter('sms_failed_total', 'Short messages that a provider did not take.', failed), labels },
      { ...counter('sms_delivered_total', 'Short messages that arrived, by receipts.', delivered), labels },
      { ...counter('sms_undelivered_total', 'Short messages that did not arrive, by receipts.', undelivered), labels },
      { ...gauge('sms_score', 'How well a provider does, from 0 to 1.', score), labels },
    );
  }
  return all;
}
